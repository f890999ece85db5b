// Takes entries and checkpoints out of the log that no version within the retention needs.
#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "delta/log.h"
#include "delta/replay.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kRetentionMs = 30 * 86'400'000LL;
constexpr int64_t kHourMs = 3'600'000;
// Checkpoints that only make early versions quicker to open: they stay so far apart. A large one
// saves more entries than it costs only over more of them.
constexpr int64_t kVersionsApart = 1000;
constexpr int64_t kBytesAVersion = 2048;

bool cleans_itself(const Metadata& metadata) {
  return !metadata.configuration.contains("delta.enableExpiredLogCleanup") ||
         config_flag(metadata, "delta.enableExpiredLogCleanup");
}

int64_t retention_ms(const Metadata& metadata) {
  auto found = metadata.configuration.find("delta.logRetentionDuration");
  auto own = found == metadata.configuration.end() ? std::nullopt : interval_ms(found->second);
  return own.value_or(kRetentionMs);
}

// The newest version that was there at the time: all from it on can be travelled to. Times in
// commits may be later than those of files.
Result<std::optional<int64_t>> version_at(io::FileStore& files, const Snapshot& snapshot,
                                          const std::map<int64_t, int64_t>& times, int64_t at_ms) {
  std::optional<int64_t> found;
  for (const auto& [version, time] : times) {
    if (time <= at_ms) found = version;
  }
  if (!found || !has_in_commit_timestamps(snapshot.metadata())) return found;
  while (*found > times.begin()->first) {
    Entry entry = TRY(read_entry(files, snapshot.root(), Version(*found)));
    if (!entry.info || entry.info->in_commit_timestamp_ms.value_or(0) <= at_ms) break;
    --*found;
  }
  return found;
}

std::optional<int64_t> leading_version(const io::Path& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  constexpr size_t digits = 20;
  bool ours =
      name.size() > digits && name[digits] == '.' && name.find_first_not_of("0123456789") == digits;
  return ours ? std::optional<int64_t>(std::atoll(name.c_str())) : std::nullopt;
}

// Checkpoints after `first` that lie closer than they need to; the newest two stay, and those of
// the last hour: a reader may be on its way to them.
std::vector<io::Path> too_close(io::FileStore& files, const Listing& listing, int64_t first,
                                int64_t now_ms) {
  std::vector<io::Path> out;
  int64_t kept = first;
  const auto& all = listing.checkpoints;
  for (size_t i = 0; i + 2 < all.size(); ++i) {
    int64_t version = all[i].version.value;
    if (version <= first || all[i].parts.size() != 1) continue;
    auto file = files.info(all[i].parts.front());
    if (!file || file->modified_ms > now_ms - kHourMs) break;
    if (version - kept >= std::max(kVersionsApart, file->size / kBytesAVersion)) {
      kept = version;
    } else {
      out.push_back(file->path);
    }
  }
  return out;
}

}  // namespace

Result<LogCleanup> clean_log(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                             const LogCleanupOptions& options) {
  LogCleanup out;
  TRY(check_writable(snapshot.state()));
  if (!cleans_itself(snapshot.metadata())) return out;
  std::vector<io::FileInfo> all = TRY(files.list(log_directory(snapshot.root())));
  Listing listing = listing_of(all);
  if (listing.entries.empty() || listing.checkpoints.empty()) return out;
  int64_t now_ms = clock.now_ms();
  auto oldest = TRY(version_at(files, snapshot, commit_times(listing),
                               now_ms - retention_ms(snapshot.metadata())));
  int64_t last = oldest.value_or(-1);
  if (options.needed_from) last = std::min(last, options.needed_from->value - 1);
  int64_t first = -1;  // a checkpoint: the log begins here
  for (const CheckpointFiles& checkpoint : listing.checkpoints) {
    int64_t version = checkpoint.version.value;
    if (version <= last && listing.entries.contains(version)) first = std::max(first, version);
  }
  std::vector<io::Path> gone;
  for (const io::FileInfo& file : all) {
    auto version = leading_version(file.path);
    if (version && *version < first) gone.push_back(file.path);
  }
  for (io::Path& path : too_close(files, listing, first, now_ms)) gone.push_back(std::move(path));
  // In the order of versions: who reads entry after entry sees a log that ends early by its start.
  for (const io::Path& path : gone) {
    if (out.files == options.files_max) {
      out.more = true;
      break;
    }
    TRY(files.remove(path));
    ++out.files;
  }
  return out;
}

}  // namespace ticklake::delta
