#include <fmt/format.h>

#include <set>
#include <thread>

#include "app/commands.h"
#include "app/project.h"
#include "base/text.h"
#include "base/time.h"
#include "query/query.h"

namespace ticklake::app {

namespace {

delta::Condition::Op condition_op(sql::Conjunct::Op op) {
  using From = sql::Conjunct::Op;
  using To = delta::Condition::Op;
  switch (op) {
    case From::Equal: return To::Equal;
    case From::Less: return To::Less;
    case From::LessEqual: return To::LessEqual;
    case From::Greater: return To::Greater;
    case From::GreaterEqual: return To::GreaterEqual;
    case From::IsNull: return To::IsNull;
    case From::IsNotNull: return To::IsNotNull;
  }
  return To::Equal;
}

std::string place(const std::string& file, const sql::PlanInput& input) {
  return fmt::format("{}:{}:{}", file, input.position.line, input.position.column);
}

// delta.`/path/of/table` names a table outside the project.
bool is_delta_path(const std::vector<std::string>& name) {
  return name.size() == 2 && equal_ignoring_case(name[0], "delta") &&
         name[1].find('/') != std::string::npos;
}

constexpr std::string_view kDeltaPath = "delta.";

// Tables that are stored have their stored schema; the project's others have their declared one.
// Why a table given by its path could not be opened is left in `problem`.
sql::Catalog catalog_over(io::FileStore& files, const engine::Project& project,
                          const engine::Graph& graph, std::optional<Error>& problem) {
  sql::Catalog catalog = graph.catalog(project);
  for (const auto& table : graph.tables) {
    catalog.candidates.push_back(name_parts(table.name).back());
  }
  auto declared = catalog.find;
  catalog.find = [&files, &project, &graph, &problem,
                  declared](const std::vector<std::string>& name) -> std::optional<sql::Relation> {
    if (is_delta_path(name)) {
      auto snapshot = delta::open(files, name[1]);
      if (!snapshot) {
        problem = snapshot.error();
        return {};
      }
      return sql::Relation{std::string(kDeltaPath) + name[1], snapshot->schema(), nullptr};
    }
    auto relation = declared(name);
    if (!relation || relation->view) return relation;
    const engine::Table* table = graph.find(project, name);
    if (table == nullptr) return relation;
    auto snapshot = delta::open(files, table->path);
    if (snapshot) relation->schema = snapshot->schema();
    return relation;
  };
  return catalog;
}

Result<delta::Snapshot> snapshot_of(Environment& environment, const engine::Project& project,
                                    const sql::PlanInput& input) {
  bool by_path = input.table.starts_with(kDeltaPath) && input.table.find('/') != std::string::npos;
  io::Path root = by_path ? input.table.substr(kDeltaPath.size()) : project.table_path(input.table);
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
  if (!newest && newest.error().code == Code::NotFound && !by_path) {
    return Error{Code::NotFound,
                 fmt::format("table {} has not been made yet; run: ticklake run --project {} "
                             "--once",
                             input.table, project.directory)};
  }
  return newest;
}

Result<query::Input> open_input(Environment& environment, const engine::Project& project,
                                const std::string& file, const sql::PlanInput& input) {
  if (!input.streaming && !input.files.empty()) {
    auto rows = engine::file_input(environment.files, project, input);
    if (!rows) return prefixed(place(file, input), std::move(rows).error());
    return rows;
  }
  if (input.streaming || input.table.empty()) {
    return Error{Code::Unsupported,
                 fmt::format("{}: STREAM and read_kafka belong in a streaming table; a query "
                             "reads tables and files (ticklake topic tail shows a topic)",
                             place(file, input))};
  }
  auto snapshot = snapshot_of(environment, project, input);
  if (!snapshot) return prefixed(place(file, input), std::move(snapshot).error());
  for (const auto& column : input.columns) {
    if (snapshot->schema().find(column) >= 0) continue;
    return Error{Code::Invalid,
                 fmt::format("{}: {} had no column {} at version {}", place(file, input),
                             input.table, column, snapshot->version().value)};
  }
  std::vector<delta::Condition> conditions;
  for (const auto& conjunct : input.conjuncts) {
    conditions.push_back({conjunct.column, condition_op(conjunct.op), conjunct.literal});
  }
  return query::snapshot_input(environment.files, *snapshot, std::move(conditions));
}

Result<Batches> answer(Environment& environment, const engine::Project& project,
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

Result<std::string> sql_text(Environment& environment, const SqlOptions& options) {
  if (options.text.empty() == options.file.empty()) {
    return Error{Code::Invalid, "give one of a query and --file FILE.sql"};
  }
  if (!options.file.empty()) return environment.files.read(options.file);
  return options.text;
}

// Outside any project a query can still read tables by their paths.
Result<engine::Project> project_or_none(Environment& environment, const ProjectOptions& options) {
  auto project = load(environment, options);
  bool none = !project && project.error().code == Code::NotFound &&
              options.directory == ProjectOptions().directory;
  if (!none) return project;
  engine::Project empty;
  empty.directory = ".";
  empty.file_columns = engine::file_columns(environment.files, empty.directory, "");
  return empty;
}

std::string place(const std::string& file, sql::Position at) {
  return fmt::format("{}:{}:{}", file, at.line, at.column);
}

// One answer is one document in JSON, CSV and Arrow, so these take one query.
Result<void> check_query(const sql::Statement& statement, const std::string& file, Format format,
                         bool first) {
  if (statement.kind != sql::Statement::Kind::Query) {
    return Error{Code::Unsupported,
                 fmt::format("{}: ticklake sql answers queries; put CREATE statements into the "
                             "project's transformations and run: ticklake run",
                             place(file, statement.position))};
  }
  if (!first && format != Format::JsonLines && format != Format::Table) {
    return Error{Code::Invalid,
                 fmt::format("{}: --output {} takes one query, here is a second one; use jsonl or "
                             "table, or ask them one at a time",
                             place(file, statement.position), name_of(format))};
  }
  return {};
}

// A JSON object with one name twice loses a value for most readers.
Result<void> check_names(const Schema& output, Format format, const std::string& file,
                         sql::Position at) {
  if (format != Format::Json && format != Format::JsonLines) return {};
  std::set<std::string> names;
  for (const auto& field : output.fields) {
    if (names.insert(field.name).second) continue;
    return Error{Code::Invalid,
                 fmt::format("{}: two columns of the result are named {}, which JSON cannot hold; "
                             "give one another name with AS",
                             place(file, at), printable(field.name))};
  }
  return {};
}

}  // namespace

Result<void> run_sql(Environment& environment, const SqlOptions& options) {
  std::string text = TRY(sql_text(environment, options));
  std::string file = options.file.empty() ? "query" : options.file;
  auto statements = TRY(sql::parse(text, file));
  engine::Project project = TRY(project_or_none(environment, options.project));
  engine::Graph graph = TRY(engine::build_graph(project, environment.clock.now_us()));
  std::optional<Error> problem;
  sql::Catalog catalog = catalog_over(environment.files, project, graph, problem);
  std::vector<sql::Plan> plans;
  for (const auto& statement : statements) {
    TRY(check_query(statement, file, options.format, plans.empty()));
    auto plan =
        sql::analyze(statement, catalog, {.file = file, .now_us = environment.clock.now_us()});
    if (!plan) {
      Error why = problem ? *problem : std::move(plan).error();
      if (project.name.empty()) why.message += " (no project here: give --project DIR)";
      return why;
    }
    TRY(check_names(plan->output, options.format, file, statement.position));
    plans.push_back(*std::move(plan));
  }
  for (const auto& plan : plans) {
    Batches batches = TRY(answer(environment, project, file, plan));
    RowWriter writer(environment.out, options.format, plan.output);
    for (const auto& batch : batches) TRY(writer.write(*batch));
    TRY(writer.finish());
  }
  return {};
}

}  // namespace ticklake::app
