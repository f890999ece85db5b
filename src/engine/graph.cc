#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/engine.h"
#include "feed.h"
#include "settings.h"

namespace ticklake::engine {
namespace {

constexpr std::string_view kQuarantineSuffix = "__quarantine";
constexpr std::string_view kEventsSuffix = "__cdc";

const Schema& quarantine_schema() {
  static const Schema schema{{{"raw", Kind::String},
                              {"reason", Kind::String},
                              {"topic", Kind::String},
                              {"partition", Kind::Integer},
                              {"offset", Kind::Long},
                              {"timestamp", Kind::Timestamp},
                              {"row", Kind::String}}};
  return schema;
}

Error at(const sql::Statement& statement, sql::Position position, std::string_view what) {
  return {Code::Invalid,
          fmt::format("{}:{}:{}: {}", statement.file, position.line, position.column, what)};
}

bool is_view(const sql::Statement& statement) {
  return statement.kind == sql::Statement::Kind::TemporaryView;
}

Result<void> check_name(const sql::Statement& statement) {
  if (statement.name.empty() || statement.name.size() > 3) {
    return at(statement, statement.position, "a name has one to three parts");
  }
  for (const auto& part : statement.name) {
    bool plain = !part.empty() && part != "." && part != "..";
    for (char c : part) {
      bool control = static_cast<unsigned char>(c) < 0x20;
      if (c == '/' || c == '\\' || c == '.' || control) plain = false;
    }
    if (!plain) {
      return at(
          statement, statement.position,
          fmt::format("'{}' cannot be a table's name: it becomes a folder's", printable(part)));
    }
  }
  return {};
}

// Puts the statements in the order of what they read, by depth-first search from each.
class Builder {
 public:
  Builder(const Project& project, int64_t now_us) : project_(project), now_us_(now_us) {}

  Result<Graph> build() {
    TRY(collect());
    TRY(check_flows());
    for (size_t i = 0; i < project_.statements.size(); ++i) TRY(visit(i));
    std::sort(graph_.tables.begin(), graph_.tables.end(),
              [](const Table& a, const Table& b) { return a.name < b.name; });
    return std::move(graph_);
  }

 private:
  enum class Mark : uint8_t { White, Grey, Black };

  std::string key(const std::vector<std::string>& name) const {
    return lowered(project_.canonical(name));
  }

  // The statement that makes the table; a quarantine and a table of events are made by the one
  // they stand beside.
  std::map<std::string, size_t>::const_iterator find(const std::vector<std::string>& name) const {
    if (name.size() > 3) return by_name_.end();
    std::string wanted = key(name);
    for (std::string_view suffix : {kQuarantineSuffix, kEventsSuffix}) {
      if (by_name_.contains(wanted) || !wanted.ends_with(suffix)) continue;
      auto found = by_name_.find(wanted.substr(0, wanted.size() - suffix.size()));
      bool made = suffix == kQuarantineSuffix || (found != by_name_.end() && cdc_of(found->second));
      if (made) return found;
    }
    return by_name_.find(wanted);
  }

  // What fills the statement's table by AUTO CDC, or nullptr.
  const sql::Statement* cdc_of(size_t index) const {
    const auto& statement = project_.statements[index];
    if (statement.cdc) return &statement;
    auto flow = flows_.find(key(statement.name));
    return flow == flows_.end() ? nullptr : &project_.statements[flow->second];
  }

  Result<void> collect() {
    marks_.assign(project_.statements.size(), Mark::White);
    for (size_t i = 0; i < project_.statements.size(); ++i) {
      const auto& statement = project_.statements[i];
      if (statement.kind == sql::Statement::Kind::Change) {
        return at(statement, statement.position,
                  "a pipeline's tables are filled by their own queries: write CREATE STREAMING "
                  "TABLE .. AS SELECT ..; change other tables with 'ticklake sql'");
      }
      if (statement.kind == sql::Statement::Kind::Query) {
        return at(statement, statement.position,
                  "a pipeline's file holds CREATE statements; run queries with 'ticklake sql'");
      }
      if (statement.kind == sql::Statement::Kind::Flow) {
        TRY(collect_flow(i));
        continue;
      }
      TRY(check_name(statement));
      auto [found, fresh] = by_name_.emplace(key(statement.name), i);
      if (!fresh) {
        const auto& first = project_.statements[found->second];
        return at(
            statement, statement.position,
            fmt::format("{} is made twice; first at {}:{}:{}", project_.canonical(statement.name),
                        first.file, first.position.line, first.position.column));
      }
      candidates_.push_back(statement.name.back());
      if (is_view(statement)) graph_.views[project_.canonical(statement.name)] = statement;
    }
    return {};
  }

