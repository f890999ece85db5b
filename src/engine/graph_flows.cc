#include "graph_flows.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "feed.h"

namespace ticklake::engine {
namespace {

using Kind = sql::Statement::Kind;

std::string short_source_name(const sql::PlanInput& input) {
  if (!input.table.empty()) return split(input.table, '.').back();
  auto topic = input.kafka.find("subscribe");
  return topic == input.kafka.end() ? "files" : topic->second;
}

Result<void> check_input(const Project& project, const Graph& graph, const Dataset& dataset,
                         const sql::PlanInput& input) {
  const auto& statement = dataset.statement;
  if (dataset.plan.windowed && input.table.empty()) {
    std::string_view source = input.files.empty() ? "read_kafka" : "read_files";
    return at(statement, input.position,
              fmt::format("windows straight over {} are not available yet; put the records into "
                          "a bronze table first and window over STREAM of it",
                          source),
              Code::Unsupported);
  }
  if (!input.streaming || input.table.empty()) return {};
  if (dataset.plan.windowed && input.stream != sql::TableStream{}) {
    return at(statement, input.position,
              "windows are rebuilt from the table as it stands, which a stream with options does "
              "not give; put its rows into a streaming table and window over STREAM of that",
              Code::Unsupported);
  }
  if (input.stream.skips_changes || input.stream.change_feed) return {};
  const Table* table = graph.find(project, split(input.table, '.'));
  if (table != nullptr && table->kind == Table::Kind::MaterializedView) {
    return at(statement, input.position,
              fmt::format("{} is a materialized view, which is overwritten at each refresh and "
                          "cannot be streamed; read it without STREAM, or make it a streaming "
                          "table, or stream its change feed: WITH ('readChangeFeed' = 'true')",
                          input.table));
  }
  bool changes =
      std::any_of(graph.datasets.begin(), graph.datasets.end(),
                  [&](const auto& one) { return one.changes && one.table == input.table; });
  if (!changes) return {};
  return at(statement, input.position,
            fmt::format("{} is filled by AUTO CDC, which changes its rows, so it cannot be "
                        "streamed; read it without STREAM in a materialized view, or stream its "
                        "changes: STREAM {}{}",
                        input.table, input.table, kEventsSuffix));
}

// What is decoded below the windows does not make them decode.
void drop_unused_functions(sql::Plan& plan) {
  std::string text = plan.duckdb_sql;
  for (const auto& input : plan.inputs) text += input.query;
  if (plan.windowed) {
    const auto& windowed = *plan.windowed;
    text += windowed.partial_sql + windowed.watermark_sql + windowed.late_sql;
  }
  std::erase_if(plan.payload_functions, [&](const auto& function) {
    return text.find(fmt::format("ticklake_payload_{}(", function.id)) == std::string::npos;
  });
}

// Fills the table of joined rows for the windows, with the clauses of their table that say how.
Dataset rows_dataset(const Project& project, const Dataset& windows, sql::Plan plan) {
  Dataset out{.name = windows.plan.inputs[0].table, .statement = windows.statement};
  out.table = out.flow = out.name;
  out.path = project.table_path(out.name);
  out.plan = std::move(plan);
  out.sources = {source_name(out.plan.inputs[0])};
  for (const auto& input : out.plan.inputs) {
    if (!input.table.empty()) out.inputs.push_back(input.table);
  }
  auto& statement = out.statement;
  statement.name = split(out.name, '.');
  statement.comment = "Joined rows, of which the windows of " + windows.table + " are made.";
  statement.expectations.clear();
  statement.columns.clear();
  statement.partition_columns.clear();
  std::erase_if(statement.properties, [](const auto& property) {
    return !property.first.starts_with("ticklake.") || property.first == "ticklake.lateRows";
  });
  return out;
}

// A query that adds rows to the table, and its branches.
struct Query {
  std::string flow;  // canonical name
  bool is_own;       // the table's own AS SELECT: its columns are the table's
  std::vector<sql::Statement> branches;
};

class Flows {
 public:
  Flows(const Project& project, const Graph& graph, const sql::Statement& table, int64_t now_us)
      : project_(project), catalog_(graph.catalog(project)), graph_(graph), table_(table),
        now_us_(now_us) {}

  Result<std::vector<Dataset>> build(const std::vector<const sql::Statement*>& flows) {
    if (table_.query) queries_.push_back(TRY(own_query()));
    for (const auto* flow : flows) queries_.push_back(TRY(query_of_flow(*flow)));
    CHECK(!queries_.empty(), "the table has a query or a flow");
    TRY(fit_to_table());
    std::vector<Dataset> out;
    for (const auto& query : queries_) {
      auto first = static_cast<ptrdiff_t>(out.size());
      for (const auto& branch : query.branches) {
        out.push_back(TRY(analyzed(query, branch)));
      }
      TRY(name_branches(out, static_cast<size_t>(first)));
    }
    TRY(check_rows());
    out.insert(out.begin(), rows_.begin(), rows_.end());
    return out;
  }

