// Commits one by one, and which version was the newest at a time.
#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "delta/log.h"
#include "delta/replay.h"

namespace ticklake::delta {
namespace {

Commit to_commit(Version version, int64_t file_ms, Entry entry) {
  Commit out;
  out.version = version;
  out.timestamp_ms = file_ms;
  if (entry.info) {
    CommitInfo& info = *entry.info;
    if (info.in_commit_timestamp_ms) out.timestamp_ms = *info.in_commit_timestamp_ms;
    out.operation = std::move(info.operation);
    out.parameters = std::move(info.parameters);
    out.metrics = std::move(info.metrics);
    out.engine_info = std::move(info.engine_info);
    out.user_metadata = std::move(info.user_metadata);
  }
  out.adds = std::move(entry.adds);
  out.changes = std::move(entry.changes);
  for (const Tombstone& gone : entry.removes) {
    out.removes.push_back({gone.path, gone.deleted_ms.value_or(0), gone.data_change});
  }
  for (const auto& [app_id, txn] : entry.txns) out.txns[app_id] = txn.version;
  out.metadata = std::move(entry.metadata);
  return out;
}

Result<Commit> commit_at(io::FileStore& files, const io::Path& root, Version version,
                         int64_t after_ms) {
  auto entry = read_entry(files, root, version);
  if (!entry && entry.error().code == Code::NotFound) {
    return Error{Code::NotFound,
                 fmt::format("{}: version {} is not in the log", root, version.value)};
  }
  if (!entry) return std::move(entry).error();
  int64_t file_ms = 0;
  if (!entry->info || !entry->info->in_commit_timestamp_ms) {
    auto file = TRY(files.info(entry_path(root, version)));
    file_ms = std::max(file.modified_ms, after_ms);
  }
  return to_commit(version, file_ms, *std::move(entry));
}

Error no_table_at(const io::Path& root, int64_t timestamp_ms, const std::string& why) {
  return Error{Code::NotFound, fmt::format("{}: there is no version as of {}{}", root,
                                           format_instant(timestamp_ms * kMicrosPerMilli), why)};
}

// The last of ascending times that is not after `timestamp_ms`.
std::optional<Version> last_before(const std::map<int64_t, int64_t>& times, int64_t timestamp_ms) {
  std::optional<Version> found;
  for (const auto& [version, time] : times) {
    if (time <= timestamp_ms) found = Version(version);
  }
  return found;
}

// By halving: in-commit times rise with the versions. `from` is known to be early enough.
Result<Version> last_in_commit(io::FileStore& files, const io::Path& root, Version from, Version to,
                               int64_t timestamp_ms) {
  while (from < to) {
    Version middle = from + (to - from + 1) / 2;
    Entry entry = TRY(read_entry(files, root, middle));
    if (!entry.info || !entry.info->in_commit_timestamp_ms) {
      return Error{Code::Corrupt,
                   fmt::format("{}: version {} has no inCommitTimestamp", root, middle.value)};
    }
    if (*entry.info->in_commit_timestamp_ms <= timestamp_ms) {
      from = middle;
    } else {
      to = middle - 1;
    }
  }
  return from;
}

// "Recommendations for Readers of Tables with In-Commit Timestamps": from the version that turned
// them on, they decide; before it, the files' times.
Result<std::optional<Version>> version_as_of(io::FileStore& files, const Snapshot& newest,
                                             const Listing& listing, int64_t timestamp_ms) {
  std::map<int64_t, int64_t> times = commit_times(listing);
  if (!has_in_commit_timestamps(newest.metadata())) return last_before(times, timestamp_ms);
  const Metadata& metadata = newest.metadata();
  int64_t since = config_count(metadata, "delta.inCommitTimestampEnablementVersion", 0);
  int64_t since_ms = config_count(metadata, "delta.inCommitTimestampEnablementTimestamp",
                                  std::numeric_limits<int64_t>::min());
  if (timestamp_ms < since_ms) {
    times.erase(times.lower_bound(since), times.end());
    return last_before(times, timestamp_ms);
  }
  int64_t first = std::max(since, listing.entries.begin()->first);
  Entry entry = TRY(read_entry(files, newest.root(), Version(first)));
  bool early = entry.info && entry.info->in_commit_timestamp_ms &&
               *entry.info->in_commit_timestamp_ms <= timestamp_ms;
  if (!early) return std::optional<Version>();
  Version found =
      TRY(last_in_commit(files, newest.root(), Version(first), newest.version(), timestamp_ms));
  return std::optional(found);
}

}  // namespace

Result<Snapshot> open_timestamp(io::FileStore& files, const io::Path& root, int64_t timestamp_ms) {
  Snapshot newest = TRY(open(files, root));
  Listing listing = TRY(list_log(files, root));
  if (listing.entries.empty()) return no_table_at(root, timestamp_ms, "; the log has no entries");
  auto version = TRY(version_as_of(files, newest, listing, timestamp_ms));
  if (!version) {
    Version first(listing.entries.begin()->first);
    Commit earliest = TRY(commit_at(files, root, first, 0));
    return no_table_at(
        root, timestamp_ms,
        fmt::format("; the earliest that the log knows is version {} of {}", first.value,
                    format_instant(earliest.timestamp_ms * kMicrosPerMilli)));
  }
  if (*version >= newest.version()) return newest;
  return open_version(files, root, *version);
}

Result<std::vector<Commit>> commits(io::FileStore& files, const io::Path& root, Version from,
                                    Version to) {
  std::vector<Commit> out;
  int64_t after_ms = std::numeric_limits<int64_t>::min();
  for (Version version = from; version <= to; ++version) {
    out.push_back(TRY(commit_at(files, root, version, after_ms)));
    after_ms = out.back().timestamp_ms + 1;
  }
  return out;
}

Result<std::vector<Commit>> history(io::FileStore& files, const io::Path& root, int64_t limit) {
  Listing listing = TRY(list_log(files, root));
  if (listing.entries.empty() && listing.checkpoints.empty()) {
    return Error{Code::NotFound, root + ": there is no Delta table here (no _delta_log)"};
  }
  std::map<int64_t, int64_t> times = commit_times(listing);
  std::vector<Commit> out;
  for (auto file = listing.entries.rbegin(); file != listing.entries.rend(); ++file) {
    if (static_cast<int64_t>(out.size()) >= limit) break;
    auto entry = read_entry(files, root, Version(file->first));
    // Cleaned up since the listing: what is older is gone, too.
    if (!entry && entry.error().code == Code::NotFound) break;
    if (!entry) return std::move(entry).error();
    out.push_back(to_commit(Version(file->first), times.at(file->first), *std::move(entry)));
  }
  return out;
}

}  // namespace ticklake::delta