  Result<void> collect_flow(size_t index) {
    const auto& flow = project_.statements[index];
    auto [found, fresh] = flows_.emplace(key(flow.target), index);
    if (fresh) return {};
    const auto& first = project_.statements[found->second];
    return Error{Code::Unsupported,
                 at(flow, flow.position,
                    fmt::format("a second AUTO CDC flow into {}; the first is at {}:{}:{}; put "
                                "both sources into one streaming table before it",
                                project_.canonical(flow.target), first.file, first.position.line,
                                first.position.column))
                     .message};
  }

  // Each flow has a table that waits for it, and each such table its flow.
  Result<void> check_flows() const {
    for (const auto& [name, index] : flows_) {
      const auto& flow = project_.statements[index];
      auto found = by_name_.find(name);
      if (found == by_name_.end()) return unknown(flow, flow.target, flow.target_position);
      const auto& target = project_.statements[found->second];
      bool empty = target.kind == sql::Statement::Kind::StreamingTable && !target.query;
      if (empty && !target.cdc) continue;
      return at(flow, flow.target_position,
                fmt::format("{} has a {} of its own at {}:{}:{}; a flow fills a table made by "
                            "CREATE STREAMING TABLE without one",
                            project_.canonical(flow.target), target.cdc ? "flow" : "query",
                            target.file, target.position.line, target.position.column));
    }
    for (const auto& [name, index] : by_name_) {
      const auto& statement = project_.statements[index];
      if (statement.query || cdc_of(index)) continue;
      return at(statement, statement.position,
                fmt::format("nothing fills {}; write AS SELECT .. FROM STREAM .., or CREATE FLOW "
                            ".. AS AUTO CDC INTO {} ..",
                            project_.canonical(statement.name), statement.name.back()));
    }
    return {};
  }

  Result<void> visit(size_t index) {
    if (project_.statements[index].kind == sql::Statement::Kind::Flow) return {};
    if (marks_[index] == Mark::Black) return {};
    const auto& statement = project_.statements[index];
    marks_[index] = Mark::Grey;
    trail_.push_back(index);
    TRY(visit_references(statement));
    const auto* flow = cdc_of(index);
    if (flow && flow != &statement) TRY(visit_references(*flow));
    trail_.pop_back();
    marks_[index] = Mark::Black;
    if (flow) return add_changes(statement, *flow);
    if (!is_view(statement)) TRY(add(statement));
    return {};
  }

  Result<void> visit_references(const sql::Statement& statement) {
    for (const auto& reference : sql::references(statement)) {
      if (reference.name.empty()) continue;
      auto found = find(reference.name);
      if (found == by_name_.end()) return unknown(statement, reference.name, reference.position);
      if (marks_[found->second] == Mark::Grey) return cycle(statement, reference, found->second);
      TRY(visit(found->second));
    }
    return {};
  }

  Error unknown(const sql::Statement& statement, const std::vector<std::string>& name,
                sql::Position position) const {
    std::string near = nearest(name.back(), candidates_);
    return at(statement, position,
              fmt::format("table {} is not in this project; {}", joined(name, "."),
                          near.empty() ? "add a statement that makes it"
                                       : fmt::format("did you mean {}?", near)));
  }

  Error cycle(const sql::Statement& statement, const sql::Reference& reference,
              size_t start) const {
    std::string members;
    auto from = std::find(trail_.begin(), trail_.end(), start);
    for (; from != trail_.end(); ++from) {
      members += joined(project_.statements[*from].name, ".") + " -> ";
    }
    members += joined(project_.statements[start].name, ".");
    return at(statement, reference.position,
              fmt::format("these read each other in a circle: {}; break it", members));
  }

  Result<void> add(const sql::Statement& statement) {
    Dataset dataset{.name = project_.canonical(statement.name),
                    .statement = statement,
                    .plan = {},
                    .path = {},
                    .inputs = {},
                    .quarantine = {}};
    dataset.path = project_.table_path(dataset.name);
    sql::AnalyzeOptions options{.file = statement.file, .now_us = now_us_};
    dataset.plan = TRY(sql::analyze(statement, graph_.catalog(project_), options));
    TRY(check(dataset));
    for (const auto& input : dataset.plan.inputs) {
      if (!input.table.empty()) dataset.inputs.push_back(input.table);
    }
    TRY(add_tables(dataset, dataset.name));
    graph_.datasets.push_back(std::move(dataset));
    return {};
  }

