// "Checkpoints": classic, multi-part, and V2 with sidecars, all by the actions that they hold.
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/properties.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <array>

#include "delta/checkpoint_rows.h"
#include "delta/parquet_file.h"
#include "delta/paths.h"
#include "delta/replay.h"
#include "model/arrow.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kRowsPerBatch = 16 << 10;
constexpr std::array kFields = {"path",
                                "partitionValues",
                                "size",
                                "modificationTime",
                                "dataChange",
                                "stats",
                                "tags",
                                "deletionVector",
                                "deletionTimestamp",
                                "extendedFileMetadata",
                                "appId",
                                "version",
                                "lastUpdated",
                                "domain",
                                "configuration",
                                "removed",
                                "minReaderVersion",
                                "minWriterVersion",
                                "readerFeatures",
                                "writerFeatures",
                                "id",
                                "name",
                                "description",
                                "schemaString",
                                "partitionColumns",
                                "createdTime"};

Error damaged(const io::Path& path, std::string_view why) {
  return Error{Code::Corrupt, fmt::format("{}: the checkpoint is damaged: {}", path, why)};
}

// Tombstones can be most of a checkpoint, and who reads the table does not want them.
enum class Wanted : uint8_t { State, Tombstones };

// Without parsed statistics and the like, which can be most of the rest.
std::vector<int> needed_leaves(const parquet::arrow::SchemaManifest& manifest, Wanted wanted) {
  std::vector<int> out;
  for (const auto& action : manifest.schema_fields) {
    bool tombstones = action.field->name() == "remove";
    bool links = action.field->name() == "sidecar";
    if (tombstones != (wanted == Wanted::Tombstones) && !links) continue;
    for (const auto& field : action.children) {
      const std::string& name = field.field->name();
      if (std::find(kFields.begin(), kFields.end(), name) != kFields.end()) {
        append_leaves(field, out);
      }
    }
  }
  return out;
}

// How many of the row group's values in a column are not NULL, as far as is known.
int64_t values_in(const parquet::RowGroupMetaData& group, int leaf) {
  auto chunk = group.ColumnChunk(leaf);
  auto statistics = chunk->encoded_statistics();
  bool known = statistics && statistics->has_null_count;
  return chunk->num_values() - (known ? statistics->null_count : 0);
}

// The row groups in which one of the columns has a value.
std::vector<int> groups_with(const parquet::FileMetaData& file, const std::vector<int>& leaves) {
  std::vector<int> out;
  for (int i = 0; i < file.num_row_groups(); ++i) {
    auto group = file.RowGroup(i);
    auto has = [&](int leaf) { return values_in(*group, leaf) > 0; };
    if (std::any_of(leaves.begin(), leaves.end(), has)) out.push_back(i);
  }
  return out;
}

int64_t count_tombstones(const parquet::FileMetaData& file) {
  int leaf = file.schema()->ColumnIndex("remove.path");
  int64_t out = 0;
  for (int i = 0; leaf >= 0 && i < file.num_row_groups(); ++i) {
    out += values_in(*file.RowGroup(i), leaf);
  }
  return out;
}

// Visits the file's batches; the visitor's error ends it. How many tombstones the file has.
template <typename Visit>  // Result<void> visit(const arrow::RecordBatch&)
Result<int64_t> for_each_batch(const std::shared_ptr<arrow::io::RandomAccessFile>& source,
                               const io::Path& path, Wanted wanted, Visit&& visit) {
  parquet::ArrowReaderProperties properties(false);
  properties.set_batch_size(kRowsPerBatch);
  properties.set_pre_buffer(false);
  parquet::ReaderProperties checked = parquet::default_reader_properties();
  checked.set_page_checksum_verification(true);  // pages without a checksum are read all the same
  try {
    parquet::arrow::FileReaderBuilder builder;
    auto opened = builder.Open(source, checked);
    if (!opened.ok()) return damaged(path, opened.message());
    auto reader = builder.properties(properties)->Build();
    if (!reader.ok()) return damaged(path, reader.status().message());
    const auto& metadata = *(*reader)->parquet_reader()->metadata();
    std::vector<int> leaves = needed_leaves((*reader)->manifest(), wanted);
    auto rows = (*reader)->GetRecordBatchReader(groups_with(metadata, leaves), leaves);
    if (!rows.ok()) return damaged(path, rows.status().message());
    while (true) {
      BatchPtr batch;
      auto status = (*rows)->ReadNext(&batch);
      if (!status.ok()) return damaged(path, status.message());
      if (!batch) return count_tombstones(metadata);
      if (auto visited = visit(*batch); !visited) {
        return prefixed(path, std::move(visited).error());
      }
    }
  } catch (const std::exception& problem) {
    return damaged(path, problem.what());
  }
}

// Collects a checkpoint's actions. Files and transactions go in at once when all are known, in O(n
// log n) of moves.
struct Collected {
  Entry head;  // protocol, metadata, sidecars
  std::vector<PersistentMap<std::shared_ptr<const AddFile>>::Entry> files;
  int64_t tombstones = 0;
  std::vector<PersistentMap<Txn>::Entry> txns;
  std::vector<PersistentMap<std::string>::Entry> domains;
};

