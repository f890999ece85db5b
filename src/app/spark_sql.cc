#include "app/spark_sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/project.h"
#include "app/spark_text.h"
#include "base/text.h"

namespace ticklake::app {
namespace {

using Kind = sql::Statement::Kind;

// Behind the name that begins at a token: a, a.b, a.b.c.
size_t behind_name(const std::vector<SparkToken>& tokens, size_t at) {
  ++at;
  while (at + 1 < tokens.size() && tokens[at].text == ".") at += 2;
  return at;
}

// Where the statement's query begins in its text.
Result<size_t> query_begin(const sql::Statement& statement, const std::vector<SparkToken>& tokens) {
  std::optional<size_t> at;
  if (statement.kind == Kind::Flow) {
    at = find_words(tokens, {"INTO"});
    if (at) at = behind_name(tokens, *at + 1);
  } else if (auto flow = find_words(tokens, {"FLOW", "INSERT"})) {
    at = *flow + 2;
  } else {
    at = find_words(tokens, {"AS"});
    if (at) ++*at;
  }
  if (at && *at + 1 < tokens.size() && tokens[*at].is("BY") && tokens[*at + 1].is("NAME")) *at += 2;
  if (!at || *at >= tokens.size()) {
    return not_for_spark(statement, "its query is not found; write it with AS SELECT");
  }
  return tokens[*at].begin;
}

// The plans of the statement's queries.
Result<std::vector<sql::Plan>> plans_of(const engine::Project& project, const engine::Graph& graph,
                                        const sql::Statement& statement, int64_t now_us) {
  std::vector<sql::Plan> plans;
  if (statement.kind == Kind::TemporaryView) {
    plans.push_back(TRY(sql::analyze(statement, graph.catalog(project),
                                     {.file = statement.file, .now_us = now_us})));
  }
  std::string name = project.canonical(statement.name);
  for (const auto& dataset : graph.datasets) {
    bool is_its = equal_ignoring_case(dataset.flow, name) ||
                  equal_ignoring_case(dataset.flow, name + "__rows");  // what its windows are over
    if (is_its) plans.push_back(dataset.plan);
  }
  return plans;
}

Result<void> check_plan(const sql::Statement& statement, const sql::Plan& plan) {
  for (const auto& function : plan.payload_functions) {
    if (function.writers == nullptr) continue;
    return not_for_spark(statement,
                         "it decodes by a schema registry, which Apache Spark's own "
                         "from_json and from_avro do not know");
  }
  return {};
}

Result<void> check_references(const engine::Project& project, const engine::Graph& graph,
                              const sql::Statement& statement) {
  for (const auto& reference : sql::references(statement)) {
    if (reference.name.empty()) continue;
    if (reference.name.size() > 1) {
      return not_for_spark(statement,
                           fmt::format("it reads {}, whose database and catalog are the pipeline's "
                                       "in Spark; write the name alone",
                                       joined(reference.name, ".")));
    }
    const auto* table = graph.find(project, reference.name);
    bool is_ours = table != nullptr &&
                   std::ranges::none_of(project.statements, [&](const sql::Statement& one) {
                     return equal_ignoring_case(project.canonical(one.name), table->name);
                   });
    if (!is_ours) continue;
    return not_for_spark(
        statement, fmt::format("it reads {}, which only ticklake makes", reference.name.back()));
  }
  return {};
}

// Functions that Spark does not have.
Result<void> check_functions(const sql::Statement& statement,
                             const std::vector<SparkToken>& tokens) {
  static const std::vector<std::string_view> ours = {"atr", "bollinger", "ema", "macd",
                                                     "rsi", "sma",       "vwap"};
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    auto is_it = [&](std::string_view name) { return tokens[i].is(name); };
    if (tokens[i + 1].text != "(" || std::ranges::none_of(ours, is_it)) continue;
    return not_for_spark(statement, fmt::format("{}() is a function of ticklake; "
                                                "docs/market_functions.md says what it works out. "
                                                "Leave the table out with --without",
                                                lowered(tokens[i].text)));
  }
  return {};
}

bool is_before(sql::Position a, sql::Position b) {
  return std::pair(a.line, a.column) < std::pair(b.line, b.column);
}

// In the file, of a byte of the statement's text.
sql::Position position_in(const sql::Statement& statement, std::string_view text, size_t at) {
  std::string_view before = text.substr(0, at);
  auto lines = static_cast<int>(std::ranges::count(before, '\n'));
  size_t line_begin = before.rfind('\n') + 1;
  int column = static_cast<int>(at - line_begin) + (lines == 0 ? statement.position.column : 1);
  return {statement.position.line + lines, column};
}

// What a call at that place gives: calls within views stand elsewhere.
const sql::PlanInput* input_at(const std::vector<sql::Plan>& plans, sql::Position place) {
  const sql::PlanInput* found = nullptr;
  for (const auto& plan : plans) {
    for (const auto& input : plan.inputs) {
      bool is_call = !input.kafka.empty() || !input.files.empty();
      if (!is_call || is_before(place, input.position)) continue;
      if (found == nullptr || is_before(found->position, input.position)) found = &input;
    }
  }
  return found;
}

// The text from a byte on, with a view's name for each call.
Result<std::string> with_views(const sql::Statement& statement, const std::string& text,
                               size_t from, const std::vector<sql::Plan>& plans,
                               const SourceView& view) {
  std::string out;
  auto tokens = spark_tokens(text);
  auto copy_to = [&](size_t end) { out += text.substr(from, end - from); };
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    bool is_call = (tokens[i].is("read_kafka") || tokens[i].is("read_files")) &&
                   tokens[i + 1].text == "(" && tokens[i].begin >= from;
    if (!is_call) continue;
    const auto* input = input_at(plans, position_in(statement, text, tokens[i].begin));
    if (input == nullptr) {
      return not_for_spark(statement,
                           "what this call reads is not known; put it into a streaming "
                           "table of its own");
    }
    // The view has _metadata as a column, which the '*' of files leaves out.
    bool metadata = std::ranges::find(input->columns, "_metadata") != input->columns.end();
    auto star = metadata ? find_star(tokens, i) : std::nullopt;
    if (star && tokens[*star].begin >= from) {
      copy_to(tokens[*star].begin);
      size_t behind = 0;
      out += star_without(tokens, *star, "_metadata", &behind);
      from = end_of(tokens[behind - 1]);
    }
    copy_to(tokens[i].begin);
    out += TRY(view({*input, statement}));
    int depth = tokens[i].depth;
    for (++i; i < tokens.size() && (tokens[i].text != ")" || tokens[i].depth != depth);) ++i;
    if (i == tokens.size()) {
      return not_for_spark(statement, "where this call ends is not understood");
    }
    from = end_of(tokens[i]);
  }
  return out + text.substr(from);
}