  Result<void> check(const Dataset& dataset) const {
    const auto& statement = dataset.statement;
    for (const auto& input : dataset.plan.inputs) {
      if (input.kafka.empty()) continue;
      auto arguments = kafka_arguments(input.kafka);
      if (!arguments) {
        return prefixed(
            fmt::format("{}:{}:{}", statement.file, input.position.line, input.position.column),
            arguments.error());
      }
    }
    bool streaming_table = statement.kind == sql::Statement::Kind::StreamingTable;
    if (streaming_table && !dataset.plan.streaming) {
      return at(statement, statement.position,
                fmt::format("streaming table {} reads no stream; write FROM STREAM t, or make it a "
                            "MATERIALIZED VIEW",
                            dataset.name));
    }
    if (!streaming_table && dataset.plan.streaming) {
      return at(statement, statement.position,
                fmt::format("materialized view {} reads a stream; drop STREAM, or make it a "
                            "STREAMING TABLE",
                            dataset.name));
    }
    for (const auto& input : dataset.plan.inputs) TRY(check_input(dataset, input));
    return {};
  }

  Result<void> check_input(const Dataset& dataset, const sql::PlanInput& input) const {
    const auto& statement = dataset.statement;
    if (dataset.plan.windowed && input.table.empty()) {
      std::string_view source = input.files.empty() ? "read_kafka" : "read_files";
      return Error{Code::Unsupported,
                   at(statement, input.position,
                      fmt::format("windows straight over {} are not available yet; put the "
                                  "records into a bronze table first and window over STREAM of it",
                                  source))
                       .message};
    }
    if (!input.streaming || input.table.empty()) return {};
    const Table* table = graph_.find(project_, split(input.table, '.'));
    if (table != nullptr && table->kind == Table::Kind::MaterializedView) {
      return at(statement, input.position,
                fmt::format("{} is a materialized view, which is overwritten at each refresh and "
                            "cannot be streamed; read it without STREAM, or make it a streaming "
                            "table",
                            input.table));
    }
    bool changes =
        std::any_of(graph_.datasets.begin(), graph_.datasets.end(),
                    [&](const auto& one) { return one.changes && one.name == input.table; });
    if (!changes) return {};
    return at(statement, input.position,
              fmt::format("{} is filled by AUTO CDC, which changes its rows, so it cannot be "
                          "streamed; read it without STREAM in a materialized view, or stream its "
                          "changes: STREAM {}{}",
                          input.table, input.table, kEventsSuffix));
  }

  // Two datasets: the events as a stream of their own, and the table that follows from them.
  Result<void> add_changes(const sql::Statement& target, const sql::Statement& flow) {
    auto plan =
        TRY(sql::analyze_changes(*flow.cdc, flow.file, target, graph_.catalog(project_), now_us_));
    Dataset rows{.name = project_.canonical(target.name), .statement = target};
    rows.path = project_.table_path(rows.name);
    rows.statement.expectations.clear();  // they are those of the events
    Dataset events{.statement = std::move(plan.events), .plan = std::move(plan.events_plan)};
    events.name = rows.name + std::string(kEventsSuffix);
    events.statement.name = split(events.name, '.');
    events.path = project_.table_path(events.name);
    if (by_name_.contains(lowered(events.name))) {
      return at(
          target, target.position,
          fmt::format("{} is the name of this table's events; rename the other one", events.name));
    }
    rows.inputs = {events.name};
    rows.plan.output = std::move(plan.target);
    rows.plan.streaming = true;
    rows.plan.inputs = {{.id = "events",
                         .streaming = true,
                         .table = events.name,
                         .schema = events.plan.output,
                         .columns = plan.rules.keys}};
    rows.plan.inputs[0].columns.emplace_back(sql::kOperationColumn);
    rows.changes = std::move(plan.rules);
    TRY(check(events));
    for (const auto& input : events.plan.inputs) {
      if (!input.table.empty()) events.inputs.push_back(input.table);
    }
    TRY(add_tables(events, rows.name));
    graph_.tables.push_back({rows.name, Table::Kind::StreamingTable, rows.path, rows.plan.output});
    graph_.datasets.push_back(std::move(events));
    graph_.datasets.push_back(std::move(rows));
    return {};
  }

