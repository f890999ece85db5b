// The rows that an INSERT brings.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "sql/change_tree.h"
#include "sql/walk.h"

namespace ticklake::sql {
namespace {

Error at(const Statement& statement, Position position, const std::string& message, Code code) {
  return Error{code, fmt::format("{}:{}:{}: {}", statement.file, position.line, position.column,
                                 message)};
}

Statement query_statement(const Statement& statement) {
  Statement out;
  out.kind = Statement::Kind::Query;
  out.file = statement.file;
  out.position = statement.position;
  out.query = statement.change->query;
  return out;
}

// The columns that the query's columns are for.
Result<std::vector<std::string>> names_of_rows(const Statement& statement, const Schema& table,
                                               const Schema& given) {
  const Change& change = *statement.change;
  std::vector<std::string> names = change.columns;
  auto fixed = fixed_columns(change);
  auto is_fixed = [&](const Field& field) {
    return std::any_of(fixed.begin(), fixed.end(), [&](const Assignment* one) {
      return equal_ignoring_case(one->column, field.name);
    });
  };
  if (change.by_name) {
    for (const Field& field : given.fields) names.push_back(field.name);
  } else if (names.empty()) {
    for (const Field& field : table.fields) {
      if (!is_fixed(field)) names.push_back(field.name);
    }
  }
  if (names.size() == given.fields.size()) return names;
  return at(statement, change.query->position,
            fmt::format("the query gives {} columns, and {} are to be filled: {}",
                        given.fields.size(), names.size(), joined(names, ", ")),
            Code::Invalid);
}

// SELECT *, <values of PARTITION> FROM (query) AS rows(names)
QueryPtr named_rows(const Change& change, const Schema& table,
                    const std::vector<std::string>& names) {
  FromItem item;
  item.position = change.query->position;
  item.node = DerivedTable{change.query};
  item.alias = "__ticklake_rows";
  item.column_aliases = names;
  item.depth = depth_of(item);
  Select select;
  auto add = [&](Position position, ExpressionNode node, std::string name) {
    int depth = depth_of(node);
    auto item_of = std::make_shared<const Expression>(Expression{position, std::move(node), depth});
    select.items.push_back({std::move(item_of), std::move(name)});
  };
  add(item.position, Star{}, "");
  for (const Assignment* one : fixed_columns(change)) {
    const Field& field = table.fields[static_cast<size_t>(table.find(one->column))];
    add(one->position, Cast{false, one->value, field.type}, field.name);
  }
  Query query;
  query.position = item.position;
  select.from = {std::make_shared<const FromItem>(std::move(item))};
  query.body = std::move(select);
  return std::make_shared<const Query>(std::move(query));
}

}  // namespace

std::vector<const Assignment*> fixed_columns(const Change& change) {
  std::vector<const Assignment*> out;
  for (const Assignment& one : change.partition) {
    if (one.value) out.push_back(&one);
  }
  return out;
}

Result<Plan> new_rows(const Statement& statement, const Schema& schema, const Catalog& catalog,
                      const AnalyzeOptions& options) {
  const Change& change = *statement.change;
  Statement rows = query_statement(statement);
  rows.fitting.table = schema;
  rows.fitting.by_name = change.by_name;
  if (!change.columns.empty() || !fixed_columns(change).empty()) {
    Plan alone = TRY(analyze(query_statement(statement), catalog, options));
    auto names = TRY(names_of_rows(statement, schema, alone.output));
    rows.query = named_rows(change, schema, names);
    rows.fitting.by_name = true;
  }
  Plan plan = TRY(analyze(rows, catalog, options));
  if (!plan.streaming) return plan;
  return at(statement, statement.position,
            "INSERT takes rows that are there; read the table without STREAM, or fill a streaming "
            "table with it",
            Code::Unsupported);
}

}  // namespace ticklake::sql
