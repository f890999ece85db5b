// RESTORE and FSCK: the table's list of files made that of an earlier version, or of what is there.
#include <fmt/format.h>

#include "delta/paths.h"
#include "delta/rules.h"
#include "delta/state.h"

namespace ticklake::delta {
namespace {

bool is_there(io::FileStore& files, const io::Path& root, const AddFile& file) {
  auto found = files.info(file_location(root, file.path));
  return found || found.error().code != Code::NotFound;
}

// With the same rows deleted.
bool has_same(const State& state, const AddFile& file) {
  const auto* live = state.files.find(file.path);
  return live &&
         key_of(file.path, (*live)->deletion_vector) == key_of(file.path, file.deletion_vector);
}

}  // namespace

Result<Restoration> restore(io::FileStore& files, const io::Clock& clock, const Snapshot& newest,
                            const Snapshot& wanted) {
  const State& now = newest.state();
  const State& then = wanted.state();
  TRY(check_writable(now));
  Transaction transaction{.operation = "RESTORE",
                          .parameters = {{"version", std::to_string(wanted.version().value)}},
                          .reads_table = true};
  for (const AddFile& file : wanted.files()) {
    if (has_same(now, file)) continue;
    if (!is_there(files, newest.root(), file)) {
      return Error{Code::NotFound,
                   fmt::format("{}: version {} cannot be restored: its file {} is no longer there "
                               "(vacuumed?); choose a later version",
                               newest.root(), wanted.version().value, file.path)};
    }
    transaction.adds.push_back(file);
    transaction.adds.back().data_change = true;
  }
  for (const AddFile& file : newest.files()) {
    if (!has_same(then, file)) transaction.removes.push_back({.path = file.path});
  }
  Restoration out{.snapshot = newest,
                  .files_added = static_cast<int64_t>(transaction.adds.size()),
                  .files_removed = static_cast<int64_t>(transaction.removes.size())};
  const Metadata& a = newest.metadata();
  const Metadata& b = wanted.metadata();
  bool same = to_delta_json(a.schema) == to_delta_json(b.schema) &&
              a.partition_columns == b.partition_columns && a.configuration == b.configuration;
  if (!same) transaction.metadata = b;
  if (same && transaction.adds.empty() && transaction.removes.empty()) return out;
  transaction.metrics = {{"numRestoredFiles", std::to_string(out.files_added)},
                         {"numRemovedFiles", std::to_string(out.files_removed)},
                         {"tableSizeAfterRestore", std::to_string(total_bytes(then))}};
  out.snapshot = TRY(commit(files, clock, newest, std::move(transaction)));
  return out;
}

Result<Checkup> check_files(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                            bool repair) {
  Checkup out{.snapshot = snapshot};
  Transaction transaction{.operation = "FSCK"};
  for (const AddFile& file : snapshot.files()) {
    ++out.files_checked;
    auto found = files.info(file_location(snapshot.root(), file.path));
    bool missing = !found && found.error().code == Code::NotFound;
    if (!found && !missing) return std::move(found).error();
    if (!missing && found->size >= file.size) continue;
    out.damaged.push_back({file.path, missing ? "missing" : "cut off"});
    if (missing) transaction.removes.push_back({.path = file.path});
  }
  out.files_removed = repair ? static_cast<int64_t>(transaction.removes.size()) : 0;
  if (out.files_removed == 0) return out;
  transaction.metrics = {{"numMissingFiles", std::to_string(out.files_removed)}};
  out.snapshot = TRY(commit(files, clock, snapshot, std::move(transaction)));
  return out;
}

}  // namespace ticklake::delta
