// Several queries that fill one table: the branches of a UNION ALL, and flows.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

Error at_place(const Statement& statement, Position position, const std::string& message) {
  return {Code::Invalid, statement.file + ":" + std::to_string(position.line) + ":" +
                             std::to_string(position.column) + ": " + message};
}

void add_branches(const std::shared_ptr<const Query>& query, const std::vector<CommonTable>& outer,
                  const Statement& statement, std::vector<Statement>& out) {
  std::vector<CommonTable> ctes = outer;
  ctes.insert(ctes.end(), query->ctes.begin(), query->ctes.end());
  const auto* operation = std::get_if<SetOperation>(&query->body);
  bool united = operation != nullptr && operation->op == SetOperation::Op::Union &&
                operation->all && query->order_by.empty() && !query->order_by_all &&
                !query->limit && !query->offset;
  if (united) {
    add_branches(operation->left, ctes, statement, out);
    add_branches(operation->right, ctes, statement, out);
    return;
  }
  Query branch = *query;
  branch.ctes = std::move(ctes);
  out.push_back(statement);
  out.back().query = std::make_shared<const Query>(std::move(branch));
}

// Where a column of the query is written, or else the query.
Position column_position(const Query& query, const std::string& column) {
  const auto* select = std::get_if<Select>(&query.body);
  if (select == nullptr) return query.position;
  for (const SelectItem& item : select->items) {
    std::string name = item.alias.empty() ? default_name(*item.expression) : item.alias;
    if (equal_ignoring_case(name, column)) return item.expression->position;
  }
  return query.position;
}

std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> out;
  for (const Field& field : schema.fields) out.push_back(field.name);
  return out;
}

// A column that a flow brings to the columns known so far.
Result<void> merge(const Statement& flow, Field column, bool is_listed, Schema& out) {
  int index = out.find(column.name);
  if (index < 0) {
    if (!is_listed) out.fields.push_back(std::move(column));
    return {};
  }
  Field& known = out.fields[static_cast<size_t>(index)];
  auto type = common_type(known.type, column.type);
  if (!type || !may_store(known.type, *type) || !may_store(column.type, *type)) {
    return at_place(flow, column_position(*flow.query, column.name),
                    "column " + column.name + " is " + to_sql(column.type) + " here and " +
                        to_sql(known.type) + " in a flow before; cast one, or list the table's "
                                             "columns with their types");
  }
  known.type = *type;
  return {};
}

}  // namespace

std::vector<Statement> union_branches(const Statement& statement) {
  std::vector<Statement> out;
  add_branches(statement.query, {}, statement, out);
  if (out.size() == 1) return {statement};
  for (Statement& branch : out) branch.position = branch.query->position;
  return out;
}

Schema schema_of(const Rows& rows) {
  Schema out;
  for (const Column& column : rows.columns) out.fields.push_back({column.name, column.type});
  return out;
}

Result<std::vector<Type>> united_types(const std::string& word, const Schema& left,
                                       const Schema& right) {
  if (left.fields.size() != right.fields.size()) {
    return Error{Code::Invalid, word + " needs queries of as many columns, but they have " +
                                    std::to_string(left.fields.size()) + " and " +
                                    std::to_string(right.fields.size())};
  }
  std::vector<Type> out;
  for (size_t i = 0; i < left.fields.size(); ++i) {
    const Type& a = left.fields[i].type;
    const Type& b = right.fields[i].type;
    auto type = common_type(a, b);
    if (!type) {
      return Error{Code::Invalid, "column " + std::to_string(i + 1) + " of " + word + " is " +
                                      to_sql(a) + " in one and " + to_sql(b) +
                                      " in the other query; cast one"};
    }
    out.push_back(*type);
  }
  return out;
}

Result<Schema> united_columns(const std::vector<Statement>& branches,
                              const std::vector<Schema>& outputs) {
  Schema out = outputs[0];
  for (size_t i = 1; i < outputs.size(); ++i) {
    auto types = united_types("UNION ALL", out, outputs[i]);
    if (!types) return at_place(branches[i], branches[i].position, types.error().message);
    for (size_t j = 0; j < types->size(); ++j) out.fields[j].type = (*types)[j];
  }
  return out;
}