// Also of columns that are NOT NULL: Spark takes no such column where the query does not promise
// it.
std::vector<sql::Expectation> expectations_of(const sql::Statement& table) {
  auto all = table.expectations;
  for (const auto& column : table.columns) {
    if (column.nullable) continue;
    all.push_back({.name = column.name + " NOT NULL",
                   .text = spark_name(column.name) + " IS NOT NULL",
                   .on_violation = sql::Expectation::OnViolation::FailUpdate});
  }
  return all;
}

// Rows that an expectation drops, or that fail the flow, are those for which it is not true.
std::string with_expectations(const std::vector<sql::Expectation>& expectations,
                              const std::string& query) {
  using Action = sql::Expectation::OnViolation;
  std::vector<std::string> conditions;
  for (const auto& one : expectations) {
    if (one.on_violation == Action::DropRow) conditions.push_back("(" + one.text + ")");
    if (one.on_violation != Action::FailUpdate) continue;
    // First: a row that another one drops fails all the same.
    conditions.insert(
        conditions.begin(),
        fmt::format("CASE WHEN {} THEN true ELSE CAST(raise_error({}) AS BOOLEAN) END", one.text,
                    spark_string(fmt::format("expectation {} failed: {}", one.name, one.text))));
  }
  if (conditions.empty()) return query;
  return fmt::format("SELECT * FROM (\n{}\n)\nWHERE {}", query, joined(conditions, "\n  AND "));
}

// Spark counts nothing, so a view does, of the rows that were kept.
std::string counting_view(const sql::Statement& statement) {
  std::vector<std::string> counts;
  for (const auto& one : statement.expectations) {
    if (one.on_violation != sql::Expectation::OnViolation::Keep) continue;
    counts.push_back(fmt::format(
        "SELECT {} AS name, count_if({}) AS passed_records, count_if(NOT coalesce({}, false)) AS "
        "failed_records FROM {}",
        spark_string(one.name), one.text, one.text, spark_name(statement.name)));
  }
  if (counts.empty()) return "";
  return fmt::format(";\n\nCREATE MATERIALIZED VIEW {} AS\n{}",
                     spark_name(statement.name.back() + "__expectations"),
                     joined(counts, "\nUNION ALL "));
}