 private:
  // With the table's clauses, in place of its own.
  sql::Statement with_clauses(const sql::Statement& flow) const {
    sql::Statement out = flow;
    out.kind = flow.once ? Kind::MaterializedView : Kind::StreamingTable;
    out.name = table_.name;
    out.columns.clear();
    out.expectations = table_.expectations;
    out.comment = table_.comment;
    out.partition_columns = table_.partition_columns;
    out.properties = table_.properties;
    out.fitting.by_name = flow.by_name;
    if (table_.file != flow.file) out.fitting.table_file = table_.file;
    return out;
  }

  Result<Query> own_query() {
    std::string name = project_.canonical(table_.name);
    if (table_.by_name) return Query{name, false, TRY(branches_of(with_clauses(table_)))};
    return Query{name, true, TRY(branches_of(table_))};
  }

  Result<Query> query_of_flow(const sql::Statement& flow) {
    return Query{project_.canonical(flow.name), false, TRY(branches_of(with_clauses(flow)))};
  }

  Result<std::vector<sql::Statement>> branches_of(const sql::Statement& statement) {
    if (statement.kind != Kind::StreamingTable) return std::vector{statement};
    auto branches = sql::union_branches(statement);
    if (branches.size() == 1) return branches;
    std::vector<Schema> outputs;
    for (const auto& branch : branches) {
      sql::Statement bare = branch;
      bare.columns.clear();
      outputs.push_back(TRY(columns_of(bare)));
    }
    Schema united = TRY(sql::united_columns(branches, outputs));
    for (size_t i = 0; i < branches.size(); ++i) {
      if (!(outputs[i].fields == united.fields)) branches[i].fitting.united = united;
    }
    return branches;
  }

  sql::AnalyzeOptions options_of(const sql::Statement& statement) const {
    return {.file = statement.file, .now_us = now_us_};
  }

  Result<Schema> columns_of(const sql::Statement& statement) const {
    sql::Statement bare = statement;
    bare.expectations.clear();
    bare.partition_columns.clear();
    auto options = options_of(statement);
    options.columns_only = true;
    auto plan = TRY(sql::analyze(bare, catalog_, options));
    return std::move(plan.output);
  }

  // What the rows of flows become: the columns of the table's own query, else those it lists, else
  // what the flows bring.
  Result<void> fit_to_table() {
    bool only_own = queries_.size() == 1 && queries_[0].is_own;
    if (only_own) return {};
    Schema columns;
    if (queries_[0].is_own) {
      columns = TRY(columns_of(queries_[0].branches[0]));
    } else {
      std::vector<sql::Statement> flows;
      std::vector<Schema> outputs;
      for (const auto& query : queries_) {
        flows.push_back(query.branches[0]);
        outputs.push_back(TRY(columns_of(query.branches[0])));
      }
      columns = TRY(sql::merged_columns(table_, flows, outputs));
      TRY(name_by_position(flows, outputs, columns));
    }
    for (auto& query : queries_) {
      if (query.is_own) continue;
      for (auto& branch : query.branches) branch.fitting.table = columns;
    }
    return {};
  }

  // Where the table lists no columns, a flow by position may have fewer than there are.
  Result<void> name_by_position(const std::vector<sql::Statement>& flows,
                                const std::vector<Schema>& outputs, const Schema& columns) {
    if (!table_.columns.empty()) return {};
    for (size_t i = 0; i < flows.size(); ++i) {
      if (flows[i].by_name || outputs[i].fields.size() == columns.fields.size()) continue;
      return at(flows[i], flows[i].position,
                fmt::format("INSERT INTO by position gives {} of the {} columns that the flows of "
                            "{} have; write BY NAME, or list the table's columns",
                            outputs[i].fields.size(), columns.fields.size(),
                            project_.canonical(table_.name)));
    }
    return {};
  }

  Result<Dataset> analyzed(const Query& query, const sql::Statement& statement) {
    Dataset out{.name = query.flow,
                .table = project_.canonical(table_.name),
                .flow = query.flow,
                .statement = statement,
                .plan = {},
                .path = {},
                .inputs = {},
                .quarantine = {}};
    out.path = project_.table_path(out.table);
    out.plan = TRY(sql::analyze(statement, catalog_, options_of(statement)));
    if (auto parts = parted(out.plan, query.flow + std::string(kRowsSuffix))) {
      out.plan = std::move(parts->windows);
      rows_.push_back(rows_dataset(project_, out, std::move(parts->rows)));
      TRY(check(project_, graph_, rows_.back()));
    }
    TRY(check(project_, graph_, out));
    for (const auto& input : out.plan.inputs) {
      if (!input.table.empty()) out.inputs.push_back(input.table);
    }
    return out;
  }

  Result<void> check_rows() const {
    std::set<std::string> names;
    for (const auto& rows : rows_) {
      if (names.insert(rows.name).second) continue;
      return at(table_, table_.position,
                "several queries of a UNION ALL have windows over joined streams; write a CREATE "
                "FLOW .. AS INSERT INTO for each",
                Code::Unsupported);
    }
    return {};
  }

