#include "model/arrow.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/util/byte_size.h>

namespace ticklake {

Error from_arrow(const arrow::Status& status) {
  CHECK(!status.ok(), "from_arrow() of an ok status");
  bool world_failed = status.IsOutOfMemory() || status.IsIOError() || status.IsCancelled();
  return {world_failed ? Code::Unavailable : Code::Invalid, status.message()};
}

int64_t row_count(const Batches& batches) {
  int64_t rows = 0;
  for (const BatchPtr& batch : batches) rows += batch->num_rows();
  return rows;
}

int64_t byte_size(const Batches& batches) {
  int64_t bytes = 0;
  for (const BatchPtr& batch : batches) bytes += arrow::util::TotalBufferSize(*batch);
  return bytes;
}

BatchPtr empty_batch(const Schema& schema) {
  auto made = arrow::RecordBatch::MakeEmpty(to_arrow(schema));
  CHECK(made.ok(), "no memory for an empty batch");
  return std::move(made).ValueUnsafe();
}

}  // namespace ticklake
