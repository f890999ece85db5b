#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/engine.h"
#include "graph_flows.h"
#include "settings.h"

namespace ticklake::engine {
namespace {

constexpr std::string_view kQuarantineSuffix = "__quarantine";
constexpr std::string_view kLateSuffix = "__late";

Schema late_rows_schema() {
  return {{{"_window_start", Kind::Timestamp},
           {"_window_end", Kind::Timestamp},
           {"_watermark", Kind::Timestamp}}};
}

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

bool is_view(const sql::Statement& statement) {
  return statement.kind == sql::Statement::Kind::TemporaryView;
}

bool is_flow(const sql::Statement& statement) {
  return statement.kind == sql::Statement::Kind::Flow;
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

  // The statement that makes the table; a quarantine, late rows and a table of events are made by
  // the one they stand beside.
  std::map<std::string, size_t>::const_iterator find(const std::vector<std::string>& name) const {
    if (name.size() > 3) return by_name_.end();
    std::string wanted = key(name);
    for (std::string_view suffix : {kQuarantineSuffix, kLateSuffix, kEventsSuffix}) {
      if (by_name_.contains(wanted) || !wanted.ends_with(suffix)) continue;
      auto found = by_name_.find(wanted.substr(0, wanted.size() - suffix.size()));
      bool made = suffix != kEventsSuffix || (found != by_name_.end() && cdc_of(found->second));
      if (made) return found;
    }
    return by_name_.find(wanted);
  }

  // What fills the statement's table by AUTO CDC, or nullptr.
  const sql::Statement* cdc_of(size_t index) const {
    const auto& statement = project_.statements[index];
    if (statement.cdc) return &statement;
    auto flow = cdc_flows_.find(key(statement.name));
    return flow == cdc_flows_.end() ? nullptr : &project_.statements[flow->second];
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
      if (statement.cdc && is_flow(statement)) {
        TRY(collect_cdc(i));
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
      if (!is_flow(statement)) candidates_.push_back(statement.name.back());
      if (is_view(statement)) graph_.views[project_.canonical(statement.name)] = statement;
    }
    return {};
  }

  Result<void> collect_cdc(size_t index) {
    const auto& flow = project_.statements[index];
    auto [found, fresh] = cdc_flows_.emplace(key(flow.target), index);
    if (fresh) return {};
    const auto& first = project_.statements[found->second];
    return at(flow, flow.position,
              fmt::format("a second AUTO CDC flow into {}; the first is at {}:{}:{}; put both "
                          "sources into one streaming table before it",
                          project_.canonical(flow.target), first.file, first.position.line,
                          first.position.column),
              Code::Unsupported);
  }

  Result<void> collect_flow(size_t index) {
    const auto& flow = project_.statements[index];
    auto target = flow.target.size() > 3 ? by_name_.end() : by_name_.find(key(flow.target));
    if (target == by_name_.end() || is_flow(project_.statements[target->second])) {
      return unknown(flow, flow.target, flow.target_position);
    }
    const auto& table = project_.statements[target->second];
    if (table.kind != sql::Statement::Kind::StreamingTable) {
      return at(flow, flow.target_position,
                fmt::format("{} is a {}, which only its own query fills; a flow inserts into a "
                            "STREAMING TABLE",
                            joined(flow.target, "."),
                            is_view(table) ? "temporary view" : "materialized view"));
    }
    if (cdc_of(target->second) != nullptr) {
      return at(flow, flow.target_position,
                fmt::format("{} is filled by AUTO CDC, beside which no flow inserts",
                            joined(flow.target, ".")));
    }
    flows_[target->second].push_back(index);
    return {};
  }

  // Each flow has a table that waits for it, and each such table its flow.
  Result<void> check_flows() {
    for (size_t i = 0; i < project_.statements.size(); ++i) {
      const auto& statement = project_.statements[i];
      if (is_flow(statement) && !statement.cdc) TRY(collect_flow(i));
    }
    for (const auto& [name, index] : cdc_flows_) {
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
      if (statement.query || cdc_of(index) || flows_.contains(index)) continue;
      return at(statement, statement.position,
                fmt::format("nothing fills {}; write AS SELECT .. FROM STREAM .., or CREATE FLOW "
                            ".. AS INSERT INTO {} .. or AS AUTO CDC INTO ..",
                            project_.canonical(statement.name), statement.name.back()));
    }
    return {};
  }

  Result<void> visit(size_t index) {
    const auto& statement = project_.statements[index];
    // A flow is visited with its table.
    if (is_flow(statement) || marks_[index] == Mark::Black) return {};
    marks_[index] = Mark::Grey;
    trail_.push_back(index);
    TRY(visit_references(statement));
    const auto* flow = cdc_of(index);
    if (flow && flow != &statement) TRY(visit_references(*flow));
    std::vector<const sql::Statement*> inserts;
    for (size_t insert : flows_[index]) {
      inserts.push_back(&project_.statements[insert]);
      TRY(visit_references(*inserts.back()));
    }
    trail_.pop_back();
    marks_[index] = Mark::Black;
    if (flow) return add_changes(statement, *flow);
    if (!is_view(statement)) TRY(add(statement, inserts));
    return {};
  }

  Result<void> visit_references(const sql::Statement& statement) {
    for (const auto& reference : sql::references(statement)) {
      if (reference.name.empty()) continue;
      if (is_delta_path(reference.name)) {
        TRY(check_path(statement, reference));
        continue;
      }
      auto found = find(reference.name);
      if (found == by_name_.end() || is_flow(project_.statements[found->second])) {
        return unknown(statement, reference.name, reference.position);
      }
      if (marks_[found->second] == Mark::Grey) return cycle(statement, reference, found->second);
      TRY(visit(found->second));
    }
    return {};
  }

  Result<void> check_path(const sql::Statement& statement, const sql::Reference& reference) const {
    if (reference.streaming) {
      return at(statement, reference.position,
                "a table outside the project cannot be streamed; read it without STREAM",
                Code::Unsupported);
    }
    auto columns = project_.delta_columns(project_.table_path(project_.canonical(reference.name)));
    if (columns) return {};
    return at(statement, reference.position, columns.error().message, columns.error().code);
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

  Result<void> add(const sql::Statement& statement,
                   const std::vector<const sql::Statement*>& flows) {
    auto datasets = TRY(datasets_of(project_, graph_, statement, flows, now_us_));
    auto quarantine = TRY(add_tables(statement, datasets, datasets[0].table));
    TRY(add_late_rows(statement, datasets));
    for (auto& dataset : datasets) {
      if (keeps_rows_aside(dataset)) dataset.quarantine = quarantine;
      graph_.datasets.push_back(std::move(dataset));
    }
    return {};
  }

  // Two datasets: the events as a stream of their own, and the table that follows from them.
  Result<void> add_changes(const sql::Statement& target, const sql::Statement& flow) {
    auto plan =
        TRY(sql::analyze_changes(*flow.cdc, flow.file, target, graph_.catalog(project_), now_us_));
    Dataset rows{.name = project_.canonical(target.name), .statement = target};
    rows.table = rows.flow = rows.name;
    rows.path = project_.table_path(rows.name);
    rows.statement.expectations.clear();  // they are those of the events
    Dataset events{.statement = std::move(plan.events), .plan = std::move(plan.events_plan)};
    events.name = rows.name + std::string(kEventsSuffix);
    events.table = events.flow = events.name;
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
    rows.sources = {source_name(rows.plan.inputs[0])};
    TRY(check(project_, graph_, events));
    for (const auto& input : events.plan.inputs) {
      if (!input.table.empty()) events.inputs.push_back(input.table);
      events.sources.insert(source_name(input));
    }
    events.quarantine = TRY(add_tables(events.statement, {events}, rows.name));
    graph_.tables.push_back({rows.name, Table::Kind::StreamingTable, rows.path, rows.plan.output});
    graph_.datasets.push_back(std::move(events));
    graph_.datasets.push_back(std::move(rows));
    return {};
  }

  // A row of a window or of a whole query is made of many, and none of them is to blame for it.
  static bool keeps_rows_aside(const Dataset& dataset) {
    return dataset.plan.streaming && !dataset.plan.windowed;
  }

  // What a window's aggregation decodes itself would be lost where it cannot be decoded.
  static Result<void> check_payloads(const Dataset& dataset) {
    const auto& payloads = dataset.plan.payload_functions;
    bool decodes = std::any_of(payloads.begin(), payloads.end(), [](const auto& payload) {
      return payload.form != sql::PayloadFunction::Form::ToAvro;
    });
    if (!dataset.plan.windowed || !decodes) return {};
    return at(dataset.statement, dataset.statement.position,
              fmt::format("{} aggregates what from_json() or from_avro() decodes, and keeps no "
                          "undecodable rows aside; decode in a streaming table of its own, with "
                          "'ticklake.quarantine' = 'undecodable', and window over STREAM of that; "
                          "or leave undecodable out of this table's property",
                          dataset.table),
              Code::Unsupported);
  }

  // The name of the table's quarantine, where it has one; it stands beside `beside`.
  Result<std::optional<std::string>> add_tables(const sql::Statement& statement,
                                                const std::vector<Dataset>& datasets,
                                                const std::string& beside) {
    const Dataset& dataset = datasets.front();
    auto settings = settings_of(project_.configuration, statement.properties);
    if (!settings) {
      return at(statement, statement.position, settings.error().message, settings.error().code);
    }
    bool streaming = statement.kind == sql::Statement::Kind::StreamingTable;
    graph_.tables.push_back(
        {dataset.table, streaming ? Table::Kind::StreamingTable : Table::Kind::MaterializedView,
         dataset.path, dataset.plan.output});
    for (const auto& each : datasets) {
      if (settings->quarantine.undecodable) TRY(check_payloads(each));
    }
    bool keeps = std::any_of(datasets.begin(), datasets.end(), keeps_rows_aside);
    if (!keeps || !settings->quarantine.any()) return std::optional<std::string>();
    std::string name = beside + std::string(kQuarantineSuffix);
    TRY(add_beside(statement, name, Table::Kind::Quarantine, quarantine_schema(), "quarantine"));
    return std::optional(name);
  }

  Result<void> add_beside(const sql::Statement& statement, const std::string& name,
                          Table::Kind kind, Schema schema, std::string_view what) {
    if (by_name_.contains(lowered(name))) {
      return at(statement, statement.position,
                fmt::format("{} is the name of this table's {}; rename the other one", name, what));
    }
    graph_.tables.push_back({name, kind, project_.table_path(name), std::move(schema)});
    return {};
  }

  // The table of rows that came too late for a window of the table, where it is asked for.
  Result<void> add_late_rows(const sql::Statement& statement, std::vector<Dataset>& datasets) {
    bool keeps = TRY(settings_of(project_.configuration, statement.properties)).keeps_late;
    auto windowed = [](const Dataset& dataset) { return dataset.plan.windowed.has_value(); };
    auto found = std::find_if(datasets.begin(), datasets.end(), windowed);
    if (!keeps || found == datasets.end()) return {};
    if (std::count_if(datasets.begin(), datasets.end(), windowed) > 1) {
      return at(statement, statement.position,
                fmt::format("several flows fill windows of {}, and 'ticklake.lateRows' = 'keep' "
                            "keeps the late rows of one; fill a table for each",
                            found->table),
                Code::Unsupported);
    }
    Schema schema = late_rows_schema();
    for (const auto& field : found->plan.inputs[0].schema.fields) {
      if (schema.find(field.name) >= 0) {
        return at(statement, statement.position,
                  fmt::format("{} has a column {}, which 'ticklake.lateRows' = 'keep' adds to the "
                              "late rows; rename it",
                              found->plan.inputs[0].table, field.name));
      }
      schema.fields.push_back({.name = field.name, .type = field.type});
    }
    std::string name = found->table + std::string(kLateSuffix);
    TRY(add_beside(statement, name, Table::Kind::LateRows, std::move(schema), "late rows"));
    found->late = std::move(name);
    return {};
  }

  const Project& project_;
  int64_t now_us_;
  Graph graph_;
  std::map<std::string, size_t> by_name_;  // lowered canonical name -> statement
  std::map<std::string, size_t> cdc_flows_;      // lowered canonical name of its target -> flow
  std::map<size_t, std::vector<size_t>> flows_;  // table -> its CREATE FLOW .. AS INSERT
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
    case Table::Kind::LateRows: return "LATE_ROWS";
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
    if (is_delta_path(name) && project.delta_columns) {
      std::string outside = project.canonical(name);
      auto columns = project.delta_columns(project.table_path(outside));
      if (!columns) return {};
      return sql::Relation{outside, *std::move(columns), nullptr};
    }
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
