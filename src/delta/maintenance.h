// The part of delta.h that keeps tables healthy; include that.
//
// Nothing here changes a row of the newest version, or takes one from versions within the table's
// retention.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "delta/delta.h"

namespace ticklake::delta {

// Milliseconds of "interval 1 week 2 days" or "2 hours"; nothing where the text is no such
// interval.
std::optional<int64_t> interval_ms(std::string_view text);

// What the writer of a table knows of its files and the log does not: in which order their rows
// came (else: by time), and the tags of a file that holds the rows of several, in that order.
struct FileOrder {
  std::function<std::vector<AddFile>(std::vector<AddFile>)> sorted = {};
  std::function<Result<std::map<std::string, std::string>>(const std::vector<AddFile>&)>
      merged_tags = {};
};

struct CompactOptions {
  int64_t target_file_bytes = 0;  // 0: delta.targetFileSize, else 128 MiB
  // 2: all small neighbours. More: only so many of like size, so that a row is rewritten a few
  // times however often this is called.
  int64_t files_min = 2;
  int64_t input_bytes_max = 256 << 20;  // of one commit
  FileOrder order = {};
};
struct Compaction {
  Snapshot snapshot;  // the one given where nothing was worth it
  int64_t files_removed = 0, bytes_removed = 0, files_added = 0, bytes_added = 0;
};
// Merges small files of one partition in one commit (OPTIMIZE, dataChange = false), in memory
// bounded by a row group. Conflict: another writer removed one of them.
Result<Compaction> compact(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                           const CompactOptions& options = {});

struct VacuumOptions {
  std::optional<int64_t> retention_ms = {};  // else delta.deletedFileRetentionDuration (7 days)
  bool allow_shorter = false;                // than the table's own
  bool dry_run = false;
  std::map<std::string, int64_t> txns = {};  // to be set by its commit
};
struct Vacuumed {
  Snapshot snapshot;
  int64_t files = 0, bytes = 0;
  std::vector<std::string> paths = {};  // the first 1000
};
// Removes the files below the root that neither the newest version nor a tombstone within the
// retention names and that are older than it: also what failed commits left. Commits that it did
// where it removed any. Invalid: a retention shorter than the table's own.
Result<Vacuumed> vacuum(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                        const VacuumOptions& options = {});

struct LogCleanupOptions {
  std::optional<Version> needed_from = {};  // someone streams from this version on
  int64_t versions_max = 10'000;
};
struct LogCleanup {
  int64_t versions = 0;  // whose entries are gone
  bool more = false;
};
// Removes what precedes the newest checkpoint from which all versions within
// delta.logRetentionDuration (30 days) can be read; none with delta.enableExpiredLogCleanup =
// false.
Result<LogCleanup> clean_log(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                             const LogCleanupOptions& options = {});

struct Restoration {
  Snapshot snapshot;
  int64_t files_added = 0, files_removed = 0;
};
// A new version with the rows, schema and properties of `wanted`; progress of flows stays as it is.
// NotFound: names a file that is gone.
Result<Restoration> restore(io::FileStore& files, const io::Clock& clock, const Snapshot& newest,
                            const Snapshot& wanted);

struct Checkup {
  Snapshot snapshot;
  int64_t files_checked = 0, files_removed = 0;
  std::vector<std::pair<std::string, std::string>> damaged = {};  // path, "missing" or "cut off"
};
// Looks whether the files of the newest version are there; `repair`: drops missing ones from it.
Result<Checkup> check_files(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                            bool repair);

// Keeps the table of one writer healthy: all of the above, on by default, a bounded piece at a
// time.
class Health {
 public:
  struct Options {
    FileOrder order = {};
    // The version that the slowest of those who stream from the table needs next.
    std::function<Result<std::optional<Version>>(const Snapshot&)> needed_from = {};
    int64_t clean_every_ms = 600'000;
  };
  explicit Health(Options options) : options_(std::move(options)) {}

  // Does what is due; the snapshot after it where it committed. Cheap where nothing is. `busy`:
  // rows are waiting, so only what cannot.
  Result<std::optional<Snapshot>> step(io::FileStore& files, const io::Clock& clock,
                                       const Snapshot& snapshot, bool busy);

 private:
  using Outcome = Result<std::optional<Snapshot>>;
  Outcome compact_if_due(io::FileStore&, const io::Clock&, const Snapshot&, bool busy);
  Outcome vacuum_if_due(io::FileStore&, const io::Clock&, const Snapshot&);
  Result<void> clean_if_due(io::FileStore&, const io::Clock&, const Snapshot&, bool busy);
  Result<void> thin_checkpoints(io::FileStore&, const io::Clock&, const Snapshot&);
  Result<bool> all_have_read(io::FileStore&, const Snapshot&, int64_t now_ms);

  Options options_;
  int64_t files_seen_ = 0;  // live files when there was last nothing to merge
  int64_t look_again_ = 0;  // after so many more
  std::optional<int64_t> clean_ms_ = {};
  int64_t vacuum_ms_ = 0;
  std::deque<std::pair<int64_t, int64_t>> checkpoints_ = {};  // the young ones: version, seen at
  int64_t kept_checkpoint_ = 0;
};

}  // namespace ticklake::delta
