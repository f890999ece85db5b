#include "sql/analyzer.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace ticklake::sql {
namespace {

std::string kind_word(const Statement& statement) {
  if (statement.once) return "INSERT ONCE";
  switch (statement.kind) {
    case Statement::Kind::StreamingTable: return "a streaming table";
    case Statement::Kind::MaterializedView: return "a materialized view";
    case Statement::Kind::TemporaryView: return "a temporary view";
    case Statement::Kind::Flow: return "a flow";
    case Statement::Kind::Query:
    case Statement::Kind::Change: return "a query";
  }
  return "";
}

std::vector<std::string> column_names(const Rows& rows) {
  std::vector<std::string> out;
  for (const Column& column : rows.columns) out.push_back(column.name);
  return out;
}

// The streaming input comes first, and rows in the order of its rows.
void finish_joins(Plan& plan) {
  auto stream = std::ranges::find_if(plan.inputs, [](const PlanInput& input) {
    return input.streaming && input.within.empty();
  });
  if (stream == plan.inputs.end()) return;
  std::rotate(plan.inputs.begin(), stream, stream + 1);
  if (plan.has_row && plan.inputs.size() > 1) plan.duckdb_sql += " ORDER BY \"__row\"";
}

}  // namespace

bool holds_null_or_interval(const Type& type) {
  if (type.kind == Kind::Null || type.kind == Kind::Interval) return true;
  if (!type.is_nested()) return false;
  return std::ranges::any_of(*type.children,
                             [](const Field& field) { return holds_null_or_interval(field.type); });
}

Error Analyzer::at(Position position, const std::string& message, Code code) const {
  return Error{code, file_ + ":" + std::to_string(position.line) + ":" +
                         std::to_string(position.column) + ": " + message};
}

// The listed columns: by name where each is one of the query's, else in order.
Result<Rows> Analyzer::with_column_list(const Statement& statement, Rows rows) {
  if (statement.columns.empty()) return rows;
  if (statement.columns.size() != rows.columns.size()) {
    return at(statement.columns[0].position,
              "the column list has " + std::to_string(statement.columns.size()) +
                  " columns but the query gives " + std::to_string(rows.columns.size()) + ": " +
                  joined(column_names(rows), ", "));
  }
  auto find = [&](const std::string& name) {
    return std::ranges::find_if(
        rows.columns, [&](const Column& one) { return equal_ignoring_case(one.name, name); });
  };
  bool by_name = std::ranges::all_of(statement.columns, [&](const ColumnDefinition& one) {
    return find(one.name) != rows.columns.end();
  });
  Source source = derived(rows);
  Rows out = rows;
  out.columns.clear();
  std::vector<std::string> items;
  for (size_t i = 0; i < statement.columns.size(); ++i) {
    const ColumnDefinition& listed_column = statement.columns[i];
    const Column& column = by_name ? *find(listed_column.name) : rows.columns[i];
    Typed value = {.sql = quoted_name(source.id) + "." + quoted_name(column.sql_name),
                   .type = column.type};
    if (listed_column.type) {
      auto converted = cast(value, *listed_column.type);
      if (!converted)
        return at(listed_column.position,
                  "column " + listed_column.name + ": " + converted.error().message);
      value = *converted;
    }
    std::string sql_name = "c" + std::to_string(i);
    items.push_back(value.sql + " AS " + quoted_name(sql_name));
    Column named{listed_column.name, sql_name, value.type};
    if (value.type == column.type) {
      named.origin = column.origin;
      named.delay_us = column.delay_us;
    }
    out.columns.push_back(std::move(named));
  }
  if (rows.row) items.push_back(quoted_name(source.id) + ".\"__row\" AS \"__row\"");
  out.sql = "SELECT " + listed(items) + " FROM " + source.sql + " AS " + quoted_name(source.id);
  return out;
}

// Casts every column to its type under its own name, and adds the hidden columns.
Result<Rows> Analyzer::with_expectations(const Statement& statement, Rows rows) {
  Source source = derived(rows);
  std::vector<std::string> items;
  for (const Column& column : rows.columns) {
    std::string from = quoted_name(source.id) + "." + quoted_name(column.sql_name);
    items.push_back(cast_text(from, column.type) + " AS " + quoted_name(column.name));
  }
  bool table = statement.kind == Statement::Kind::StreamingTable;
  if (table && rows.row) items.push_back(quoted_name(source.id) + ".\"__row\" AS \"__row\"");
  Scope scope;
  scope.no_aggregate = "an expectation";
  for (Column& column : source.columns) column.origin.reset();
  scope.sources.push_back(source);
  const std::string& table_file = statement.fitting.table_file;
  std::string own_file = file_;
  if (!table_file.empty()) file_ = table_file;
  bool checked = table || statement.kind == Statement::Kind::MaterializedView;
  for (size_t i = 0; checked && i < statement.expectations.size(); ++i) {
    const Expectation& expectation = statement.expectations[i];
    if (expectation.condition == nullptr) continue;
    size_t inputs = plan_.inputs.size();
    Typed value = TRY(condition(*expectation.condition, scope, "EXPECT"));
    if (has_subquery(*expectation.condition) || plan_.inputs.size() != inputs ||
        !scope.sources[0].hoisted.empty()) {
      return at(expectation.position,
                "an expectation is over the columns of its own row: it takes no subquery and no "
                "from_json()",
                Code::Unsupported);
    }
    items.push_back(value.sql + " AS " + quoted_name("__expect_" + std::to_string(i)));
  }
  file_ = own_file;
  rows.sql = "SELECT " + listed(items) + " FROM " + source.sql + " AS " + quoted_name(source.id);
  return rows;
}

