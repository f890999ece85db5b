// Batches on their way into files: checked against the table's schema and split by partition.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <vector>

#include "delta/actions.h"
#include "model/arrow.h"

namespace ticklake::delta {

// The batch with the table's columns in the table's order and types. Invalid: says which column is
// missing, unknown, of another type, or NULL (with the first row, counted from `first_row`) where
// the table says NOT NULL.
Result<BatchPtr> enforced(const io::Path& root, const Schema& schema, const BatchPtr& batch,
                          int64_t first_row);

// Enforced, and checked against the table's constraints. Unsupported: it has some, and `options`
// has no check.
Result<BatchPtr> checked_rows(const Snapshot& snapshot, const WriteOptions& options,
                              const BatchPtr& batch, int64_t first_row = 0);

// The rows of one partition: of each batch all rows, or the chosen ones in their order.
struct PartitionRows {
  struct Piece {
    size_t batch;
    std::shared_ptr<arrow::Array> rows;  // indices; null: all
    int64_t count;
  };
  Values values;
  std::vector<Piece> pieces;
};

// In the order of each partition's first row. `batches` are enforced ones.
Result<std::vector<PartitionRows>> by_partition(const Metadata& metadata, const Batches& batches);

// The piece's rows without the partition columns.
Result<BatchPtr> rows_of(const PartitionRows::Piece& piece, const Batches& batches,
                         const std::vector<int>& columns);

}  // namespace ticklake::delta
