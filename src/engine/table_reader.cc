// Invariant: version(v) gives equal rows whether the hub or the log answers; both hold what one
// commit of the writing flow added, cut into the same runs by partition.
#include "table_reader.h"

#include <arrow/array/util.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/time.h"
#include "engine/engine.h"
#include "model/columns.h"
#include "partition_tag.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kCommitsAhead = 64;
constexpr int64_t kLookUs = 100'000;  // between two looks at a log that others write
constexpr const char* kRebuild = "rebuild what streams from it with --full-refresh";

int64_t sequence_of(const delta::AddFile& file) {
  auto tag = file.tags.find(kSequenceTag);
  if (tag == file.tags.end() || tag->second.empty() || tag->second.size() > 18) return -1;
  int64_t out = 0;
  for (char c : tag->second) {
    if (c < '0' || c > '9') return -1;
    out = out * 10 + (c - '0');
  }
  return out;
}

bool is_read_as(const Type& stored, const Type& wanted) {
  return grows_into(stored, wanted) || delta::widens(stored, wanted);
}

// Whether rows of one schema are read as those of the other. `older`: columns may have come since,
// which are NULL in its rows.
bool is_read_as(const Schema& stored, const Schema& wanted, bool older) {
  return std::all_of(wanted.fields.begin(), wanted.fields.end(), [&](const Field& field) {
    int at = stored.find(field.name);
    if (at < 0) return older;
    return is_read_as(stored.fields[static_cast<size_t>(at)].type, field.type);
  });
}

// "b INT is gone", of the first column that is not as it is read.
std::string difference(const Schema& stored, const Schema& wanted) {
  for (const Field& field : wanted.fields) {
    int at = stored.find(field.name);
    if (at < 0) return field.name + " " + to_sql(field.type) + " is gone";
    const Type& is = stored.fields[static_cast<size_t>(at)].type;
    if (is_read_as(is, field.type)) continue;
    return fmt::format("{} is {} in it, and read as {}", field.name, to_sql(is),
                       to_sql(field.type));
  }
  return "its columns differ";
}

}  // namespace

Result<TableReader> TableReader::open(io::FileStore& files, const Hub& hub, Source source) {
  auto snapshot = delta::open(files, source.root);
  if (!snapshot) return prefixed("table " + source.name, snapshot.error());
  TableReader out(files, hub, std::move(source), *std::move(snapshot));
  TRY(out.check_opened());
  return out;
}

// The statements were planned for the columns that the table had then.
Result<void> TableReader::check_opened() const {
  if (!path_of_table(source_.name)) return {};
  Schema wanted = with_columns(source_.schema, stored_columns());
  for (const Field& field : wanted.fields) {
    int at = snapshot_.schema().find(field.name);
    const auto& fields = snapshot_.schema().fields;
    if (at >= 0 && fields[static_cast<size_t>(at)].type == field.type) continue;
    return Error{Code::Invalid,
                 fmt::format("version {} of table {} has another schema than the run began with: "
                             "{}; run again",
                             snapshot_.version().value, source_.name,
                             difference(snapshot_.schema(), wanted))};
  }
  return {};
}

Version TableReader::newest() const {
  auto announced = hub_->newest(source_.name);
  return announced ? std::max(*announced, tip_.version()) : tip_.version();
}

Result<void> TableReader::look() {
  if (source_.clock == nullptr) return {};
  int64_t now_us = source_.clock->now_us();
  bool soon = now_us >= looked_us_ && now_us - looked_us_ < kLookUs;
  if (soon) return {};
  looked_us_ = now_us;
  auto tip = delta::refresh(*files_, tip_);
  if (!tip) return prefixed("table " + source_.name, tip.error());
  tip_ = *std::move(tip);
  return {};
}

Result<std::optional<Version>> TableReader::first() {
  const auto& stream = source_.stream;
  auto beyond = [&](const std::string& what) {
    return Error{Code::NotFound,
                 fmt::format("{} of table {}: it ends at version {}; begin there or earlier, or "
                             "with what comes next: 'startingVersion' = 'latest'",
                             what, source_.name, newest().value)};
  };
  if (stream.from_latest) return std::optional(newest() + 1);
  if (stream.from_version) {
    Version from(*stream.from_version);
    if (from > newest()) return beyond(fmt::format("startingVersion {}", from.value));
    return std::optional(from);
  }
  if (!stream.from_us) return std::optional<Version>();
  int64_t before_ms = floor_to(*stream.from_us - 1, kMicrosPerMilli) / kMicrosPerMilli;
  auto before = delta::open_timestamp(*files_, source_.root, before_ms);
  if (!before && before.error().code != Code::NotFound) return before.error();
  if (!before) {  // all that is left is younger
    auto all = TRY(delta::history(*files_, source_.root, INT64_MAX));
    CHECK(!all.empty(), "a table that was opened has a version");
    return std::optional(all.back().version);
  }
  if (before->version() >= newest()) {
    return beyond("startingTimestamp " + format_instant(*stream.from_us));
  }
  return std::optional(before->version() + 1);
}