Result<void> Analyzer::check_output(const Statement& statement, const Rows& rows) const {
  std::set<std::string> names;
  bool stored = statement.kind != Statement::Kind::Query && !options_.columns_only;
  for (const Column& column : rows.columns) {
    if (column.type.kind == Kind::Interval) {
      return at(statement.position,
                "column " + column.name +
                    " is an interval, which cannot leave a query; convert it "
                    "with unix_micros() or datediff()",
                Code::Unsupported);
    }
    if (!stored) continue;
    if (!names.insert(lowered(column.name)).second) {
      return at(statement.position,
                "two columns are named " + column.name + "; rename one with AS");
    }
    if (lowered(column.name) == "__row" || lowered(column.name).starts_with("__expect_")) {
      return at(statement.position,
                "the column name " + column.name + " is reserved; rename it with AS");
    }
    if (statement.kind != Statement::Kind::TemporaryView && holds_null_or_interval(column.type)) {
      return at(statement.position, "column " + column.name +
                                        " is always NULL and has no type; write CAST(NULL AS ..)");
    }
  }
  std::vector<std::string> all = column_names(rows);
  for (const std::string& partition : statement.partition_columns) {
    if (names.contains(lowered(partition))) continue;
    std::string near = nearest(partition, all);
    return at(statement.position, "PARTITIONED BY names " + partition + ", which is not a column" +
                                      (near.empty() ? "; there are " + joined(all, ", ")
                                                    : "; did you mean " + near + "?"));
  }
  return {};
}

Result<void> Analyzer::check_streams(const Statement& statement, const Rows& rows) const {
  auto streams = std::ranges::count_if(plan_.inputs, [](const PlanInput& input) {
    return input.streaming && input.within.empty();
  });
  if (statement.kind == Statement::Kind::TemporaryView || options_.columns_only) return {};
  if (statement.kind != Statement::Kind::StreamingTable) {
    for (const PlanInput& input : plan_.inputs) {
      if (input.streaming) {
        return at(input.position, kind_word(statement) +
                                      " reads whole tables: STREAM is for CREATE STREAMING TABLE");
      }
    }
    return {};
  }
  if (streams == 0) {
    return at(statement.position,
              statement.fitting.table
                  ? "a flow reads a stream: write FROM STREAM .., or INSERT INTO ONCE"
                  : "a streaming table reads a stream: write FROM STREAM .., or CREATE "
                    "MATERIALIZED VIEW");
  }
  if (streams > 1 || !rows.streaming) {
    return at(plan_.inputs.back().position,
              "a streaming table reads one stream, in FROM; what it is joined with is read without "
              "STREAM",
              Code::Unsupported);
  }
  auto own = [](const PlanInput& input) { return input.within.empty(); };
  if (plan_.windowed && std::ranges::count_if(plan_.inputs, own) > 1) {
    return at(plan_.inputs.back().position,
              "rows of windows over a stream are not joined here; join in a streaming table over "
              "STREAM of this one, or in a materialized view",
              Code::Unsupported);
  }
  return {};
}

Result<Plan> Analyzer::run(const Statement& statement) {
  if (statement.query == nullptr) {
    return at(statement.position, "a table without a query (AS SELECT ..) is not supported",
              Code::Unsupported);
  }
  Rows rows = TRY(query(*statement.query, nullptr, nullptr));
  const Fitting& fitting = statement.fitting;
  if (fitting.united) rows = TRY(united(*fitting.united, std::move(rows)));
  rows = TRY(with_column_list(statement, std::move(rows)));
  if (fitting.table) rows = TRY(stored(statement, std::move(rows)));
  TRY(check_output(statement, rows));
  TRY(check_streams(statement, rows));
  Rows out = TRY(with_expectations(statement, rows));
  plan_.duckdb_sql = out.sql;
  plan_.streaming = rows.streaming;
  bool table = statement.kind == Statement::Kind::StreamingTable;
  plan_.has_row = table && rows.row;
  bool checked = table || statement.kind == Statement::Kind::MaterializedView;
  plan_.expectations = checked ? static_cast<int>(statement.expectations.size()) : 0;
  for (size_t i = 0; i < rows.columns.size(); ++i) {
    Field field{rows.columns[i].name, rows.columns[i].type};
    if (fitting.table) {
      field = fitting.table->fields[i];
    } else if (!statement.columns.empty()) {
      field.nullable = statement.columns[i].nullable;
      field.comment = statement.columns[i].comment;
    }
    plan_.output.fields.push_back(std::move(field));
  }
  if (plan_.windowed) plan_.windowed->final_sql = out.sql;
  if (stored_rows_) TRY(finish_rows());
  finish_joins(plan_);
  plan_.picked = picked_columns(statement, plan_, catalog_);
  return std::move(plan_);
}

Result<Plan> analyze(const Statement& statement, const Catalog& catalog,
                     const AnalyzeOptions& options) {
  Analyzer analyzer(catalog, options);
  return analyzer.run(statement);
}

}  // namespace ticklake::sql