std::string column_list(const sql::Statement& statement, const engine::Table* table) {
  std::vector<std::string> columns;
  for (const auto& column : statement.columns) {
    int at = table == nullptr ? -1 : table->schema.find(column.name);
    if (!column.type && at < 0) return "";
    std::string text =
        spark_name(column.name) + " " +
        to_sql(column.type ? *column.type : table->schema.fields[static_cast<size_t>(at)].type);
    if (!column.comment.empty()) text += " COMMENT " + spark_string(column.comment);
    columns.push_back(std::move(text));
  }
  return columns.empty() ? "" : " (" + joined(columns, ", ") + ")";
}

// Without USING delta, which is the default in what is exported: where a table says its format,
// the second update of Spark's pipelines would set it again, and Delta refuses that.
std::string clauses(const sql::Statement& statement) {
  std::string text;
  if (!statement.partition_columns.empty()) {
    std::vector<std::string> columns;
    for (const auto& column : statement.partition_columns) columns.push_back(spark_name(column));
    text += fmt::format("\nPARTITIONED BY ({})", joined(columns, ", "));
  }
  if (!statement.comment.empty()) text += "\nCOMMENT " + spark_string(statement.comment);
  std::vector<std::string> properties;
  for (const auto& [key, value] : statement.properties) {
    properties.push_back(spark_string(key) + " = " + spark_string(value));
  }
  if (properties.empty()) return text;
  return text + fmt::format("\nTBLPROPERTIES ({})", joined(properties, ", "));
}

std::vector<std::string> notes_of(const sql::Statement& statement) {
  std::vector<std::string> notes;
  std::string name = joined(statement.name, ".");
  if (statement.properties.contains("ticklake.lateRows")) {
    notes.push_back(name + ": Spark does not keep late rows; they are gone");
  }
  auto quarantine = statement.properties.find("ticklake.quarantine");
  if (quarantine == statement.properties.end()) return notes;
  notes.push_back(
      fmt::format("{}: Spark has no quarantine. Rows that its expectations drop are "
                  "gone{}{}",
                  name,
                  quarantine->second.find("undecodable") != std::string::npos
                      ? "; a payload that cannot be decoded stays as a row of NULLs, "
                        "unless an expectation drops it"
                      : "",
                  quarantine->second.find("errors") != std::string::npos
                      ? "; a row that raises an error stops its flow"
                      : ""));
  return notes;
}

// A flow that adds rows by position may do so by name where these are the same.
Result<void> check_flow(const engine::Project& project, const engine::Graph& graph,
                        const sql::Statement& flow, int64_t now_us) {
  if (flow.once) {
    return not_for_spark(flow,
                         "INSERT ONCE has no counterpart in SQL; load these rows with a "
                         "streaming flow");
  }
  if (flow.by_name) return {};
  sql::Statement alone = flow;
  alone.kind = Kind::StreamingTable;
  auto first = sql::union_branches(alone).front();  // whose names count
  auto plan = TRY(sql::analyze(first, graph.catalog(project),
                               {.file = flow.file, .now_us = now_us, .columns_only = true}));
  const auto* table = graph.find(project, flow.target);
  auto same_name = [](const Field& a, const Field& b) { return a.name == b.name; };
  bool same =
      table != nullptr && std::ranges::equal(plan.output.fields, table->schema.fields, same_name);
  if (same) return {};
  return not_for_spark(flow, "Spark's flows insert by name; write INSERT INTO .. BY NAME");
}

const sql::Statement* target_of(const engine::Project& project, const sql::Statement& flow) {
  auto found = std::ranges::find_if(project.statements, [&](const sql::Statement& one) {
    return one.kind == Kind::StreamingTable &&
           equal_ignoring_case(project.canonical(one.name), project.canonical(flow.target));
  });
  return found == project.statements.end() ? nullptr : &*found;
}

std::string plain_text(const sql::Statement& statement) {
  std::string_view text = trimmed(statement.text);
  while (text.ends_with(';')) text = trimmed(text.substr(0, text.size() - 1));
  return std::string(text);
}

}  // namespace

Error not_for_spark(const sql::Statement& statement, const std::string& why) {
  return {Code::Unsupported, fmt::format("{}:{}: {}: {}", statement.file, statement.position.line,
                                         joined(statement.name, "."), why)};
}

