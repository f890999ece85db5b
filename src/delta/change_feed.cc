// The change feed: rows that commits changed, in files of their own or told by what was added and
// removed ("Add CDC File").
#include "delta/change_feed.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <fmt/format.h>

#include "delta/change.h"
#include "delta/deletion_vector.h"
#include "delta/log.h"
#include "delta/state.h"

namespace ticklake::delta {
namespace {

Schema with_change_column(const Schema& schema) {
  Schema out = schema;
  out.fields.push_back({kChangeType, Kind::String});
  return out;
}

// Which rows of a file changed: those that are in one version of it and not in the other.
struct FileChange {
  AddFile file;
  std::optional<DeletionVector> other = {};  // what tells them apart, where the file stays
  const char* change_type;
};

class FeedReader {
 public:
  FeedReader(io::FileStore& files, const Snapshot& newest,
             const std::function<Result<void>(const ChangedRows&)>& visit)
      : files_(files), newest_(newest), visit_(visit) {
    Snapshot::State state = newest.state();
    Metadata metadata = newest.metadata();
    metadata.schema = with_change_column(metadata.schema);
    state.metadata = std::make_shared<const Metadata>(std::move(metadata));
    with_type_ = to_snapshot(std::move(state));
  }

  Result<void> version(Version version, int64_t timestamp_ms, const Entry& entry) {
    now_ = {version, timestamp_ms, nullptr};
    if (!entry.changes.empty()) {
      for (const ChangeFile& change : entry.changes) {
        AddFile file{.path = change.path, .partition_values = change.partition_values};
        TRY(for_each_batch(*with_type_, file, {},
                           [&](const BatchPtr& rows) { return give(rows); }));
      }
      return {};
    }
    for (const FileChange& change : TRY(file_changes(entry))) TRY(file(change));
    return {};
  }

 private:
  Result<void> give(const BatchPtr& rows) {
    now_.rows = rows;
    return visit_(now_);
  }

  Result<std::vector<FileChange>> file_changes(const Entry& entry) const {
    std::map<std::string, const Tombstone*> removes;
    for (const Tombstone& gone : entry.removes) {
      if (gone.data_change) removes[gone.path] = &gone;
    }
    std::vector<FileChange> out;
    for (const AddFile& add : entry.adds) {
      if (!add.data_change) continue;
      auto gone = removes.find(add.path);
      if (gone == removes.end()) {
        out.push_back({add, {}, "insert"});
        continue;
      }
      AddFile before = add;
      before.deletion_vector = gone->second->deletion_vector;
      if (add.deletion_vector) out.push_back({before, add.deletion_vector, "delete"});
      if (before.deletion_vector) out.push_back({add, before.deletion_vector, "insert"});
      removes.erase(gone);
    }
    for (const auto& [path, gone] : removes) {
      if (!gone->extended && !newest_.metadata().partition_columns.empty()) {
        return Error{Code::Unsupported,
                     fmt::format("{}: version {} has no change feed: its log does not say which "
                                 "partition the removed file {} was of",
                                 newest_.root(), now_.version.value, path)};
      }
      AddFile file{.path = path, .partition_values = gone->partition_values};
      file.deletion_vector = gone->deletion_vector;
      out.push_back({std::move(file), {}, "delete"});
    }
    return out;
  }

  Result<void> file(const FileChange& change) {
    std::vector<std::string> columns;
    for (const Field& field : newest_.schema().fields) columns.push_back(field.name);
    columns.emplace_back(kRowNumber);
    std::optional<RowSet> changed;
    if (change.other) {
      changed = TRY(read_vector(files_, newest_.root(), *change.other, kVectorRowsMax));
    }
    return for_each_batch(newest_, change.file, columns, [&](const BatchPtr& rows) -> Result<void> {
      BatchPtr chosen = changed ? TRY(rows_in(rows, *changed)) : rows;
      if (chosen->num_rows() == 0) return {};
      return give(TRY(with_change_type(newest_.schema(), chosen, change.change_type)));
    });
  }

