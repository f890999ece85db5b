#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <algorithm>

#include "delta/data_file.h"
#include "delta/rows_in.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kRowsPerSlice = 64 << 10;

// Rows a slice may have so that files end near their target.
int64_t slice_rows(const arrow::RecordBatch& batch, int64_t target_bytes) {
  auto bytes = arrow::util::ReferencedBufferSize(batch);
  int64_t row_bytes = bytes.ok() ? *bytes / std::max<int64_t>(batch.num_rows(), 1) : 1;
  return std::clamp<int64_t>(target_bytes / std::max<int64_t>(row_bytes, 1), 1, kRowsPerSlice);
}

// Writes one partition's rows; files finished so far are in `out` even where it fails.
Result<void> write_partition(const DataFilePlan& plan, const Batches& batches,
                             const PartitionRows& partition, std::vector<AddFile>& out) {
  std::optional<DataFile> open;
  for (const PartitionRows::Piece& piece : partition.pieces) {
    BatchPtr rows = TRY(rows_of(piece, batches, plan.columns));
    int64_t step = slice_rows(*rows, plan.options.target_file_bytes);
    for (int64_t at = 0; at < rows->num_rows(); at += step) {
      BatchPtr slice = rows->Slice(at, step);
      if (!open) open = TRY(open_data_file(plan, partition.values, slice));
      TRY(open->file.write(*slice));
      if (open->file.bytes() < plan.options.target_file_bytes) continue;
      out.push_back(TRY(closed_data_file(plan, partition.values, *std::move(open))));
      open.reset();
    }
  }
  if (open) out.push_back(TRY(closed_data_file(plan, partition.values, *std::move(open))));
  return {};
}

Result<void> write_all(const DataFilePlan& plan, const Batches& batches,
                       std::vector<AddFile>& out) {
  auto partitions = TRY(by_partition(plan.snapshot.metadata(), batches));
  for (const PartitionRows& partition : partitions) {
    TRY(write_partition(plan, batches, partition, out));
  }
  return {};
}

}  // namespace

Result<std::vector<AddFile>> written(const DataFilePlan& plan, const Batches& batches) {
  std::vector<AddFile> out;
  auto done = write_all(plan, batches, out);
  if (done) return out;
  // No one will ever name these files; what cannot be removed now is left to vacuum.
  const io::Path& root = plan.snapshot.root();
  for (const AddFile& add : out) (void)plan.files.remove(io::join(root, add.path));
  return prefixed(root, std::move(done).error());
}

Result<std::vector<AddFile>> write(io::FileStore& files, const io::Clock& clock,
                                   const Snapshot& snapshot, const Batches& batches,
                                   const WriteOptions& options) {
  TRY(check_writable(snapshot.state()));
  Batches good;
  int64_t rows = 0;
  for (const BatchPtr& batch : batches) {
    good.push_back(TRY(checked_rows(snapshot, options, batch, rows)));
    rows += batch->num_rows();
  }
  return written(data_file_plan(files, clock, snapshot, options), good);
}

}  // namespace ticklake::delta
