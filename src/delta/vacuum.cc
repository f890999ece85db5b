// Removes files that no version needs any more.
//
// Invariant: what a live file or a tombstone within its retention names stays, and so does whatever
// is younger than the retention: a running writer's files are not in the log yet.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/time.h"
#include "delta/deletion_vector.h"
#include "delta/paths.h"
#include "delta/replay.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

constexpr size_t kPathsMax = 1000;  // named in the answer

// Paths by their hashes: a few bytes a file. Two that happen to share one only keep a file longer.
class Needed {
 public:
  void add(const io::Path& root, const std::string& path) {
    for (const std::string& spelled : {path, uri_encoded(path)}) {
      hashes_.push_back(hash(file_location(root, spelled)));
    }
    // Absolute: the log may spell the root otherwise than the caller does.
    bool elsewhere = !file_location(root, path).starts_with(root) || path.starts_with('/') ||
                     path.find(":/") != std::string::npos;
    if (elsewhere) names_.push_back(hash(path.substr(path.rfind('/') + 1)));
  }
  void finish() {
    std::sort(hashes_.begin(), hashes_.end());
    std::sort(names_.begin(), names_.end());
  }
  bool has(const io::Path& path) const {
    return std::binary_search(hashes_.begin(), hashes_.end(), hash(path)) ||
           std::binary_search(names_.begin(), names_.end(), hash(path.substr(path.rfind('/') + 1)));
  }

 private:
  static size_t hash(const std::string& text) { return std::hash<std::string>()(text); }
  std::vector<size_t> hashes_;
  std::vector<size_t> names_;
};

Result<Needed> needed_files(io::FileStore& files, const State& state, int64_t before_ms) {
  Needed out;
  auto add = [&](const std::string& path, const std::optional<DeletionVector>& vector) {
    out.add(state.root, path);
    auto file = vector ? vector_file(*vector) : std::nullopt;
    if (file) out.add(state.root, *file);
  };
  state.files.for_each(
      [&](const std::string&, const auto& file) { add(file->path, file->deletion_vector); });
  TRY(for_each_tombstone(files, state, [&](const Tombstone& gone) -> Result<void> {
    if (gone.deleted_ms.value_or(0) >= before_ms) add(gone.path, gone.deletion_vector);
    return {};
  }));
  out.finish();
  return out;
}

// The log, the work of others, and what people put aside; but partitions may have such names.
bool is_hidden(const std::string& name) {
  bool plain = name.empty() || (name[0] != '_' && name[0] != '.');
  return !plain && name.find('=') == std::string::npos && name != "_change_data";
}

struct Sweep {
  io::FileStore& files;
  const Needed& needed;
  int64_t before_ms;
  bool dry_run;
  Vacuumed& out;
};

Result<void> sweep_directory(const Sweep& sweep, const io::Path& directory) {
  for (const io::FileInfo& file : TRY(sweep.files.list(directory))) {
    bool due = file.modified_ms < sweep.before_ms &&
               !is_hidden(file.path.substr(file.path.rfind('/') + 1)) &&
               !sweep.needed.has(file.path);
    if (!due) continue;
    if (!sweep.dry_run) TRY(sweep.files.remove(file.path));
    sweep.out.files += 1;
    sweep.out.bytes += file.size;
    if (sweep.out.paths.size() < kPathsMax) sweep.out.paths.push_back(file.path);
  }
  for (const std::string& name : TRY(sweep.files.list_directories(directory))) {
    if (!is_hidden(name)) TRY(sweep_directory(sweep, io::join(directory, name)));
  }
  return {};
}

Result<int64_t> retention_of(const Snapshot& snapshot, const VacuumOptions& options) {
  int64_t own = -tombstones_expire_ms(snapshot.metadata(), 0);
  int64_t wanted = options.retention_ms.value_or(own);
  if (wanted < 0) return Error{Code::Invalid, "a retention is not negative"};
  if (wanted >= own || options.allow_shorter) return wanted;
  return Error{
      Code::Invalid,
      fmt::format("{}: files are kept for {} hours here (delta.deletedFileRetentionDuration)"
                  ", and a retention of {} hours would take them from those who read "
                  "earlier versions or are writing just now",
                  snapshot.root(), own / (kMicrosPerHour / kMicrosPerMilli),
                  wanted / (kMicrosPerHour / kMicrosPerMilli))};
}

}  // namespace

Result<Vacuumed> vacuum(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                        const VacuumOptions& options) {
  Snapshot newest = TRY(refresh(files, snapshot));
  TRY(check_writable(newest.state()));
  int64_t before_ms = clock.now_ms() - TRY(retention_of(newest, options));
  Needed needed = TRY(needed_files(files, newest.state(), before_ms));
  Vacuumed out{.snapshot = newest};
  TRY(sweep_directory({files, needed, before_ms, options.dry_run, out}, newest.root()));
  if (options.dry_run || (out.files == 0 && options.txns.empty())) return out;
  Transaction transaction{.operation = "VACUUM END",
                          .parameters = {{"status", "COMPLETED"}},
                          .txns = options.txns,
                          .metrics = {{"numDeletedFiles", std::to_string(out.files)},
                                      {"sizeOfDeletedFiles", std::to_string(out.bytes)}}};
  out.snapshot = TRY(commit(files, clock, newest, std::move(transaction)));
  return out;
}

}  // namespace ticklake::delta
