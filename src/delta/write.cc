#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/uuid.h"
#include "delta/delta.h"
#include "delta/parquet_file.h"
#include "delta/paths.h"
#include "delta/rows_in.h"
#include "delta/rules.h"
#include "delta/statistics.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kRowGroupBytesMax = 64
                                      << 20;  // of input: what one writer holds in memory at most
constexpr int64_t kRowsPerSlice = 64 << 10;
constexpr int64_t kIndexedColumns = 32;

// The columns that go into files, and what each file needs.
struct Target {
  io::FileStore& files;
  const io::Clock& clock;
  const Snapshot& snapshot;
  const WriteOptions& options;
  Schema schema;             // without the partition columns
  std::vector<int> columns;  // their places in the table's schema
};

Target target_of(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                 const WriteOptions& options) {
  Target out{files, clock, snapshot, options, {}, {}};
  const auto& partitions = snapshot.metadata().partition_columns;
  const auto& fields = snapshot.schema().fields;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (std::find(partitions.begin(), partitions.end(), fields[i].name) != partitions.end()) {
      continue;
    }
    out.schema.fields.push_back(fields[i]);
    out.columns.push_back(static_cast<int>(i));
  }
  return out;
}

// An open file of one partition.
struct OpenFile {
  std::string path;  // relative to the root
  ParquetFile file;
};

Result<OpenFile> open_file(const Target& target, const Values& values, const BatchPtr& sample) {
  std::string path = partition_directory(target.snapshot.metadata().partition_columns, values) +
                     fmt::format("part-00000-{}-c000.zstd.parquet", new_uuid());
  int64_t group = std::clamp<int64_t>(target.options.target_file_bytes, 1, kRowGroupBytesMax);
  ParquetFile file = TRY(ParquetFile::create(target.files, io::join(target.snapshot.root(), path),
                                             to_arrow(target.schema), sample, group));
  return OpenFile{std::move(path), std::move(file)};
}

Result<AddFile> closed(const Target& target, const Values& values, OpenFile open) {
  ParquetFile::Done done = TRY(open.file.close());
  AddFile add;
  add.path = std::move(open.path);
  add.partition_values = values;
  add.size = done.size;
  add.modified_ms = target.clock.now_ms();
  add.tags = target.options.tags;
  int64_t columns =
      config_count(target.snapshot.metadata(), "delta.dataSkippingNumIndexedCols", kIndexedColumns);
  add.stats = statistics_json(target.schema, *done.metadata, done.columns_with_nan, columns);
  return add;
}

// Rows a slice may have so that files end near their target.
int64_t slice_rows(const arrow::RecordBatch& batch, int64_t target_bytes) {
  auto bytes = arrow::util::ReferencedBufferSize(batch);
  int64_t row_bytes = bytes.ok() ? *bytes / std::max<int64_t>(batch.num_rows(), 1) : 1;
  return std::clamp<int64_t>(target_bytes / std::max<int64_t>(row_bytes, 1), 1, kRowsPerSlice);
}

// Writes one partition's rows; files finished so far are in `out` even where it fails.
Result<void> write_partition(const Target& target, const Batches& batches,
                             const PartitionRows& partition, std::vector<AddFile>& out) {
  std::optional<OpenFile> open;
  for (const PartitionRows::Piece& piece : partition.pieces) {
    BatchPtr rows = TRY(rows_of(piece, batches, target.columns));
    int64_t step = slice_rows(*rows, target.options.target_file_bytes);
    for (int64_t at = 0; at < rows->num_rows(); at += step) {
      BatchPtr slice = rows->Slice(at, step);
      if (!open) open = TRY(open_file(target, partition.values, slice));
      TRY(open->file.write(*slice));
      if (open->file.bytes() < target.options.target_file_bytes) continue;
      out.push_back(TRY(closed(target, partition.values, *std::move(open))));
      open.reset();
    }
  }
  if (open) out.push_back(TRY(closed(target, partition.values, *std::move(open))));
  return {};
}

Result<void> write_all(const Target& target, const Batches& batches, std::vector<AddFile>& out) {
  auto partitions = TRY(by_partition(target.snapshot.metadata(), batches));
  for (const PartitionRows& partition : partitions) {
    TRY(write_partition(target, batches, partition, out));
  }
  return {};
}

}  // namespace

Result<std::vector<AddFile>> write(io::FileStore& files, const io::Clock& clock,
                                   const Snapshot& snapshot, const Batches& batches,
                                   const WriteOptions& options) {
  TRY(check_writable(snapshot.state()));
  Batches good;
  int64_t rows = 0;
  for (const BatchPtr& batch : batches) {
    good.push_back(TRY(enforced(snapshot.root(), snapshot.schema(), batch, rows)));
    rows += batch->num_rows();
  }
  Target target = target_of(files, clock, snapshot, options);
  std::vector<AddFile> out;
  auto written = write_all(target, good, out);
  if (written) return out;
  // No one will ever name these files; what cannot be removed now is left to vacuum.
  for (const AddFile& add : out) (void)files.remove(io::join(snapshot.root(), add.path));
  return prefixed(snapshot.root(), std::move(written).error());
}

}  // namespace ticklake::delta