Result<void> TableReader::check_place(Version next) const {
  if (next <= newest() + 1) return {};
  return Error{Code::Corrupt,
               fmt::format("table {} ends at version {}, and version {} of it was read: it was put "
                           "back to an older state; {}",
                           source_.name, newest().value, next.value - 1, kRebuild)};
}

std::vector<std::string> TableReader::stored_columns() const {
  if (!source_.stream.change_feed) return source_.columns;
  std::vector<std::string> out = names_of(source_.schema);
  out.resize(out.size() - sql::change_feed_columns().size());
  return out;
}

Result<delta::Snapshot> TableReader::at(Version version) {
  if (version == snapshot_.version()) return snapshot_;
  return delta::open_version(*files_, source_.root, version);
}

std::vector<delta::AddFile> TableReader::in_order(std::vector<delta::AddFile> files) {
  std::vector<std::pair<int64_t, size_t>> order;
  for (size_t i = 0; i < files.size(); ++i) order.emplace_back(sequence_of(files[i]), i);
  bool tagged =
      std::all_of(order.begin(), order.end(), [](auto& entry) { return entry.first >= 0; });
  for (auto& entry : order) {
    if (!tagged) entry.first = files[entry.second].modified_ms;
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<delta::AddFile> out;
  for (const auto& entry : order) out.push_back(std::move(files[entry.second]));
  return out;
}

Result<void> TableReader::read_file(const delta::AddFile& file, VersionRows& out) {
  PartitionTag tag = TRY(partition_tag_of(file));
  out.partitions.insert(tag.partitions.begin(), tag.partitions.end());
  out.idle = tag.idle;
  out.tells_all = file.tags.contains(kPartitionsTag);
  out.ended = tag.ended;
  auto opened = delta::read(*files_, snapshot_, file, stored_columns());
  if (!opened && opened.error().code == Code::NotFound) {
    return Error{Code::NotFound,
                 fmt::format("version {} of table {} cannot be read any more: its file {} is gone "
                             "(vacuumed?); {}",
                             out.version.value, source_.name, file.path, kRebuild)};
  }
  auto reader = TRY(std::move(opened));
  size_t run = 0;
  int64_t left = tag.runs.empty() ? 0 : tag.runs[0].rows;
  while (true) {
    BatchPtr batch;
    TRY_STATUS(reader->ReadNext(&batch));
    if (!batch) break;
    for (int64_t at = 0; at < batch->num_rows();) {
      while (left == 0 && ++run < tag.runs.size()) left = tag.runs[run].rows;
      if (run >= tag.runs.size()) {
        return Error{Code::Corrupt, fmt::format("file {} of table {} has more rows than its tag {} "
                                                "tells",
                                                file.path, source_.name, kPartitionsTag)};
      }
      int64_t count = std::min(left, batch->num_rows() - at);
      out.pieces.push_back({tag.runs[run].partition, batch->Slice(at, count)});
      at += count;
      left -= count;
    }
  }
  return {};
}

Result<VersionRows> TableReader::read(Version version, const std::vector<delta::AddFile>& files) {
  VersionRows out{.version = version, .pieces = {}, .partitions = {}, .idle = {}};
  for (const auto& file : files) TRY(read_file(file, out));
  if (!source_.stream.change_feed) return out;
  int64_t timestamp_ms = TRY(at(version)).timestamp_ms();
  for (Piece& piece : out.pieces) {
    piece.rows = TRY(as_changes(piece.rows, version, timestamp_ms));
  }
  return out;
}

Result<const delta::Commit*> TableReader::commit(Version version) {
  while (!ahead_.empty() && ahead_.front().version < version) ahead_.pop_front();
  if (ahead_.empty() || ahead_.front().version != version) {
    Version to(std::min(newest().value, version.value + kCommitsAhead - 1));
    auto commits = delta::commits(*files_, source_.root, version, to);
    if (!commits) {
      return Error{commits.error().code,
                   fmt::format("version {} of table {} cannot be read any more ({}); {}",
                               version.value, source_.name, commits.error().message, kRebuild)};
    }
    ahead_.assign(std::make_move_iterator(commits->begin()),
                  std::make_move_iterator(commits->end()));
  }
  CHECK(!ahead_.empty() && ahead_.front().version == version, "commits() answers from `from` on");
  return &ahead_.front();
}

Error TableReader::changed(Version version, const std::string& what) const {
  return Error{Code::Invalid, fmt::format("version {} of table {} {}; {}", version.value,
                                          source_.name, what, kRebuild)};
}

Result<void> TableReader::check_metadata(const delta::Commit& commit) const {
  if (!commit.metadata) return {};
  const auto& now = *commit.metadata;
  if (now.id != id()) return changed(commit.version, "replaces it by another table");
  Schema wanted = with_columns(source_.schema, stored_columns());
  bool older = commit.version <= snapshot_.version();
  if (!is_read_as(now.schema, wanted, older)) {
    return changed(commit.version,
                   fmt::format("changes its schema: {}", difference(now.schema, wanted)));
  }
  if (now.partition_columns != snapshot_.metadata().partition_columns) {
    return changed(commit.version, "changes the columns by which it is partitioned");
  }
  return {};
}

// Rows of the table, with or without the feed's columns, as rows of its feed. Columns that they
// lack came later, and are NULL.
Result<BatchPtr> TableReader::as_changes(const BatchPtr& rows, Version version,
                                         int64_t timestamp_ms) const {
  int64_t count = rows->num_rows();
  arrow::ArrayVector columns;
  for (const Field& field : source_.schema.fields) {
    auto type = to_arrow(field.type);
    std::shared_ptr<arrow::Scalar> value = arrow::MakeNullScalar(type);
    auto column = rows->GetColumnByName(field.name);
    if (column) column = TRY(adapted(column, field.type));
    if (field.name == "_change_type") value = std::make_shared<arrow::StringScalar>("insert");
    if (field.name == "_commit_version") {
      value = std::make_shared<arrow::Int64Scalar>(version.value);
    }
    if (field.name == "_commit_timestamp") {
      value = std::make_shared<arrow::TimestampScalar>(timestamp_ms * kMicrosPerMilli, type);
    }
    if (!column) column = TRY_ARROW(arrow::MakeArrayFromScalar(*value, count));
    columns.push_back(std::move(column));
  }
  BatchPtr all = arrow::RecordBatch::Make(to_arrow(source_.schema), count, std::move(columns));
  return with_columns(all, source_.columns);
}

Result<VersionRows> TableReader::changes(Version version) {
  VersionRows out{.version = version, .pieces = {}, .partitions = {}, .idle = {}};
  auto take = [&](const delta::ChangedRows& changed) -> Result<void> {
    out.partitions.insert(Partition(0));
    out.pieces.push_back(
        {Partition(0), TRY(as_changes(changed.rows, version, changed.timestamp_ms))});
    return {};
  };
  auto read = delta::for_each_change(*files_, source_.root, version, version, take);
  if (!read) return prefixed("the change feed of table " + source_.name, read.error());
  return out;
}

Result<std::shared_ptr<const VersionRows>> TableReader::version(Version version) {
  bool feed = source_.stream.change_feed;
  if (auto handed = feed ? nullptr : hub_->find(source_.name, version)) return handed;
  const delta::Commit* found = TRY(commit(version));
  TRY(check_metadata(*found));
  if (feed) return std::make_shared<const VersionRows>(TRY(changes(version)));
  bool takes = std::any_of(found->removes.begin(), found->removes.end(),
                           [](const auto& removed) { return removed.data_change; });
  if (takes && source_.stream.skips_changes) {
    ++skipped_;
    return std::make_shared<const VersionRows>(VersionRows{.version = version});
  }
  if (takes) {
    return Error{
        Code::Invalid,
        fmt::format("version {} of table {} ({}) removes or rewrites rows, and a stream takes only "
                    "added ones; {}, or have such versions passed over: STREAM .. WITH "
                    "('skipChangeCommits' = 'true')",
                    version.value, source_.name, found->operation, kRebuild)};
  }
  std::vector<delta::AddFile> added;
  for (const auto& file : found->adds) {
    if (file.data_change) added.push_back(file);
  }
  VersionRows rows = TRY(read(version, added));
  return std::make_shared<const VersionRows>(std::move(rows));
}

}  // namespace ticklake::engine
