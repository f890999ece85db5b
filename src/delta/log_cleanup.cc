// Takes entries and checkpoints out of the log that no version within the retention needs.
//
// All by name, without listing: a log of one commit a second holds millions of entries. Entries go
// in the order of their versions, so those that are left have no gap.
#include <fmt/format.h>

#include <algorithm>

#include "delta/log.h"
#include "delta/replay.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kRetentionMs = 30 * 86'400'000LL;
constexpr int64_t kProbesMax = 20'000;  // versions looked at for a checkpoint

bool cleans_itself(const Metadata& metadata) {
  return !metadata.configuration.contains("delta.enableExpiredLogCleanup") ||
         config_flag(metadata, "delta.enableExpiredLogCleanup");
}

int64_t retention_ms(const Metadata& metadata) {
  auto found = metadata.configuration.find("delta.logRetentionDuration");
  auto own = found == metadata.configuration.end() ? std::nullopt : interval_ms(found->second);
  return own.value_or(kRetentionMs);
}

Result<bool> is_there(io::FileStore& files, const io::Path& path) {
  auto found = files.info(path);
  if (!found && found.error().code != Code::NotFound) return std::move(found).error();
  return found.has_value();
}

// The least of first..last for which `holds`; it holds from some version on, and for `last`.
template <typename Holds>  // Result<bool> holds(int64_t version)
Result<int64_t> least(int64_t first, int64_t last, Holds&& holds) {
  while (first < last) {
    int64_t middle = first + (last - first) / 2;
    if (TRY(holds(middle))) {
      last = middle;
    } else {
      first = middle + 1;
    }
  }
  return first;
}

Result<int64_t> time_of(io::FileStore& files, const Snapshot& snapshot, int64_t version) {
  if (has_in_commit_timestamps(snapshot.metadata())) {
    Entry entry = TRY(read_entry(files, snapshot.root(), Version(version)));
    if (entry.info && entry.info->in_commit_timestamp_ms) {
      return *entry.info->in_commit_timestamp_ms;
    }
  }
  auto file = TRY(files.info(entry_path(snapshot.root(), Version(version))));
  return file.modified_ms;
}

// A reader who travels to the start of the retention gets the version that was the newest then.
Result<int64_t> oldest_needed(io::FileStore& files, const Snapshot& snapshot, int64_t first,
                              int64_t since_ms) {
  auto later = [&](int64_t version) -> Result<bool> {
    int64_t time = TRY(time_of(files, snapshot, version));
    return time > since_ms;
  };
  int64_t newest = snapshot.version().value;
  if (!TRY(later(newest))) return newest;
  return TRY(least(first, newest, later)) - 1;
}

// The newest checkpoint that is not after `last`, or nothing.
Result<std::optional<int64_t>> checkpoint_before(io::FileStore& files, const io::Path& root,
                                                 int64_t first, int64_t last) {
  for (int64_t version = last; version >= first && version > last - kProbesMax; --version) {
    if (TRY(is_there(files, checkpoint_path(root, Version(version))))) {
      return std::optional(version);
    }
  }
  return std::optional<int64_t>();
}

}  // namespace

Result<LogCleanup> clean_log(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                             const LogCleanupOptions& options) {
  TRY(check_writable(snapshot.state()));
  const io::Path& root = snapshot.root();
  LogCleanup out;
  if (!cleans_itself(snapshot.metadata())) return out;
  int64_t first = TRY(least(0, snapshot.version().value, [&](int64_t version) {
    return is_there(files, entry_path(root, Version(version)));
  }));
  int64_t since_ms = clock.now_ms() - retention_ms(snapshot.metadata());
  int64_t last = TRY(oldest_needed(files, snapshot, first, since_ms));
  if (options.needed_from) last = std::min(last, options.needed_from->value - 1);
  auto start = TRY(checkpoint_before(files, root, first, last));
  for (int64_t version = first; start && version < *start; ++version) {
    if (out.versions == options.versions_max) {
      out.more = true;
      break;
    }
    for (const char* kind : {"checkpoint.parquet", "crc", "json"}) {
      std::string name = fmt::format("{:020}.{}", version, kind);
      TRY(files.remove(io::join(log_directory(root), name)));
    }
    ++out.versions;
  }
  return out;
}

}  // namespace ticklake::delta