Result<Schema> merged_columns(const Statement& table, const std::vector<Statement>& flows,
                              const std::vector<Schema>& outputs) {
  Schema out;
  std::set<std::string> typed;
  for (const ColumnDefinition& column : table.columns) {
    Field field{column.name, column.type.value_or(Kind::Null)};
    field.nullable = column.nullable;
    field.comment = column.comment;
    if (column.type) typed.insert(lowered(column.name));
    out.fields.push_back(std::move(field));
  }
  bool is_listed = !table.columns.empty();
  for (size_t i = 0; i < flows.size(); ++i) {
    Schema columns = outputs[i];
    for (size_t j = 0; j < columns.fields.size(); ++j) {
      Field& column = columns.fields[j];
      if (!flows[i].by_name && j < out.fields.size()) column.name = out.fields[j].name;
      if (typed.contains(lowered(column.name))) continue;
      TRY(merge(flows[i], Field{column.name, column.type}, is_listed, out));
    }
  }
  for (size_t i = 0; i < out.fields.size(); ++i) {
    if (out.fields[i].type.kind != Kind::Null) continue;
    Position position = is_listed ? table.columns[i].position : table.position;
    return at_place(table, position,
                    "column " + out.fields[i].name +
                        " has no type: no flow gives it one; write its type in the table's list "
                        "of columns");
  }
  return out;
}

// By position, under the names and types of the UNION ALL.
Result<Rows> Analyzer::united(const Schema& columns, Rows rows) {
  Source source = derived(rows);
  std::vector<std::string> items;
  for (size_t i = 0; i < rows.columns.size(); ++i) {
    Column& column = rows.columns[i];
    const Field& wanted = columns.fields[i];
    Typed value = {.sql = quoted_name(source.id) + "." + quoted_name(column.sql_name),
                   .type = column.type};
    value = TRY(cast(value, wanted.type));
    Column named{wanted.name, "c" + std::to_string(i), wanted.type};
    if (wanted.type == column.type) named.origin = column.origin;
    items.push_back(value.sql + " AS " + quoted_name(named.sql_name));
    column = std::move(named);
  }
  if (rows.row) items.push_back(quoted_name(source.id) + ".\"__row\" AS \"__row\"");
  rows.sql = "SELECT " + listed(items) + " FROM " + source.sql + " AS " + quoted_name(source.id);
  return rows;
}

// As INSERT INTO stores them: what the query does not give is NULL.
Result<Rows> Analyzer::stored(const Statement& statement, Rows rows) {
  const Schema& table = *statement.fitting.table;
  const Query& query = *statement.query;
  bool by_name = statement.fitting.by_name;
  std::vector<std::string> names = names_of(table);
  if (!by_name && rows.columns.size() != names.size()) {
    return at(query.position, "INSERT INTO by position needs a column for each of the table's " +
                                  std::to_string(names.size()) + " (" + joined(names, ", ") +
                                  "), but the query gives " + std::to_string(rows.columns.size()) +
                                  "; write BY NAME to leave some NULL");
  }
  std::vector<std::optional<size_t>> from(names.size());
  for (size_t i = 0; i < rows.columns.size(); ++i) {
    const std::string& name = rows.columns[i].name;
    int index = by_name ? table.find(name) : static_cast<int>(i);
    Position position = column_position(query, name);
    if (index < 0) {
      std::string near = nearest(name, names);
      return at(position, "the table has no column " + name + "; " +
                              (near.empty() ? "it has " + joined(names, ", ")
                                            : "did you mean " + near + "?"));
    }
    auto& place = from[static_cast<size_t>(index)];
    if (place) return at(position, "two columns are named " + name + "; rename one with AS");
    place = i;
  }
  Source source = derived(rows);
  std::vector<std::string> items;
  std::vector<Column> columns;
  for (size_t i = 0; i < names.size(); ++i) {
    const Field& wanted = table.fields[i];
    Typed value = {.sql = "NULL", .type = Kind::Null};
    if (from[i]) {
      const Column& column = rows.columns[*from[i]];
      value = {.sql = quoted_name(source.id) + "." + quoted_name(column.sql_name),
               .type = column.type};
    } else if (!wanted.nullable) {
      return at(query.position, "the query does not give column " + wanted.name +
                                    ", which is NOT NULL in the table");
    }
    Position position = from[i] ? column_position(query, rows.columns[*from[i]].name)
                                : query.position;
    if (!may_store(value.type, wanted.type)) {
      return at(position, "column " + wanted.name + " is " + to_sql(value.type) +
                              " in the query and " + to_sql(wanted.type) +
                              " in the table, which INSERT does not convert; write a CAST");
    }
    value = TRY(located(position, cast(value, wanted.type)));
    std::string sql_name = "s" + std::to_string(i);
    items.push_back(value.sql + " AS " + quoted_name(sql_name));
    columns.push_back({wanted.name, sql_name, wanted.type});
  }
  if (rows.row) items.push_back(quoted_name(source.id) + ".\"__row\" AS \"__row\"");
  rows.columns = std::move(columns);
  rows.sql = "SELECT " + listed(items) + " FROM " + source.sql + " AS " + quoted_name(source.id);
  return rows;
}

}  // namespace ticklake::sql
