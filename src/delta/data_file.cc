#include "delta/data_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/uuid.h"
#include "delta/paths.h"
#include "delta/state.h"
#include "delta/statistics.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kRowGroupBytesMax = 64
                                      << 20;  // of input: what one writer holds in memory at most
constexpr int64_t kIndexedColumns = 32;

ParquetForm form_of(const Metadata& metadata) {
  ParquetForm out;
  const auto& set = metadata.configuration;
  if (auto codec = set.find(kParquetCodec); codec != set.end()) {
    out.codec = codec_of(codec->second).value_or(out.codec);
  }
  if (auto version = set.find(kParquetVersion); version != set.end()) {
    out.deltas = version->second != kParquetVersion1;
  }
  return out;
}

// What Spark puts before ".parquet".
const char* suffix_of(parquet::Compression::type codec) {
  switch (codec) {
    case parquet::Compression::ZSTD: return ".zstd";
    case parquet::Compression::SNAPPY: return ".snappy";
    case parquet::Compression::GZIP: return ".gz";
    default: return "";
  }
}

}  // namespace

std::vector<std::string> DataFilePlan::names() const {
  std::vector<std::string> out;
  for (const Field& field : schema.fields) out.push_back(field.name);
  return out;
}

DataFilePlan data_file_plan(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                            WriteOptions options) {
  DataFilePlan out{files, clock, snapshot, std::move(options), {}, {}, {}};
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

Result<DataFile> open_data_file(const DataFilePlan& plan, const Values& values,
                                const BatchPtr& sample) {
  ParquetForm form = form_of(plan.snapshot.metadata());
  std::string path =
      plan.directory + partition_directory(plan.snapshot.metadata().partition_columns, values) +
      fmt::format("{}-00000-{}-c000{}.parquet", plan.directory.empty() ? "part" : "cdc", new_uuid(),
                  suffix_of(form.codec));
  int64_t group = std::clamp<int64_t>(plan.options.target_file_bytes, 1, kRowGroupBytesMax);
  ParquetFile file = TRY(ParquetFile::create(plan.files, io::join(plan.snapshot.root(), path),
                                             to_arrow(plan.schema), sample, group, form));
  return DataFile{std::move(path), std::move(file)};
}

Result<AddFile> closed_data_file(const DataFilePlan& plan, const Values& values, DataFile open) {
  ParquetFile::Done done = TRY(open.file.close());
  AddFile add;
  add.path = std::move(open.path);
  add.partition_values = values;
  add.size = done.size;
  add.modified_ms = plan.clock.now_ms();
  add.tags = plan.options.tags;
  int64_t columns =
      config_count(plan.snapshot.metadata(), "delta.dataSkippingNumIndexedCols", kIndexedColumns);
  add.stats = statistics_json(plan.schema, *done.metadata, done.columns_with_nan, columns);
  return add;
}

}  // namespace ticklake::delta
