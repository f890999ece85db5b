// Maintenance of one table by hand. Tables of a running project are kept healthy by the run itself.
#include <fmt/format.h>

#include "app/commands.h"
#include "app/project.h"
#include "base/text.h"
#include "delta/delta.h"
#include "engine/engine.h"

namespace ticklake::app {
namespace {

Result<delta::Snapshot> open_newest(Environment& environment, const TableOptions& options) {
  io::Path root = TRY(table_root(environment, options.project, options.table));
  return delta::open(environment.files, root);
}

std::string number(int64_t value) { return std::to_string(value); }

std::string version_of(const delta::Snapshot& snapshot) { return number(snapshot.version().value); }

}  // namespace

Result<void> checkpoint_table(Environment& environment, const TableOptions& options) {
  delta::Snapshot snapshot = TRY(open_newest(environment, options));
  TRY(delta::checkpoint(environment.files, environment.clock, snapshot));
  return write_object(environment.out, options.format, {{"version", version_of(snapshot)}});
}

Result<void> optimize_table(Environment& environment, const TableOptions& options) {
  delta::Snapshot snapshot = TRY(open_newest(environment, options));
  delta::CompactOptions how{.order = engine::file_order()};
  int64_t files_removed = 0, files_added = 0, bytes_removed = 0, bytes_added = 0;
  while (true) {
    auto done = TRY(delta::compact(environment.files, environment.clock, snapshot, how));
    if (done.files_removed == 0) break;
    snapshot = done.snapshot;
    files_removed += done.files_removed;
    files_added += done.files_added;
    bytes_removed += done.bytes_removed;
    bytes_added += done.bytes_added;
  }
  return write_object(environment.out, options.format,
                      {{"version", version_of(snapshot)},
                       {"filesRemoved", number(files_removed)},
                       {"filesAdded", number(files_added)},
                       {"bytesRemoved", number(bytes_removed)},
                       {"bytesAdded", number(bytes_added)}});
}

Result<void> vacuum_table(Environment& environment, const TableOptions& options) {
  delta::Snapshot snapshot = TRY(open_newest(environment, options));
  delta::VacuumOptions how{.allow_shorter = options.force, .dry_run = options.dry_run};
  if (!options.retention.empty()) {
    how.retention_ms = delta::interval_ms(options.retention);
    if (!how.retention_ms) {
      return Error{Code::Invalid, fmt::format("--retention {}: not a time; write it as '7 days'",
                                              printable(options.retention))};
    }
  }
  auto done = delta::vacuum(environment.files, environment.clock, snapshot, how);
  if (!done && done.error().code == Code::Invalid) {
    Error error = std::move(done).error();
    error.message += "; --force does it all the same";
    return error;
  }
  auto vacuumed = TRY(std::move(done));
  Object object = {{"version", version_of(vacuumed.snapshot)},
                   {"dryRun", options.dry_run ? "true" : "false"},
                   {"files", number(vacuumed.files)},
                   {"bytes", number(vacuumed.bytes)}};
  if (options.dry_run) object.emplace_back("paths", json_texts(vacuumed.paths));
  return write_object(environment.out, options.format, object);
}

Result<void> restore_table(Environment& environment, const TableOptions& options) {
  if (!options.version && options.timestamp.empty()) {
    return Error{Code::Invalid, "which version? give --version N or --timestamp T"};
  }
  delta::Snapshot newest = TRY(open_newest(environment, options));
  delta::Snapshot wanted = TRY(open_snapshot(environment, options));
  auto done = TRY(delta::restore(environment.files, environment.clock, newest, wanted));
  return write_object(environment.out, options.format,
                      {{"version", version_of(done.snapshot)},
                       {"restoredVersion", version_of(wanted)},
                       {"filesAdded", number(done.files_added)},
                       {"filesRemoved", number(done.files_removed)}});
}

Result<void> check_table(Environment& environment, const TableOptions& options) {
  delta::Snapshot snapshot = TRY(open_newest(environment, options));
  auto done =
      TRY(delta::check_files(environment.files, environment.clock, snapshot, options.repair));
  std::vector<std::string> missing;
  std::vector<std::string> cut;
  for (const auto& [path, problem] : done.damaged) {
    (problem == "missing" ? missing : cut).push_back(path);
  }
  return write_object(environment.out, options.format,
                      {{"version", version_of(done.snapshot)},
                       {"filesChecked", number(done.files_checked)},
                       {"missing", json_texts(missing)},
                       {"cutOff", json_texts(cut)},
                       {"filesRemoved", number(done.files_removed)}});
}

}  // namespace ticklake::app
