// Between Arrow's Status and our Result, and a few things every folder does with batches.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include <memory>
#include <vector>

#include "base/result.h"
#include "model/type.h"

namespace ticklake {

using BatchPtr = std::shared_ptr<arrow::RecordBatch>;
using Batches = std::vector<BatchPtr>;

// The status as our error: out of memory and I/O are Unavailable, the rest Invalid. `status` must
// not be ok.
Error from_arrow(const arrow::Status& status);

template <typename T>
Result<T> from_arrow(arrow::Result<T> result) {
  if (!result.ok()) return from_arrow(result.status());
  return std::move(result).ValueUnsafe();
}

#define TRY_ARROW(expression) TRY(::ticklake::from_arrow(expression))
#define TRY_STATUS(expression)                   \
  do {                                           \
    ::arrow::Status try_status = (expression);   \
    if (!try_status.ok()) [[unlikely]]           \
      return ::ticklake::from_arrow(try_status); \
  } while (false)

int64_t row_count(const Batches& batches);
int64_t byte_size(const Batches& batches);  // of the buffers that they refer to

// A batch of `schema` with no rows.
BatchPtr empty_batch(const Schema& schema);

}  // namespace ticklake
