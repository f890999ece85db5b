#include "app/change_statement.h"

#include <fmt/format.h>

#include <filesystem>
#include <thread>

#include "app/sql_inputs.h"
#include "base/uuid.h"
#include "delta/delta.h"
#include "query/query.h"

namespace ticklake::app {
namespace {

// Made by the query engine when it needs it, in the folder that TMPDIR says.
class SpillDirectory {
 public:
  SpillDirectory() {
    std::error_code none;
    auto all = std::filesystem::temp_directory_path(none);
    if (!none) path_ = all / ("ticklake-spill-" + new_uuid());
  }
  SpillDirectory(const SpillDirectory&) = delete;
  SpillDirectory& operator=(const SpillDirectory&) = delete;
  ~SpillDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

constexpr std::string_view kPipelineTxn = "ticklake/";  // begins the progress of flows

Error written_by_pipeline(const std::string& file, sql::Position at, const std::string& table,
                          const std::string& who) {
  return Error{
      Code::Unsupported,
      fmt::format("{}: {} is written by {}, which relies on what it has written; change the "
                  "statement that fills it and run with --full-refresh, or change rows in a "
                  "table of your own",
                  place(file, at), table, who)};
}

}  // namespace

Result<void> check_may_change(io::FileStore& files, const engine::Project& project,
                              const engine::Graph& graph, const std::string& file,
                              const sql::Statement& statement, const sql::EditPlan& plan) {
  auto path = engine::path_of_table(plan.target);
  io::Path root = path ? *path : project.table_path(plan.target);
  for (const auto& table : graph.tables) {
    if (table.path != root) continue;
    return written_by_pipeline(file, statement.position, table.name,
                               "the pipeline " + project.name);
  }
  auto snapshot = TRY(delta::open(files, root));
  for (const auto& [id, version] : snapshot.txns()) {
    if (!id.starts_with(kPipelineTxn)) continue;
    std::string name = id.substr(kPipelineTxn.size());
    return written_by_pipeline(file, statement.position, root,
                               "the pipeline " + name.substr(0, name.find('/')));
  }
  return {};
}

Result<void> run_change(Environment& environment, const engine::Project& project,
                        const std::string& file, const sql::EditPlan& plan, Format format) {
  auto path = engine::path_of_table(plan.target);
  io::Path root = path ? *path : project.table_path(plan.target);
  auto snapshot = TRY(delta::open(environment.files, root));
  if (plan.alter) {
    auto altered = TRY(alter_table(environment, snapshot, *plan.alter));
    return write_object(environment.out, format,
                        {{"version", std::to_string(altered.version().value)}});
  }
  query::ChangeOptions options;
  options.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  SpillDirectory spill;
  options.spill_directory = spill.path();
  // What it reads of the table that it changes is that table's version that it changes.
  options.open = [&](sql::PlanInput input) {
    bool own = input.table == plan.target && !input.version && !input.timestamp;
    if (own) input.version = snapshot.version().value;
    return open_input(environment, project, file, input);
  };
  auto done = query::change(environment.files, environment.clock, snapshot, plan, options);
  if (!done && done.error().code == Code::Conflict) {
    Error error = std::move(done).error();
    error.message += "; nothing was changed, run the statement again";
    return error;
  }
  auto changed = TRY(std::move(done));
  const auto& counts = changed.counts;
  auto text = [](int64_t number) { return std::to_string(number); };
  return write_object(environment.out, format,
                      {{"version", text(changed.snapshot.version().value)},
                       {"rows_affected", text(counts.inserted + counts.updated + counts.deleted)},
                       {"rows_inserted", text(counts.inserted)},
                       {"rows_updated", text(counts.updated)},
                       {"rows_deleted", text(counts.deleted)}});
}

}  // namespace ticklake::app