  // What a window's aggregation decodes itself would be lost where it cannot be decoded.
  static Result<void> check_payloads(const Dataset& dataset) {
    const auto& payloads = dataset.plan.payload_functions;
    bool decodes = std::any_of(payloads.begin(), payloads.end(), [](const auto& payload) {
      return payload.form != sql::PayloadFunction::Form::ToAvro;
    });
    if (!dataset.plan.windowed || !decodes) return {};
    Error error = at(dataset.statement, dataset.statement.position,
                     fmt::format("{} aggregates what from_json() or from_avro() decodes, and keeps "
                                 "no undecodable rows aside; decode in a streaming table of its "
                                 "own, with 'ticklake.quarantine' = 'undecodable', and window over "
                                 "STREAM of that; or leave undecodable out of this table's "
                                 "property",
                                 dataset.name));
    error.code = Code::Unsupported;
    return error;
  }

  // The quarantine of a table stands beside `beside`.
  Result<void> add_tables(Dataset& dataset, const std::string& beside) {
    const auto& statement = dataset.statement;
    auto settings = settings_of(project_.configuration, statement.properties);
    if (!settings) {
      return Error{settings.error().code,
                   at(statement, statement.position, settings.error().message).message};
    }
    bool streaming = statement.kind == sql::Statement::Kind::StreamingTable;
    graph_.tables.push_back(
        {dataset.name, streaming ? Table::Kind::StreamingTable : Table::Kind::MaterializedView,
         dataset.path, dataset.plan.output});
    if (settings->quarantine.undecodable) TRY(check_payloads(dataset));
    // A row of a window is made of many, and none of them is to blame for it.
    bool keeps = streaming && !dataset.plan.windowed;
    if (!keeps || !settings->quarantine.any()) return {};
    std::string name = beside + std::string(kQuarantineSuffix);
    if (by_name_.contains(lowered(name))) {
      return at(
          statement, statement.position,
          fmt::format("{} is the name of this table's quarantine; rename the other one", name));
    }
    dataset.quarantine = name;
    graph_.tables.push_back(
        {name, Table::Kind::Quarantine, project_.table_path(name), quarantine_schema()});
    return {};
  }

  const Project& project_;
  int64_t now_us_;
  Graph graph_;
  std::map<std::string, size_t> by_name_;  // lowered canonical name -> statement
  std::map<std::string, size_t> flows_;    // the same of the table that a flow fills
  std::vector<Mark> marks_;
  std::vector<size_t> trail_;
  std::vector<std::string> candidates_;
};

}  // namespace

std::string_view to_string(Table::Kind kind) {
  switch (kind) {
    case Table::Kind::StreamingTable: return "STREAMING_TABLE";
    case Table::Kind::MaterializedView: return "MATERIALIZED_VIEW";
    case Table::Kind::Quarantine: return "QUARANTINE";
  }
  CHECK(false, "no such kind");
}

const Table* Graph::find(const Project& project, const std::vector<std::string>& name) const {
  if (name.empty() || name.size() > 3) return nullptr;
  std::string wanted = project.canonical(name);
  for (const auto& table : tables) {
    if (equal_ignoring_case(table.name, wanted)) return &table;
  }
  return nullptr;
}

sql::Catalog Graph::catalog(const Project& project) const {
  sql::Catalog out;
  out.find = [this,
              &project](const std::vector<std::string>& name) -> std::optional<sql::Relation> {
    if (name.empty() || name.size() > 3) return {};
    if (const Table* table = find(project, name)) {
      return sql::Relation{table->name, table->schema, nullptr};
    }
    std::string wanted = project.canonical(name);
    for (const auto& [key, statement] : views) {
      if (!equal_ignoring_case(key, wanted)) continue;
      return sql::Relation{key, {}, std::make_shared<const sql::Statement>(statement)};
    }
    return {};
  };
  for (const auto& table : tables) out.candidates.push_back(table.name);
  for (const auto& entry : views) out.candidates.push_back(entry.first);
  out.file_columns = project.file_columns;
  out.payload_functions = project.payload_functions;
  return out;
}

Result<Graph> build_graph(const Project& project, int64_t now_us) {
  return Builder(project, now_us).build();
}

}  // namespace ticklake::engine
