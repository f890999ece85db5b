// Invariant: version(v) gives equal rows whether the hub or the log answers; both hold what one
// commit of the writing flow added, cut into the same runs by partition.
#include "table_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "partition_tag.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kCommitsAhead = 64;

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

// Of an older schema: columns that came later are NULL in its rows.
bool grew_into(const Schema& stored, const Schema& wanted) {
  return std::all_of(wanted.fields.begin(), wanted.fields.end(), [&](const Field& field) {
    int at = stored.find(field.name);
    return at < 0 || grows_into(stored.fields[static_cast<size_t>(at)].type, field.type);
  });
}

}  // namespace

Result<TableReader> TableReader::open(io::FileStore& files, const Hub& hub, Source source) {
  auto snapshot = delta::open(files, source.root);
  if (!snapshot) return prefixed("table " + source.name, snapshot.error());
  return TableReader(files, hub, std::move(source), *std::move(snapshot));
}

Version TableReader::newest() const {
  auto announced = hub_->newest(source_.name);
  return announced ? std::max(*announced, snapshot_.version()) : snapshot_.version();
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
  auto opened = delta::read(*files_, snapshot_, file, source_.columns);
  if (!opened && opened.error().code == Code::NotFound) {
    return Error{Code::NotFound,
                 fmt::format("version {} of table {} cannot be read any more: its file {} is gone "
                             "(vacuumed?); rebuild what streams from it with --full-refresh",
                             out.version.value, source_.name, file.path)};
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
  return out;
}

Result<const delta::Commit*> TableReader::commit(Version version) {
  while (!ahead_.empty() && ahead_.front().version < version) ahead_.pop_front();
  if (ahead_.empty() || ahead_.front().version != version) {
    Version to(std::min(newest().value, version.value + kCommitsAhead - 1));
    auto commits = delta::commits(*files_, source_.root, version, to);
    if (!commits) {
      return Error{commits.error().code,
                   fmt::format("version {} of table {} cannot be read any more ({}); rebuild what "
                               "streams from it with --full-refresh",
                               version.value, source_.name, commits.error().message)};
    }
    ahead_.assign(std::make_move_iterator(commits->begin()),
                  std::make_move_iterator(commits->end()));
  }
  CHECK(!ahead_.empty() && ahead_.front().version == version, "commits() answers from `from` on");
  return &ahead_.front();
}

Result<std::shared_ptr<const VersionRows>> TableReader::version(Version version) {
  if (auto handed = hub_->find(source_.name, version)) return handed;
  const delta::Commit* found = TRY(commit(version));
  for (const auto& removed : found->removes) {
    if (!removed.data_change) continue;
    return Error{Code::Invalid,
                 fmt::format("version {} of table {} ({}) removes or rewrites rows, and a stream "
                             "takes only added ones; rebuild what streams from it with "
                             "--full-refresh",
                             version.value, source_.name, found->operation)};
  }
  if (found->metadata && !grew_into(found->metadata->schema, source_.schema)) {
    return Error{Code::Invalid,
                 fmt::format("version {} of table {} changes its schema to ({}); rebuild what "
                             "streams from it with --full-refresh",
                             version.value, source_.name, to_ddl(found->metadata->schema))};
  }
  std::vector<delta::AddFile> added;
  for (const auto& file : found->adds) {
    if (file.data_change) added.push_back(file);
  }
  VersionRows rows = TRY(read(version, added));
  return std::make_shared<const VersionRows>(std::move(rows));
}

}  // namespace ticklake::engine
