#include <fmt/format.h>

#include <set>

#include "app/change_statement.h"
#include "app/commands.h"
#include "app/project.h"
#include "app/sql_inputs.h"
#include "base/text.h"

namespace ticklake::app {

namespace {

Result<std::string> sql_text(Environment& environment, const SqlOptions& options) {
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

// One answer is one document in JSON, CSV and Arrow, so these take one query.
Result<void> check_query(const sql::Statement& statement, const std::string& file, Format format,
                         bool first) {
  bool runs = statement.kind == sql::Statement::Kind::Query ||
              statement.kind == sql::Statement::Kind::Change;
  if (!runs) {
    return Error{Code::Unsupported,
                 fmt::format("{}: ticklake sql runs queries, DELETE, UPDATE, MERGE, INSERT and "
                             "ALTER TABLE; put CREATE statements into the project's "
                             "transformations and run: ticklake run",
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

// One of the two.
struct Planned {
  std::optional<sql::Plan> query;
  std::optional<sql::EditPlan> change;
};

Result<Planned> planned(const sql::Statement& statement, const sql::Catalog& catalog,
                        const sql::AnalyzeOptions& options) {
  Planned out;
  if (statement.kind == sql::Statement::Kind::Change) {
    out.change = TRY(sql::analyze_change(statement, catalog, options));
  } else {
    out.query = TRY(sql::analyze(statement, catalog, options));
  }
  return out;
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
  std::vector<Planned> plans;
  for (const auto& statement : statements) {
    TRY(check_query(statement, file, options.format, plans.empty()));
    auto plan = planned(statement, catalog, {.file = file, .now_us = environment.clock.now_us()});
    if (!plan) {
      Error why = problem ? *problem : std::move(plan).error();
      bool unknown = why.message.find("unknown table ") != std::string::npos;
      if (unknown && project.name.empty()) why.message += " (no project here: give --project DIR)";
      return why;
    }
    if (plan->query) {
      TRY(check_names(plan->query->output, options.format, file, statement.position));
    } else {
      TRY(check_may_change(environment.files, project, graph, file, statement, *plan->change));
    }
    plans.push_back(*std::move(plan));
  }
  for (const auto& plan : plans) {
    if (plan.change) {
      TRY(run_change(environment, project, file, *plan.change, options.format));
      continue;
    }
    Batches batches = TRY(rows_of(environment, project, file, *plan.query));
    RowWriter writer(environment.out, options.format, plan.query->output);
    for (const auto& batch : batches) TRY(writer.write(*batch));
    TRY(writer.finish());
  }
  return {};
}

}  // namespace ticklake::app