Result<SparkStatement> spark_statement(const engine::Project& project, const engine::Graph& graph,
                                       const sql::Statement& statement, int64_t now_us,
                                       const SourceView& view) {
  if (statement.name.size() > 1 || statement.target.size() > 1) {
    return not_for_spark(statement,
                         "its database and catalog are the pipeline's in Spark; write "
                         "the name alone");
  }
  bool is_table =
      statement.kind == Kind::StreamingTable || statement.kind == Kind::MaterializedView;
  std::string begin =
      fmt::format("CREATE {} {}{}",
                  statement.kind == Kind::StreamingTable ? "STREAMING TABLE" : "MATERIALIZED VIEW",
                  statement.if_not_exists ? "IF NOT EXISTS " : "", spark_name(statement.name));
  begin += column_list(statement, graph.find(project, statement.name)) + clauses(statement);
  if (is_table && statement.query == nullptr) {
    return SparkStatement{begin + counting_view(statement), notes_of(statement)};
  }
  TRY(check_references(project, graph, statement));
  auto plans = TRY(plans_of(project, graph, statement, now_us));
  for (const auto& plan : plans) TRY(check_plan(statement, plan));
  std::string text = plain_text(statement);
  auto tokens = spark_tokens(text);
  TRY(check_functions(statement, tokens));
  size_t at = TRY(query_begin(statement, tokens));
  std::string query = TRY(with_views(statement, text, at, plans, view));
  if (statement.kind == Kind::TemporaryView) {
    return SparkStatement{
        fmt::format("CREATE TEMPORARY VIEW {} AS\n{}", spark_name(statement.name), query), {}};
  }
  if (statement.kind == Kind::Flow) {
    TRY(check_flow(project, graph, statement, now_us));
    const auto* target = target_of(project, statement);
    if (target != nullptr) query = with_expectations(expectations_of(*target), query);
    return SparkStatement{
        fmt::format("CREATE FLOW {} AS INSERT INTO {} BY NAME\n{}", spark_name(statement.name),
                    spark_name(statement.target), query),
        {}};
  }
  query = with_expectations(expectations_of(statement), query);
  return SparkStatement{fmt::format("{}\nAS {}", begin, query) + counting_view(statement),
                        notes_of(statement)};
}

namespace {

// The clauses of AUTO CDC as written, by their first word.
std::map<std::string, std::string> change_clauses(std::string_view text) {
  const std::vector<std::pair<std::string, std::vector<std::string_view>>> forms = {
      {"source", {"FROM"}},
      {"keys", {"KEYS"}},
      {"ignore", {"IGNORE", "NULL"}},
      {"delete", {"APPLY", "AS", "DELETE", "WHEN"}},
      {"truncate", {"APPLY", "AS", "TRUNCATE", "WHEN"}},
      {"sequence", {"SEQUENCE", "BY"}},
      {"columns", {"COLUMNS"}},
      {"stored", {"STORED", "AS"}},
      {"history", {"TRACK", "HISTORY"}}};
  auto tokens = spark_tokens(text);
  std::map<size_t, std::pair<std::string, size_t>> found;  // begin -> name, where its text begins
  for (const auto& [name, words] : forms) {
    auto at = find_words(tokens, words);
    if (at) found[tokens[*at].begin] = {name, end_of(tokens[*at + words.size() - 1])};
  }
  std::map<std::string, std::string> out;
  for (auto one = found.begin(); one != found.end(); ++one) {
    size_t end = std::next(one) == found.end() ? text.size() : std::next(one)->first;
    size_t begin = one->second.second, last = begin;  // comments behind it are not the clause's
    for (const auto& token : tokens) {
      if (token.begin >= begin && token.begin < end) last = end_of(token);
    }
    out[one->second.first] = trimmed(text.substr(begin, last - begin));
  }
  return out;
}

// "STREAM(t)" or "STREAM t": t.
std::string without_stream(std::string_view source) {
  auto tokens = spark_tokens(source);
  if (tokens.empty() || !tokens[0].is("STREAM")) return std::string(source);
  source = trimmed(source.substr(end_of(tokens[0])));
  if (source.starts_with('(') && source.ends_with(')')) {
    source = trimmed(source.substr(1, source.size() - 2));
  }
  return std::string(source);
}

std::vector<std::string> names_with(const std::vector<std::string>& names,
                                    const std::string& before) {
  std::vector<std::string> out;
  for (const auto& name : names) out.push_back(before + spark_name(name));
  return out;
}

// From the changes to the rows, in the words of Spark SQL.
std::string rows_of_changes(const sql::ChangeRules& rules, const std::string& changes) {
  std::vector<std::string> values, output, unchanged = {"true"};
  for (const auto& column : rules.columns) {
    bool is_key = std::ranges::find(rules.keys, column) != rules.keys.end();
    if (!is_key) values.push_back(spark_name(column));
    output.push_back(is_key ? spark_name(column)
                            : fmt::format("__row.{0} AS {0}", spark_name(column)));
  }
  for (const auto& column : rules.tracked) {
    if (std::ranges::find(rules.keys, column) != rules.keys.end()) continue;
    unchanged.push_back(fmt::format("__row.{0} <=> lag(__row.{0}) OVER w", spark_name(column)));
  }
  std::string keys = joined(names_with(rules.keys, ""), ", ");
  values.insert(values.begin(), "__gone");
  std::string moments = fmt::format(
      "WITH changes AS (\n{}\n),\n"
      "-- of several changes of a key at one moment a delete wins, else the greatest row\n"
      "moments AS (\n  SELECT {}, __sequence, max(struct({})) AS __row\n  FROM changes GROUP BY "
      "{}, "
      "__sequence\n),\n",
      changes, keys, joined(values, ", "), keys);
  if (!rules.keeps_history) {
    return moments + fmt::format(
                         "newest AS (\n  SELECT {0}, max_by(__row, __sequence) AS __row "
                         "FROM moments GROUP BY {0}\n)\nSELECT {1}\nFROM newest WHERE NOT "
                         "__row.__gone",
                         keys, joined(output, ", "));
  }
  return moments +
         fmt::format(
             "marked AS (\n  SELECT *, coalesce(__row.__gone = lag(__row.__gone) OVER w AND "
             "(__row.__gone OR ({1})), false) AS __same\n  FROM moments WINDOW w AS "
             "(PARTITION BY {0} ORDER BY __sequence)\n),\n"
             "parts AS (\n  SELECT *, sum(CASE WHEN __same THEN 0 ELSE 1 END) OVER "
             "(PARTITION BY {0} ORDER BY __sequence) AS __part\n  FROM marked\n),\n"
             "held AS (\n  SELECT {0}, max_by(__row, __sequence) AS __row, min(__sequence) "
             "AS __START_AT\n  FROM parts GROUP BY {0}, __part\n),\n"
             "history AS (\n  SELECT *, lead(__START_AT) OVER (PARTITION BY {0} ORDER BY "
             "__START_AT) AS __END_AT\n  FROM held\n)\n"
             "SELECT {2}, __START_AT, __END_AT\nFROM history WHERE NOT __row.__gone",
             keys, joined(unchanged, " AND "), joined(output, ", "));
}

}  // namespace

