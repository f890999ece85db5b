#include "app/sql_inputs.h"

#include <fmt/format.h>

#include <thread>

#include "app/event_log.h"
#include "app/project.h"
#include "base/text.h"
#include "base/time.h"

namespace ticklake::app {
namespace {

// The project's own table of what its runs did goes by its name, unless the project has such a
// table.
bool is_event_log(const engine::Project& project, const std::vector<std::string>& name) {
  return name.size() == 1 && equal_ignoring_case(name[0], kEventLogFolder) &&
         !project.storage.empty();
}

std::optional<sql::Relation> relation_at(io::FileStore& files, const engine::Project& project,
                                         const io::Path& root, std::optional<Error>& problem) {
  auto snapshot = delta::open(files, root);
  if (snapshot) {
    return sql::Relation{project.canonical({"delta", root}), snapshot->schema(), nullptr};
  }
  problem = snapshot.error();
  return {};
}

Result<delta::Snapshot> snapshot_of(Environment& environment, const engine::Project& project,
                                    const sql::PlanInput& input) {
  auto path = engine::path_of_table(input.table);
  io::Path root = path ? *path : project.table_path(input.table);
  if (input.version) {
    return delta::open_version(environment.files, root, Version(*input.version));
  }
  if (input.timestamp) {
    auto time = parse_timestamp(*input.timestamp);
    if (!time) {
      return Error{Code::Invalid,
                   fmt::format("TIMESTAMP AS OF '{}': not a time", printable(*input.timestamp))};
    }
    return delta::open_timestamp(environment.files, root, floor_to(time->micros, 1000) / 1000);
  }
  auto newest = delta::open(environment.files, root);
  if (!newest && newest.error().code == Code::NotFound && !path) {
    return Error{Code::NotFound,
                 fmt::format("table {} has not been made yet; run: ticklake run --project {} "
                             "--once",
                             input.table, project.directory)};
  }
  return newest;
}

}  // namespace

std::string place(const std::string& file, sql::Position at) {
  return fmt::format("{}:{}:{}", file, at.line, at.column);
}

sql::Catalog catalog_over(io::FileStore& files, const engine::Project& project,
                          const engine::Graph& graph, std::optional<Error>& problem) {
  sql::Catalog catalog = graph.catalog(project);
  for (const auto& table : graph.tables) {
    catalog.candidates.push_back(name_parts(table.name).back());
  }
  auto declared = catalog.find;
  catalog.find = [&files, &project, &graph, &problem,
                  declared](const std::vector<std::string>& name) -> std::optional<sql::Relation> {
    if (engine::is_delta_path(name)) return relation_at(files, project, name[1], problem);
    auto relation = declared(name);
    if (!relation && is_event_log(project, name)) {
      return relation_at(files, project, io::join(project.storage, kEventLogFolder), problem);
    }
    if (!relation || relation->view) return relation;
    const engine::Table* table = graph.find(project, name);
    if (table == nullptr) return relation;
    auto snapshot = delta::open(files, table->path);
    if (snapshot) relation->schema = snapshot->schema();
    return relation;
  };
  return catalog;
}

Result<query::Input> open_input(Environment& environment, const engine::Project& project,
                                const std::string& file, const sql::PlanInput& input) {
  if (!input.streaming && !input.files.empty()) {
    auto rows = engine::file_input(environment.files, project, input);
    if (!rows) return prefixed(place(file, input.position), std::move(rows).error());
    return rows;
  }
  if (input.streaming || input.table.empty()) {
    return Error{Code::Unsupported,
                 fmt::format("{}: STREAM and read_kafka belong in a streaming table; a query "
                             "reads tables and files (ticklake topic tail shows a topic)",
                             place(file, input.position))};
  }
  auto snapshot = snapshot_of(environment, project, input);
  if (!snapshot) return prefixed(place(file, input.position), std::move(snapshot).error());
  for (const auto& column : input.columns) {
    if (snapshot->schema().find(column) >= 0) continue;
    return Error{Code::Invalid,
                 fmt::format("{}: {} had no column {} at version {}", place(file, input.position),
                             input.table, column, snapshot->version().value)};
  }
  return query::snapshot_input(environment.files, *snapshot, query::conditions(input.conjuncts));
}

Result<Batches> rows_of(Environment& environment, const engine::Project& project,
                        const std::string& file, const sql::Plan& plan) {
  query::Request request{
      .sql = plan.duckdb_sql, .output = plan.output, .payload_functions = plan.payload_functions};
  for (const auto& input : plan.inputs) {
    auto opened = TRY(open_input(environment, project, file, input));
    request.inputs.emplace(input.id, std::move(opened));
  }
  int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  auto database = TRY(query::Database::open({.threads = threads}));
  auto prepared = TRY(database->prepare(std::move(request)));
  auto rows = TRY(prepared->run({}));
  return std::move(rows.batches);
}

}  // namespace ticklake::app