  // Branches are told apart by what they read, and those of one source by their order: so they may
  // be put in another order, and come and go.
  static Result<void> name_branches(std::vector<Dataset>& datasets, size_t first) {
    std::map<std::string, int> seen;
    std::set<std::string> sources;
    bool several = datasets.size() - first > 1;
    for (size_t i = first; i < datasets.size(); ++i) {
      auto& dataset = datasets[i];
      if (!dataset.plan.streaming) continue;
      const auto& input = dataset.plan.inputs[0];
      std::string source = source_name(input);
      sources.insert(source);
      int turn = ++seen[source];
      if (turn > 1 && !input.files.empty()) {
        return at(dataset.statement, input.position,
                  "a UNION ALL reads files in one of its queries only, for progress in files is "
                  "kept by flow; write a CREATE FLOW .. AS INSERT INTO for each",
                  Code::Unsupported);
      }
      if (turn > 1) dataset.turn = fmt::format("~{}", turn);
      if (several) {
        dataset.name = fmt::format("{}[{}{}]", dataset.flow, short_source_name(input),
                                   turn > 1 ? fmt::format(" {}", turn) : "");
      }
    }
    for (size_t i = first; i < datasets.size(); ++i) datasets[i].sources = sources;
    return unique_names(datasets, first);
  }

  // Sources of one short name, of two databases say, are counted.
  static Result<void> unique_names(std::vector<Dataset>& datasets, size_t first) {
    std::set<std::string> names;
    for (size_t i = first; i < datasets.size(); ++i) {
      std::string name = datasets[i].name;
      for (int count = 2; !names.insert(datasets[i].name).second; ++count) {
        datasets[i].name = fmt::format("{} {}]", name.substr(0, name.size() - 1), count);
      }
    }
    return {};
  }

  const Project& project_;
  sql::Catalog catalog_;
  const Graph& graph_;
  const sql::Statement& table_;
  int64_t now_us_;
  std::vector<Query> queries_;
  std::vector<Dataset> rows_;  // of joins that windows are over
};

}  // namespace

std::optional<PartedPlan> parted(const sql::Plan& plan, const std::string& table) {
  if (!plan.windowed || plan.inputs[0].query.empty()) return {};
  PartedPlan out{.rows = {}, .windows = plan};
  auto& scan = out.windows.inputs[0];
  auto& rows = out.rows;
  rows.output = scan.schema;
  rows.duckdb_sql = std::exchange(scan.query, "");
  rows.payload_functions = plan.payload_functions;
  rows.streaming = rows.has_row = true;
  scan.table = table;
  rows.inputs.assign(plan.inputs.begin() + 1, plan.inputs.end());
  for (auto& input : rows.inputs) {
    if (input.within == scan.id) input.within.clear();
  }
  auto stream = std::ranges::find_if(rows.inputs, &sql::PlanInput::streaming);
  CHECK(stream != rows.inputs.end(), "joined rows are those of a stream");
  std::rotate(rows.inputs.begin(), stream, stream + 1);
  out.windows.inputs.resize(1);
  drop_unused_functions(out.rows);
  drop_unused_functions(out.windows);
  return out;
}

Error at(const sql::Statement& statement, sql::Position position, std::string_view what,
         Code code) {
  return {code, fmt::format("{}:{}:{}: {}", statement.file, position.line, position.column, what)};
}

std::string source_name(const sql::PlanInput& input) {
  if (!input.table.empty()) return "table " + input.table;
  auto topic = input.kafka.find("subscribe");
  return topic == input.kafka.end() ? "read_files" : "topic " + topic->second;
}

Result<void> check(const Project& project, const Graph& graph, const Dataset& dataset) {
  const auto& statement = dataset.statement;
  for (const auto& input : dataset.plan.inputs) {
    if (input.kafka.empty()) continue;
    auto arguments = kafka_arguments(input.kafka);
    if (!arguments) {
      return prefixed(fmt::format("{}:{}:{}", statement.file, input.position.line,
                                  input.position.column),
                      arguments.error());
    }
  }
  bool streaming_table = statement.kind == Kind::StreamingTable;
  if (streaming_table && !dataset.plan.streaming) {
    return at(statement, statement.position,
              fmt::format("streaming table {} reads no stream; write FROM STREAM t, or make it a "
                          "MATERIALIZED VIEW",
                          dataset.table));
  }
  if (!streaming_table && dataset.plan.streaming) {
    return at(statement, statement.position,
              fmt::format("materialized view {} reads a stream; drop STREAM, or make it a "
                          "STREAMING TABLE",
                          dataset.table));
  }
  for (const auto& input : dataset.plan.inputs) TRY(check_input(project, graph, dataset, input));
  return {};
}

Result<std::vector<Dataset>> datasets_of(const Project& project, const Graph& graph,
                                         const sql::Statement& table,
                                         const std::vector<const sql::Statement*>& flows,
                                         int64_t now_us) {
  return Flows(project, graph, table, now_us).build(flows);
}

}  // namespace ticklake::engine