Result<SparkStatement> spark_changes(const engine::Project& project, const engine::Graph& graph,
                                     const sql::Statement& table, const sql::Statement& changes) {
  std::string name = project.canonical(table.name);
  auto dataset = std::ranges::find_if(graph.datasets, [&](const engine::Dataset& one) {
    return one.changes && equal_ignoring_case(one.table, name);
  });
  CHECK(dataset != graph.datasets.end(), "AUTO CDC fills the table");
  const auto& rules = *dataset->changes;
  if (rules.truncates) {
    return not_for_spark(changes,
                         "APPLY AS TRUNCATE WHEN cannot be exported; make the changes "
                         "deletes of each key");
  }
  if (!rules.filled.empty()) {
    return not_for_spark(changes,
                         "IGNORE NULL UPDATES cannot be exported; fill the values in a "
                         "table before it");
  }
  auto clauses_of = change_clauses(plain_text(changes));
  std::string source = without_stream(clauses_of["source"]);
  auto tokens = spark_tokens(source);
  bool is_table = tokens.size() == 1 && graph.find(project, name_parts(source)) != nullptr;
  if (!is_table) {
    return not_for_spark(changes, fmt::format("it reads {}; in Spark all changes are read again, "
                                              "so put a streaming table between",
                                              printable(source)));
  }
  std::string gone = clauses_of["delete"].empty() ? "false" : clauses_of["delete"];
  std::string rows = fmt::format(
      "  SELECT {}, {} AS __sequence, coalesce({}, false) AS __gone FROM {}",
      joined(names_with(rules.columns, ""), ", "), clauses_of["sequence"], gone, source);
  std::vector<sql::Expectation> of_rows = expectations_of(table);
  for (auto& one : of_rows) one.text = "__gone OR (" + one.text + ")";
  std::string query = rows_of_changes(rules, with_expectations(of_rows, rows));
  auto notes = notes_of(table);
  notes.push_back(
      fmt::format("{}: Spark's SQL has no AUTO CDC, so it is a materialized view over "
                  "all changes in {}: the same rows, worked out whole by each update",
                  joined(table.name, "."), source));
  return SparkStatement{fmt::format("CREATE MATERIALIZED VIEW {}{}\nAS {}", spark_name(table.name),
                                    clauses(table), query),
                        std::move(notes)};
}

}  // namespace ticklake::app