  static Result<BatchPtr> rows_in(const BatchPtr& batch, const RowSet& rows) {
    const auto& numbers = static_cast<const arrow::Int64Array&>(*batch->columns().back());
    arrow::BooleanBuilder builder;
    for (int64_t i = 0; i < numbers.length(); ++i) {
      TRY_STATUS(builder.Append(rows.has(numbers.Value(i))));
    }
    auto mask = TRY_ARROW(builder.Finish());
    auto chosen = TRY_ARROW(arrow::compute::Filter(arrow::Datum(batch), arrow::Datum(mask)));
    return chosen.record_batch();
  }

  Result<void> for_each_batch(const Snapshot& snapshot, const AddFile& file,
                              const std::vector<std::string>& columns,
                              const std::function<Result<void>(const BatchPtr&)>& visit) {
    auto reader = TRY(read(files_, snapshot, file, columns));
    while (true) {
      auto next = reader->Next();
      if (!next.ok()) return Error{Code::Corrupt, next.status().message()};
      if (!*next) return {};
      if ((*next)->num_rows() > 0) TRY(visit(*next));
    }
  }

  io::FileStore& files_;
  const Snapshot& newest_;
  std::optional<Snapshot> with_type_;
  const std::function<Result<void>(const ChangedRows&)>& visit_;
  ChangedRows now_;
};

Error no_feed(const io::Path& root, Version version, const std::string& why) {
  return Error{Code::Unsupported,
               fmt::format("{}: version {} has no change feed: {}", root, version.value, why)};
}

// Columns may have been added since; what there was is what there is.
bool is_begun_by(const Schema& now, const Schema& then) {
  return std::all_of(then.fields.begin(), then.fields.end(), [&](const Field& field) {
    int at = now.find(field.name);
    return at >= 0 && now.fields[static_cast<size_t>(at)].type == field.type;
  });
}

Result<void> check_feed(const Snapshot& newest, Version version, const Metadata& metadata) {
  if (!config_flag(metadata, "delta.enableChangeDataFeed")) {
    return no_feed(newest.root(), version,
                   "delta.enableChangeDataFeed was not true then; start from a version at which it "
                   "was");
  }
  if (!is_begun_by(newest.schema(), metadata.schema)) {
    return no_feed(newest.root(), version,
                   fmt::format("its columns are not among those of version {}; ask for versions up "
                               "to the change of columns",
                               newest.version().value));
  }
  return {};
}

}  // namespace

DataFilePlan change_feed_plan(io::FileStore& files, const io::Clock& clock,
                              const Snapshot& snapshot) {
  DataFilePlan out = data_file_plan(files, clock, snapshot, {});
  out.directory = "_change_data/";
  out.columns.push_back(static_cast<int>(snapshot.schema().fields.size()));
  out.schema = with_change_column(out.schema);
  return out;
}

Result<BatchPtr> with_change_type(const Schema& schema, const BatchPtr& rows,
                                  const char* change_type) {
  arrow::ArrayVector columns = rows->columns();
  columns.resize(schema.fields.size());
  auto text = std::make_shared<arrow::StringScalar>(change_type);
  columns.push_back(TRY_ARROW(arrow::MakeArrayFromScalar(*text, rows->num_rows())));
  return arrow::RecordBatch::Make(to_arrow(with_change_column(schema)), rows->num_rows(),
                                  std::move(columns));
}

Result<Schema> for_each_change(io::FileStore& files, const io::Path& root, Version from, Version to,
                               const std::function<Result<void>(const ChangedRows&)>& visit) {
  if (to < from) {
    return Error{Code::Invalid,
                 fmt::format("{}: version {} comes before version {}", root, to.value, from.value)};
  }
  Snapshot newest = TRY(open_version(files, root, to));
  Metadata metadata = TRY(open_version(files, root, from)).metadata();
  FeedReader reader(files, newest, visit);
  for (Version version = from; version <= to; ++version) {
    auto commit = TRY(commits(files, root, version, version));
    Entry entry = TRY(read_entry(files, root, version));
    if (entry.metadata) metadata = *entry.metadata;
    TRY(check_feed(newest, version, metadata));
    TRY(reader.version(version, commit[0].timestamp_ms, entry));
  }
  return newest.schema();
}

}  // namespace ticklake::delta
