#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "delta/replay.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

constexpr const char* kCompactFilesMin = "ticklake.autoCompact.minNumFiles";
constexpr const char* kVacuumInterval = "ticklake.vacuumInterval";
// A txn: seconds since 1970. Not below "ticklake/", where pipelines have their names.
constexpr const char* kVacuumMark = "ticklake.vacuum";
constexpr int64_t kFilesMin = 32;
constexpr int64_t kBusyFilesMin = 256;
constexpr int64_t kLookEvery =
    100;  // looking at a table's files costs as much as this many commits
constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kCleanEveryMs = 600'000;
constexpr int64_t kTryAgainMs = 3'600'000;
constexpr int64_t kMillis = 1000;
constexpr int64_t kElapsedShare = 100;  // a hundredth of the time may go into cleaning the log
// Checkpoints that only make early versions quicker to open stay so far apart. A large one saves
// more than it costs only over more versions.
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kVersionsApart = 1000;
constexpr int64_t kBytesAVersion = 2048;

std::optional<std::string> property(const Snapshot& snapshot, const std::string& name) {
  auto found = snapshot.metadata().configuration.find(name);
  if (found == snapshot.metadata().configuration.end()) return std::nullopt;
  return lowered(found->second);
}

bool compacts(const Snapshot& snapshot) {
  return property(snapshot, "delta.autoOptimize.autoCompact").value_or("true") != "false";
}

// Nothing: never.
std::optional<int64_t> vacuum_every_ms(const Snapshot& snapshot) {
  auto text = property(snapshot, kVacuumInterval);
  if (!text) return kDayMs;
  if (*text == "never") return std::nullopt;
  return interval_ms(*text).value_or(kDayMs);
}

}  // namespace

Result<std::optional<Snapshot>> Health::step(io::FileStore& files, const io::Clock& clock,
                                             const Snapshot& snapshot, bool busy) {
  if (auto compacted = TRY(compact_if_due(files, clock, snapshot, busy))) return compacted;
  TRY(thin_checkpoints(files, clock, snapshot));
  TRY(clean_if_due(files, clock, snapshot, busy));
  if (busy) return std::optional<Snapshot>();
  return vacuum_if_due(files, clock, snapshot);
}

Result<std::optional<Snapshot>> Health::compact_if_due(io::FileStore& files, const io::Clock& clock,
                                                       const Snapshot& snapshot, bool busy) {
  std::optional<Snapshot> none;
  if (!compacts(snapshot)) return none;
  int64_t files_min =
      std::max<int64_t>(3, config_count(snapshot.metadata(), kCompactFilesMin, kFilesMin));
  int64_t enough = std::max(busy ? std::max(kBusyFilesMin, files_min) : files_min, look_again_);
  files_seen_ = std::min(files_seen_, snapshot.file_count());
  if (snapshot.file_count() - files_seen_ < enough) return none;
  CompactOptions options{.files_min = files_min, .order = options_.order};
  auto done = compact(files, clock, snapshot, options);
  // Another writer was first: what is left to do is seen when it is due again.
  if (!done && done.error().code != Code::Conflict) return std::move(done).error();
  bool more = done && done->files_removed > 0;
  files_seen_ = more ? 0 : snapshot.file_count();
  look_again_ = more ? 0 : snapshot.file_count() / kLookEvery;
  return more ? std::optional(done->snapshot) : none;
}

// For the last hour all of them stay: a reader may be on its way to one.
Result<void> Health::thin_checkpoints(io::FileStore& files, const io::Clock& clock,
                                      const Snapshot& snapshot) {
  if (snapshot.state().base.parts.size() != 1) return {};
  int64_t newest = snapshot.state().base.version.value;
  if (checkpoints_.empty() || checkpoints_.back().first != newest) {
    checkpoints_.emplace_back(newest, clock.now_ms());
  }
  while (checkpoints_.size() > 2 && checkpoints_.front().second < clock.now_ms() - kHourMs) {
    int64_t version = checkpoints_.front().first;
    checkpoints_.pop_front();
    auto file = files.info(checkpoint_path(snapshot.root(), Version(version)));
    if (!file) continue;  // cleaned up
    int64_t apart = std::max(kVersionsApart, file->size / kBytesAVersion);
    if (version - kept_checkpoint_ >= apart) {
      kept_checkpoint_ = version;
    } else {
      TRY(files.remove(file->path));
    }
  }
  return {};
}

Result<void> Health::clean_if_due(io::FileStore& files, const io::Clock& clock,
                                  const Snapshot& snapshot, bool busy) {
  int64_t start_ms = clock.now_ms();
  if (!clean_ms_) clean_ms_ = start_ms;
  bool due = start_ms >= *clean_ms_ + (busy ? kCleanEveryMs : 0);
  if (!due || snapshot.state().base.parts.empty()) return {};
  LogCleanupOptions options;
  if (options_.needed_from) options.needed_from = TRY(options_.needed_from(snapshot));
  LogCleanup done = TRY(clean_log(files, clock, snapshot, options));
  int64_t took_ms = clock.now_ms() - start_ms;
  int64_t pause_ms = std::max(options_.clean_every_ms, took_ms * kElapsedShare);
  clean_ms_ = done.more ? start_ms : start_ms + pause_ms;
  return {};
}

Result<std::optional<Snapshot>> Health::vacuum_if_due(io::FileStore& files, const io::Clock& clock,
                                                      const Snapshot& snapshot) {
  std::optional<Snapshot> none;
  auto every_ms = vacuum_every_ms(snapshot);
  if (!every_ms) return none;
  int64_t now_ms = clock.now_ms();
  auto last = snapshot.txn(kVacuumMark);
  int64_t since_ms = last ? *last * kMillis : snapshot.metadata().created_ms;
  if (now_ms < std::max(since_ms + *every_ms, vacuum_ms_)) return none;
  vacuum_ms_ = now_ms + kTryAgainMs;
  if (!TRY(all_have_read(files, snapshot, now_ms))) return none;
  VacuumOptions options{.txns = {{kVacuumMark, now_ms / kMillis}}};
  auto done = vacuum(files, clock, snapshot, options);
  if (done) vacuum_ms_ = 0;
  if (!done && done.error().code != Code::Conflict) return std::move(done).error();
  return done ? std::optional(done->snapshot) : none;
}

// Whoever still reads versions older than the retention would miss their files. They have time to
// get on: a vacuum is not urgent.
Result<bool> Health::all_have_read(io::FileStore& files, const Snapshot& snapshot, int64_t now_ms) {
  if (!options_.needed_from) return true;
  auto needed = TRY(options_.needed_from(snapshot));
  if (!needed || *needed > snapshot.version()) return true;
  auto first = commits(files, snapshot.root(), *needed, *needed);
  if (!first && first.error().code == Code::NotFound) return false;
  if (!first) return std::move(first).error();
  return first->front().timestamp_ms >= tombstones_expire_ms(snapshot.metadata(), now_ms);
}

}  // namespace ticklake::delta