void collect(Entry entry, Collected& out) {
  if (entry.protocol) out.head.protocol = std::move(entry.protocol);
  if (entry.metadata) out.head.metadata = std::move(entry.metadata);
  for (Sidecar& sidecar : entry.sidecars) out.head.sidecars.push_back(std::move(sidecar));
  for (AddFile& file : entry.adds) {
    std::string path = file.path;
    out.files.emplace_back(std::move(path), std::make_shared<const AddFile>(std::move(file)));
  }
  for (auto& txn : entry.txns) out.txns.push_back(std::move(txn));
  for (Domain& domain : entry.domains) {
    if (!domain.removed) {
      out.domains.emplace_back(std::move(domain.name), std::move(domain.configuration));
    }
  }
}

template <typename MapEntry>
void make_sorted(std::vector<MapEntry>& entries) {
  auto less = [](const MapEntry& a, const MapEntry& b) { return a.first < b.first; };
  auto same = [](const MapEntry& a, const MapEntry& b) { return a.first == b.first; };
  if (!std::is_sorted(entries.begin(), entries.end(), less)) {
    std::stable_sort(entries.begin(), entries.end(), less);
  }
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
}

// Hands on the actions of one file of a checkpoint, a run of rows at a time, and tells how many
// tombstones there are.
template <typename Take>  // Result<void> take(Entry)
Result<int64_t> read_part(io::FileStore& files, const io::Path& path, Wanted wanted, Take&& take) {
  if (path.ends_with(".json")) {
    std::string bytes = TRY(files.read(path));
    auto entry = parse_entry(bytes);
    if (!entry) return prefixed(path, std::move(entry).error());
    auto tombstones = static_cast<int64_t>(entry->removes.size());
    TRY(take(*std::move(entry)));
    return tombstones;
  }
  auto source = TRY(files.open(path));
  return for_each_batch(source, path, wanted, [&](const arrow::RecordBatch& batch) -> Result<void> {
    Entry entry;
    TRY(append_rows(batch, entry));
    return take(std::move(entry));
  });
}

io::Path sidecar_location(const io::Path& root, const std::string& path) {
  bool name_only = path.find('/') == std::string::npos;
  return name_only ? io::join(io::join(log_directory(root), "_sidecars"), path)
                   : file_location(root, path);
}

}  // namespace

Result<State> read_checkpoint(io::FileStore& files, const io::Path& root,
                              const CheckpointFiles& checkpoint) {
  Collected all;
  auto take = [&](Entry entry) -> Result<void> {
    collect(std::move(entry), all);
    return {};
  };
  for (const io::Path& part : checkpoint.parts) {
    all.tombstones += TRY(read_part(files, part, Wanted::State, take));
  }
  for (const Sidecar& sidecar : std::vector<Sidecar>(all.head.sidecars)) {
    io::Path path = sidecar_location(root, sidecar.path);
    all.tombstones += TRY(read_part(files, path, Wanted::State, take));
  }
  if (!all.head.protocol || !all.head.metadata) {
    return damaged(checkpoint.parts.front(), "it has no protocol or no metaData");
  }
  State state;
  state.root = root;
  state.version = checkpoint.version;
  state.checkpoint_version = checkpoint.version.value;
  state.protocol = std::make_shared<const Protocol>(*std::move(all.head.protocol));
  state.metadata = std::make_shared<const Metadata>(*std::move(all.head.metadata));
  make_sorted(all.files);
  make_sorted(all.txns);
  make_sorted(all.domains);
  state.files = decltype(state.files)::from_sorted(std::move(all.files));
  state.base = checkpoint;
  state.base_tombstones = all.tombstones;
  state.txns = decltype(state.txns)::from_sorted(std::move(all.txns));
  state.domains = decltype(state.domains)::from_sorted(std::move(all.domains));
  return state;
}

Result<void> for_each_tombstone(io::FileStore& files, const State& state,
                                const std::function<Result<void>(const Tombstone&)>& visit) {
  std::vector<Sidecar> sidecars;
  auto take = [&](Entry entry) -> Result<void> {
    for (const Tombstone& gone : entry.removes) {
      std::string key = key_of(gone.path, gone.deletion_vector);
      const auto* live = state.files.find(gone.path);
      bool again = live && key_of(gone.path, (*live)->deletion_vector) == key;
      if (!again && !state.tombstones.find(key)) TRY(visit(gone));
    }
    for (Sidecar& sidecar : entry.sidecars) sidecars.push_back(std::move(sidecar));
    return {};
  };
  for (const io::Path& part : state.base.parts) {
    TRY(read_part(files, part, Wanted::Tombstones, take));
  }
  for (const Sidecar& sidecar : std::vector<Sidecar>(sidecars)) {
    TRY(read_part(files, sidecar_location(state.root, sidecar.path), Wanted::Tombstones, take));
  }
  Result<void> done;
  state.tombstones.for_each([&](const std::string&, const auto& gone) {
    if (done) done = visit(*gone);
  });
  return done;
}

}  // namespace ticklake::delta
