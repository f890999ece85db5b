// ticklake explain: what fills a table, how, and how far it has come.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/project.h"
#include "base/text.h"
#include "base/time.h"

namespace ticklake::app {
namespace {

using Json = nlohmann::ordered_json;

std::string_view symbol_of(sql::Conjunct::Op op) {
  using Op = sql::Conjunct::Op;
  switch (op) {
    case Op::Equal: return "=";
    case Op::Less: return "<";
    case Op::LessEqual: return "<=";
    case Op::Greater: return ">";
    case Op::GreaterEqual: return ">=";
    case Op::IsNull: return "IS NULL";
    case Op::IsNotNull: return "IS NOT NULL";
  }
  CHECK(false, "no such comparison");
}

// Text in a form that a person would write a duration.
std::string duration_text(int64_t duration_us) {
  if (duration_us % kMicrosPerHour == 0 && duration_us != 0) {
    return counted(static_cast<size_t>(duration_us / kMicrosPerHour), "hour");
  }
  if (duration_us % kMicrosPerMinute == 0 && duration_us != 0) {
    return counted(static_cast<size_t>(duration_us / kMicrosPerMinute), "minute");
  }
  if (duration_us % kMicrosPerSecond == 0) {
    return counted(static_cast<size_t>(duration_us / kMicrosPerSecond), "second");
  }
  return fmt::format("{} ms", static_cast<double>(duration_us) / 1000);
}

std::string find_or(const std::map<std::string, std::string>& map, const std::string& key,
                    const std::string& otherwise) {
  auto found = map.find(key);
  return found == map.end() ? otherwise : found->second;
}

std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> names;
  for (const auto& field : schema.fields) names.push_back(field.name);
  return names;
}

// What a flow reads, and how it comes.
Json read_of(const sql::PlanInput& input, bool is_joined) {
  Json read;
  if (!input.query.empty()) {
    read["reads"] = "a subquery";
    read["how"] = "joined with the stream; its rows are worked out when what it reads has changed";
    read["columns"] = input.columns;
    return read;
  }
  if (!input.kafka.empty()) {
    read["reads"] = "topic " + find_or(input.kafka, "subscribe", "");
    read["broker"] = find_or(input.kafka, "bootstrapServers", "");
    read["how"] = fmt::format(
        "each record once, in the order of its partition's offsets; a new "
        "flow begins at {}",
        find_or(input.kafka, "startingOffsets", "latest"));
  } else if (!input.files.empty()) {
    read["reads"] = "files " + find_or(input.files, "path", "");
    read["how"] = input.streaming ? "each file once, in the order in which the flow met them"
                                  : "all files that are there, each time";
  } else {
    read["reads"] = input.table;
    read["how"] = input.streaming ? "each version once: handed on in memory where it has just been "
                                    "committed, else read from its files"
                                  : "the whole table, each time";
  }
  if (is_joined) {
    read["how"] = "joined with the stream: one version for all rows of a batch, kept in memory "
                  "while it is the newest";
  }
  read["columns"] = input.columns;
  if (!input.kafka.empty() || !input.files.empty()) return read;
  read["columns_of_table"] = input.schema.fields.size();
  std::vector<std::string> conditions;
  for (const auto& conjunct : input.conjuncts) {
    bool alone = conjunct.op >= sql::Conjunct::Op::IsNull;
    conditions.push_back(fmt::format("{} {}{}", conjunct.column, symbol_of(conjunct.op),
                                     alone ? "" : " " + conjunct.literal));
  }
  if (!conditions.empty()) read["only_files_that_may_hold"] = joined(conditions, " AND ");
  return read;
}

std::string read_text(const Json& read) {
  std::vector<std::string> columns = read["columns"];
  std::string text = fmt::format("  {}\n", read["reads"].get<std::string>());
  if (read.contains("broker"))
    text += fmt::format("    at {}\n", read["broker"].get<std::string>());
  text += fmt::format("    {}\n", read["how"].get<std::string>());
  std::string of;
  if (read.contains("columns_of_table")) {
    of = fmt::format(" ({} of {})", columns.size(), read["columns_of_table"].get<size_t>());
  }
  text += fmt::format("    columns{}: {}\n", of, columns.empty() ? "none" : joined(columns, ", "));
  if (!read.contains("only_files_that_may_hold")) return text;
  return text + fmt::format("    leaves out files whose statistics rule out: {}\n",
                            read["only_files_that_may_hold"].get<std::string>());
}

Json window_of(const engine::Dataset& dataset) {
  const auto& windowed = *dataset.plan.windowed;
  const auto& inputs = dataset.plan.inputs;
  auto stream = std::ranges::find_if(inputs, [](const auto& one) { return one.streaming; });
  bool is_table = stream != inputs.end() && !stream->table.empty();
  std::string source = is_table ? stream->table : "the source";
  bool merges = windowed.merge_sql.find("GROUP BY") != std::string::npos;
  Json window;
  window["event_time"] = windowed.event_time_column;
  window["window"] = windowed.window_us == 0   ? "sessions"
                     : windowed.window_us == 1 ? "each event time by itself"
                                               : duration_text(windowed.window_us);
  if (windowed.slide_us != windowed.window_us && windowed.window_us != 0) {
    window["every"] = duration_text(windowed.slide_us);
  }
  window["watermark"] = fmt::format(
      "the newest {} of the slowest partition that is not idle, less "
      "{}",
      windowed.event_time_column.empty() ? "event time" : windowed.event_time_column,
      duration_text(windowed.delay_us));
  window["emits"] = std::string(
                        "a window's rows once, when the watermark has passed its end; rows of a "
                        "window that was ") +
                    "written are late: counted and " +
                    (dataset.late ? "kept in " + *dataset.late : "left out");
  window["state"] = merges ? "one row of partial results for each open window and group"
                           : "the rows of open windows: an aggregate here has no partial results "
                             "that merge";
  window["state_columns"] = to_ddl(windowed.partial_schema);
  window["restart"] = fmt::format(
      "the state is not stored; it is read again from {}, from the oldest "
      "open window on",
      source);
  return window;
}

Json sql_of(const engine::Dataset& dataset) {
  const auto& plan = dataset.plan;
  if (!plan.windowed) return Json{{"rows", plan.duckdb_sql}};
  return Json{{"watermark", plan.windowed->watermark_sql},
              {"partial", plan.windowed->partial_sql},
              {"merge", plan.windowed->merge_sql},
              {"final", plan.windowed->final_sql}};
}

std::string kind_of(const engine::Dataset& dataset, const engine::Project& project) {
  if (dataset.changes) {
    return fmt::format(
        "follows changes (AUTO CDC, SCD type {}): each commit takes new changes from "
        "{}, works out the rows of their keys from all changes of these keys, and "
        "replaces those that differ",
        dataset.changes->keeps_history ? 2 : 1, dataset.table + "__cdc");
  }
  if (dataset.statement.once) {
    return "runs once, when all that it reads has caught up, and again after a full refresh";
  }
  if (!dataset.plan.streaming) {
    return fmt::format(
        "is worked out whole when an input has a new version, at most every {} ({}), and committed "
        "where its rows differ. Whole, because a row that comes, goes or changes in an input may "
        "change any row here: nothing is kept that says which",
        find_or(dataset.statement.properties, "ticklake.refreshInterval",
                find_or(project.configuration, "ticklake.refreshInterval", "10 seconds")),
        "with --once: once, at the end");
  }
  if (dataset.plan.windowed) return "aggregates windows of event time, each written once";
  if (!dataset.plan.picked.empty()) {
    return "passes columns on as they are, without running SQL: " +
           joined(dataset.plan.picked, ", ");
  }
  return "runs one statement over each batch of new rows; keeps no state";
}

Json flow_of(const engine::Dataset& dataset, const engine::Project& project) {
  Json flow;
  flow["flow"] = dataset.name;
  flow["file"] = dataset.statement.file;
  flow["line"] = dataset.statement.position.line;
  flow["how"] = kind_of(dataset, project);
  flow["reads"] = Json::array();
  for (const auto& input : dataset.plan.inputs) {
    bool is_joined = dataset.plan.streaming && !input.streaming;
    flow["reads"].push_back(read_of(input, is_joined));
    // Its plan is about expectations alone; the rows follow from whole changes.
    if (dataset.changes) flow["reads"].back()["columns"] = names_of(input.schema);
  }
  if (dataset.plan.windowed) flow["window"] = window_of(dataset);
  if (!dataset.changes) flow["sql"] = sql_of(dataset);
  return flow;
}

std::string_view action_of(sql::Expectation::OnViolation action) {
  switch (action) {
    case sql::Expectation::OnViolation::Keep: return "the row is kept, and counted";
    case sql::Expectation::OnViolation::DropRow: return "the row is dropped, and counted";
    case sql::Expectation::OnViolation::FailUpdate: return "the flow stops";
  }
  CHECK(false, "no such action");
}

// What an application id of the table's log says after the flow's prefix; docs/exactly_once.md.
// `names`: of sources, by id.
Json progress_of(const std::string& prefix, const delta::Snapshot& snapshot,
                 std::map<std::string, std::string> names, bool is_view) {
  std::vector<std::pair<std::vector<std::string>, int64_t>> entries;
  for (const auto& [id, value] : snapshot.txns()) {
    if (!id.starts_with(prefix)) continue;
    auto parts = split(id.substr(prefix.size()), '/');
    if (parts.size() >= 4 && parts[2] == "name") {
      std::string name = id.substr(prefix.size() + parts[0].size() + parts[1].size() + 7);
      names[parts[1]] = name;
    } else if (parts.size() >= 3) {
      entries.emplace_back(std::move(parts), value);
    }
  }
  Json out = Json::array();
  for (const auto& [parts, value] : entries) {
    std::string what = joined(std::span(parts).subspan(2), "/");
    bool is_time = what == "watermark" || what == "window" || parts[2] == "event_time";
    bool is_partition = what.find_first_not_of("0123456789") == std::string::npos;
    if (is_partition) what = "next offset of partition " + what;
    if (what == "version") what = is_view ? "worked out from version" : "next version";
    if (what == "window") what = "start of the oldest open window";
    out.push_back({{"source", find_or(names, parts[1], parts[1])},
                   {"what", what},
                   {"value", is_time ? Json(format_instant(value)) : Json(value)}});
  }
  return out;
}

Result<void> add_progress(Environment& environment, const engine::Project& project,
                          const engine::Graph& graph, const engine::Table& table, Json& explained) {
  auto snapshot = delta::open(environment.files, table.path);
  if (!snapshot && snapshot.error().code != Code::NotFound) return snapshot.error();
  if (!snapshot) {
    explained["version"] = nullptr;
    return {};
  }
  explained["version"] = snapshot->version().value;
  auto rows = row_count(*snapshot);
  explained["rows"] = rows ? Json(*rows) : Json(nullptr);
  explained["files"] = snapshot->file_count();
  std::map<std::string, std::string> names;
  for (const auto& input : graph.tables) {
    auto opened = delta::open(environment.files, input.path);
    if (opened) names[opened->metadata().id] = "table " + input.name;
  }
  bool is_view = table.kind == engine::Table::Kind::MaterializedView;
  for (auto& flow : explained["flows"]) {
    std::string prefix =
        fmt::format("ticklake/{}/{}/", project.name, flow["flow"].get<std::string>());
    flow["progress"] = progress_of(prefix, *snapshot, names, is_view);
  }
  return {};
}

Json explained_table(const engine::Project& project, const engine::Graph& graph,
                     const engine::Table& table) {
  Json out;
  out["table"] = table.name;
  out["type"] = engine::to_string(table.kind);
  out["path"] = table.path;
  out["columns"] = to_ddl(table.schema);
  out["flows"] = Json::array();
  out["expectations"] = Json::array();
  std::vector<std::string> readers;
  for (const auto& dataset : graph.datasets) {
    bool reads_it = std::ranges::find(dataset.inputs, table.name) != dataset.inputs.end();
    bool is_new = std::ranges::find(readers, dataset.table) == readers.end();
    if (reads_it && is_new) readers.push_back(dataset.table);
    bool stands_beside = dataset.quarantine == table.name || dataset.late == table.name;
    if (stands_beside) out["stands_beside"] = dataset.table;
    if (dataset.table != table.name) continue;
    if (out["flows"].empty()) {
      out["comment"] = dataset.statement.comment;
      if (!dataset.statement.partition_columns.empty()) {
        out["partitioned_by"] = dataset.statement.partition_columns;
      }
      if (dataset.quarantine) {
        out["quarantine"] = *dataset.quarantine;
        out["quarantine_takes"] =
            find_or(dataset.statement.properties, "ticklake.quarantine",
                    find_or(project.configuration, "ticklake.quarantine", ""));
      }
      for (const auto& expectation : dataset.statement.expectations) {
        out["expectations"].push_back({{"name", expectation.name},
                                       {"condition", expectation.text},
                                       {"otherwise", action_of(expectation.on_violation)}});
      }
    }
    out["flows"].push_back(flow_of(dataset, project));
  }
  out["read_by"] = readers;
  return out;
}

std::string text_or(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}

std::string flow_text(const Json& flow, bool is_only) {
  std::string name = is_only ? "" : " " + text_or(flow, "flow");
  std::string text = fmt::format("\nflow{} ({}:{})\n  {}\n", name, text_or(flow, "file"),
                                 flow["line"].get<int>(), text_or(flow, "how"));
  text += "\nreads\n";
  for (const auto& read : flow["reads"]) text += read_text(read);
  if (flow.contains("window")) {
    text += "\nwindow\n";
    for (const auto& [name_of_part, value] : flow["window"].items()) {
      std::string said = value.get<std::string>();
      if (said.empty()) continue;
      std::string shown = name_of_part;
      std::ranges::replace(shown, '_', ' ');
      text += fmt::format("  {}: {}\n", shown, said);
    }
  }
  if (flow.contains("progress")) {
    text += "\nprogress\n";
    for (const auto& entry : flow["progress"]) {
      const auto& value = entry["value"];
      text += fmt::format("  {}: {} {}\n", text_or(entry, "source"), text_or(entry, "what"),
                          value.is_string() ? value.get<std::string>() : value.dump());
    }
    if (flow["progress"].empty()) text += "  none yet\n";
  }
  if (!flow.contains("sql")) return text;
  text += "\nDuckDB SQL\n";
  for (const auto& [step, statement] : flow["sql"].items()) {
    text += fmt::format("  -- {}\n  {}\n", step, statement.get<std::string>());
  }
  return text;
}

std::string table_text(const Json& table) {
  std::string text = fmt::format("{}: {}\n", text_or(table, "table"), text_or(table, "type"));
  if (!text_or(table, "comment").empty()) text += fmt::format("  {}\n", text_or(table, "comment"));
  text +=
      fmt::format("  in {}\n  columns: {}\n", text_or(table, "path"), text_or(table, "columns"));
  if (table.contains("partitioned_by")) {
    std::vector<std::string> columns = table["partitioned_by"];
    text += fmt::format("  partitioned by: {}\n", joined(columns, ", "));
  }
  if (table["version"].is_null()) {
    text += "  has not been made yet\n";
  } else {
    text += fmt::format("  version {}, {} rows in {} files\n", table["version"].dump(),
                        table["rows"].dump(), table["files"].dump());
  }
  std::vector<std::string> readers = table["read_by"];
  text += fmt::format("  read by: {}\n", readers.empty() ? "no flow" : joined(readers, ", "));
  if (table.contains("stands_beside")) {
    text += fmt::format("  keeps what {} does not take; explain that table\n",
                        text_or(table, "stands_beside"));
  }
  if (!table["expectations"].empty()) text += "\nexpectations\n";
  for (const auto& one : table["expectations"]) {
    text += fmt::format("  {}: {}; otherwise {}\n", text_or(one, "name"), text_or(one, "condition"),
                        text_or(one, "otherwise"));
  }
  if (table.contains("quarantine")) {
    text += fmt::format("  quarantine: {} takes {}\n", text_or(table, "quarantine"),
                        text_or(table, "quarantine_takes"));
  }
  for (const auto& flow : table["flows"]) text += flow_text(flow, table["flows"].size() == 1);
  return text;
}

}  // namespace

Result<void> explain_table(Environment& environment, const ExplainOptions& options) {
  auto project = TRY(load(environment, options.project));
  auto graph = TRY(engine::build_graph(project, environment.clock.now_us()));
  auto parts = name_parts(options.table);
  const engine::Table* table = parts.size() > 3 ? nullptr : graph.find(project, parts);
  if (table == nullptr) {
    std::vector<std::string> names;
    for (const auto& one : graph.tables) names.push_back(name_parts(one.name).back());
    std::string near = nearest(parts.back(), names);
    return Error{Code::NotFound, fmt::format("no table {} in project {}; {}",
                                             printable(options.table), project.name,
                                             near.empty() ? "there are " + joined(names, ", ")
                                                          : "did you mean " + near + "?")};
  }
  Json explained = explained_table(project, graph, *table);
  TRY(add_progress(environment, project, graph, *table, explained));
  std::string text = options.as_json ? explained.dump(2) + "\n" : table_text(explained);
  std::fputs(environment.secrets.masked(text).c_str(), environment.out);
  return flushed(environment.out);
}

}  // namespace ticklake::app
