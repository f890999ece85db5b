#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "delta/delta.h"
#include "engine/engine.h"
#include "change_fold.h"
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
    for (std::string_view suffix : {kQuarantineSuffix, kLateSuffix, kEventsSuffix, kRowsSuffix}) {
      if (by_name_.contains(wanted) || !wanted.ends_with(suffix)) continue;
      auto found = by_name_.find(wanted.substr(0, wanted.size() - suffix.size()));
      bool made = suffix != kEventsSuffix ||
                  (found != by_name_.end() && !cdc_of(found->second).empty());
      if (made) return found;
    }
    return by_name_.find(wanted);
  }

  // What fills the statement's table by AUTO CDC: its own FLOW first.
  std::vector<const sql::Statement*> cdc_of(size_t index) const {
    std::vector<const sql::Statement*> out;
    const auto& statement = project_.statements[index];
    if (statement.cdc) out.push_back(&statement);
    auto flows = cdc_flows_.find(key(statement.name));
    if (flows == cdc_flows_.end()) return out;
    for (size_t flow : flows->second) out.push_back(&project_.statements[flow]);
    return out;
  }

  // APPLY CHANGES INTO, or a flow by the name of its table, as the one that stands in it.
  bool is_nameless(const sql::Statement& flow) const {
    return flow.cdc && (!is_flow(flow) || key(flow.name) == key(flow.target));
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
      if (statement.cdc && is_flow(statement)) cdc_flows_[key(statement.target)].push_back(i);
      if (is_flow(statement) && is_nameless(statement)) continue;
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

  // Progress is kept by the flow's name.
  Result<void> check_nameless(const std::vector<const sql::Statement*>& flows) const {
    const sql::Statement* first = nullptr;
    for (const auto* flow : flows) {
      if (!is_nameless(*flow)) continue;
      if (!first) {
        first = flow;
        continue;
      }
      return at(*flow, flow->position,
                fmt::format("a second AUTO CDC flow into {} without a name of its own; the first "
                            "is at {}:{}:{}; name it: CREATE FLOW name AS AUTO CDC INTO ..",
                            project_.canonical(flow->target), first->file, first->position.line,
                            first->position.column));
    }
    return {};
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
    if (!cdc_of(target->second).empty()) {
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
    for (const auto& [name, flows] : cdc_flows_) {
      const auto& flow = project_.statements[flows.front()];
      auto found = by_name_.find(name);
      if (found == by_name_.end() || is_flow(project_.statements[found->second])) {
        return unknown(flow, flow.target, flow.target_position);
      }
      TRY(check_nameless(cdc_of(found->second)));
      const auto& target = project_.statements[found->second];
      if (target.kind == sql::Statement::Kind::StreamingTable && !target.query) continue;
      return at(flow, flow.target_position,
                fmt::format("{} has a query of its own at {}:{}:{}; a flow fills a table made by "
                            "CREATE STREAMING TABLE without one",
                            project_.canonical(flow.target), target.file, target.position.line,
                            target.position.column));
    }
    for (const auto& [name, index] : by_name_) {
      const auto& statement = project_.statements[index];
      if (statement.query || !cdc_of(index).empty() || flows_.contains(index)) continue;
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
    auto changes = cdc_of(index);
    for (const auto* flow : changes) {
      if (flow != &statement) TRY(visit_references(*flow));
    }
    std::vector<const sql::Statement*> inserts;
    for (size_t insert : flows_[index]) {
      inserts.push_back(&project_.statements[insert]);
      TRY(visit_references(*inserts.back()));
    }
    trail_.pop_back();
    marks_[index] = Mark::Black;
    if (!changes.empty()) return add_changes(statement, changes);
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
    for (const auto& dataset : datasets) {
      if (dataset.table == datasets.back().table) continue;
      TRY(add_beside(statement, dataset.table, Table::Kind::StreamingTable, dataset.plan.output,
                     "joined rows"));
    }
    auto quarantine = TRY(add_tables(statement, datasets, datasets.back().table));
    TRY(add_late_rows(statement, datasets));
    for (auto& dataset : datasets) {
      if (keeps_rows_aside(dataset)) dataset.quarantine = quarantine;
      graph_.datasets.push_back(std::move(dataset));
    }
    return {};
  }

  // The events as streams of their own, and the table that follows from them.
  Result<void> add_changes(const sql::Statement& target,
                           const std::vector<const sql::Statement*>& flows) {
    std::vector<sql::ChangePlan> plans;
    for (const auto* flow : flows) {
      auto catalog = graph_.catalog(project_);
      plans.push_back(TRY(sql::analyze_changes(*flow->cdc, flow->file, target, catalog, now_us_,
                                               plans.empty() ? nullptr : plans.data())));
    }
    Dataset rows{.name = project_.canonical(target.name), .statement = target};
    rows.table = rows.flow = rows.name;
    rows.path = project_.table_path(rows.name);
    rows.statement.expectations.clear();  // they are those of the events
    std::string table = rows.name + std::string(kEventsSuffix);
    if (by_name_.contains(lowered(table))) {
      return at(target, target.position,
                fmt::format("{} is the name of this table's events; rename the other one", table));
    }
    auto kept = events_kept_ms(target.properties);
    if (!kept) return at(target, target.position, kept.error().message);
    rows.inputs = {table};
    rows.plan.output = plans[0].target;
    rows.plan.streaming = true;
    rows.plan.inputs = {{.id = "events",
                         .streaming = true,
                         .table = table,
                         .schema = plans[0].events_plan.output,
                         .columns = plans[0].rules.keys}};
    rows.plan.inputs[0].columns.emplace_back(sql::kOperationColumn);
    rows.changes = plans[0].rules;
    rows.sources = {source_name(rows.plan.inputs[0])};
    std::vector<Dataset> events;
    for (size_t i = 0; i < flows.size(); ++i) {
      rows.changes->truncates = rows.changes->truncates || plans[i].rules.truncates;
      events.push_back(TRY(events_of(*flows[i], table, std::move(plans[i]))));
    }
    auto quarantine = TRY(add_tables(events[0].statement, events, rows.name));
    graph_.tables.push_back({rows.name, Table::Kind::StreamingTable, rows.path, rows.plan.output});
    for (auto& one : events) {
      one.quarantine = quarantine;
      graph_.datasets.push_back(std::move(one));
    }
    graph_.datasets.push_back(std::move(rows));
    return {};
  }

  Result<Dataset> events_of(const sql::Statement& flow, const std::string& table,
                            sql::ChangePlan plan) {
    Dataset out{.statement = std::move(plan.events), .plan = std::move(plan.events_plan)};
    out.table = table;
    out.name = out.flow = is_nameless(flow) ? table : project_.canonical(flow.name);
    out.statement.name = split(table, '.');
    out.path = project_.table_path(table);
    TRY(check(project_, graph_, out));
    for (const auto& input : out.plan.inputs) {
      if (!input.table.empty()) out.inputs.push_back(input.table);
      out.sources.insert(source_name(input));
    }
    return out;
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
    const Dataset& dataset = datasets.back();  // joined rows come before their windows
    auto settings = settings_of(project_.configuration, statement.properties);
    if (!settings) {
      return at(statement, statement.position, settings.error().message, settings.error().code);
    }
    bool streaming = statement.kind == sql::Statement::Kind::StreamingTable;
    graph_.tables.push_back(
        {dataset.table, streaming ? Table::Kind::StreamingTable : Table::Kind::MaterializedView,
         dataset.path, dataset.plan.output});
    delta::Metadata metadata;
    metadata.schema = dataset.plan.output;
    metadata.partition_columns = statement.partition_columns;
    metadata.configuration = statement.properties;
    if (auto checked = delta::check_metadata(metadata); !checked) {
      return at(statement, statement.position, checked.error().message, checked.error().code);
    }
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
  std::map<std::string, std::vector<size_t>> cdc_flows_;  // lowered canonical name -> its flows
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
