#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

std::string_view operation_word(const SetOperation& operation) {
  switch (operation.op) {
    case SetOperation::Op::Union: return operation.all ? "UNION ALL" : "UNION";
    case SetOperation::Op::Except: return operation.all ? "EXCEPT ALL" : "EXCEPT";
    case SetOperation::Op::Intersect: return operation.all ? "INTERSECT ALL" : "INTERSECT";
  }
  return "";
}

// Why streams are not set against each other, and what to write.
std::string_view streams_advice(const SetOperation& operation) {
  if (operation.op != SetOperation::Op::Union) {
    return ": the second one never ends; do it in a materialized view over their streaming tables";
  }
  return operation.all ? " here: write it at the top of a streaming table's query, without ORDER "
                         "BY and LIMIT, or a CREATE FLOW for each"
                       : ": whether a row is new would take all rows before it; write UNION ALL, "
                         "and DISTINCT in a materialized view over the table";
}

struct ChosenEnvironment {  // restores what subqueries see when it goes
  ChosenEnvironment(const Environment*& place, const Environment* value)
      : place_(place), before_(place) {
    place = value;
  }
  ~ChosenEnvironment() { place_ = before_; }
  ChosenEnvironment(const ChosenEnvironment&) = delete;
  ChosenEnvironment& operator=(const ChosenEnvironment&) = delete;

 private:
  const Environment*& place_;
  const Environment* before_;
};

}  // namespace

Result<Rows> Analyzer::query(const Query& query, const Environment* environment,
                             Scope* outer) {
  std::deque<Environment> tables;
  for (const CommonTable& table : query.ctes) {
    tables.push_back({environment, &table});
    environment = &tables.back();
  }
  ChosenEnvironment chosen(subquery_environment_, environment);
  Block block{&query.order_by, &query.order_by_all, query.limit.get(), query.offset.get()};
  if (const auto* body = std::get_if<Select>(&query.body))
    return select(*body, block, environment, outer);
  Rows rows;
  if (const auto* body = std::get_if<SetOperation>(&query.body)) {
    rows = TRY(set_operation(*body, environment, outer));
  } else {
    rows = TRY(values(std::get<Values>(query.body)));
  }
  return ordered(std::move(rows), block);
}

Result<Rows> Analyzer::set_operation(const SetOperation& operation, const Environment* environment,
                                     Scope* outer) {
  Rows left = TRY(query(*operation.left, environment, outer));
  Rows right = TRY(query(*operation.right, environment, outer));
  std::string word(operation_word(operation));
  Position position = operation.right->position;
  if (left.streaming || right.streaming) {
    return at(position, word + " over streams is not supported" +
                            std::string(streams_advice(operation)),
              Code::Unsupported);
  }
  auto types = TRY(located(position, united_types(word, schema_of(left), schema_of(right))));
  std::vector<std::string> left_items, right_items;
  Rows out;
  for (size_t i = 0; i < left.columns.size(); ++i) {
    const Column& a = left.columns[i];
    const Column& b = right.columns[i];
    const Type& type = types[i];
    Typed x = TRY(located(position, cast({.sql = quoted_name(a.sql_name), .type = a.type}, type)));
    Typed y = TRY(located(position, cast({.sql = quoted_name(b.sql_name), .type = b.type}, type)));
    left_items.push_back(x.sql + " AS " + quoted_name(a.sql_name));
    right_items.push_back(y.sql + " AS " + quoted_name(a.sql_name));
    out.columns.push_back({a.name, a.sql_name, type});
  }
  out.sql = "(SELECT " + listed(left_items) + " FROM (" + left.sql + ") AS " +
            quoted_name(new_id("u")) + ") " + word + " (SELECT " + listed(right_items) + " FROM (" +
            right.sql + ") AS " + quoted_name(new_id("u")) + ")";
  return out;
}

Result<Rows> Analyzer::values(const Values& values) {
  Scope scope;
  scope.no_aggregate = "VALUES";
  std::vector<std::vector<Typed>> columns(values.rows[0].size());
  for (const auto& row : values.rows) {
    for (size_t i = 0; i < row.size(); ++i) columns[i].push_back(TRY(expression(*row[i], scope)));
  }
  Rows out;
  std::vector<std::vector<std::string>> texts(values.rows.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    Position position = values.rows[0][i]->position;
    auto type = common_type(columns[i]);
    if (!type)
      return at(position, "column " + std::to_string(i + 1) +
                              " of VALUES holds values of several types; cast them");
    for (size_t row = 0; row < columns[i].size(); ++row) {
      Typed value = TRY(located(position, cast(columns[i][row], *type)));
      texts[row].push_back(value.sql);
    }
    std::string name = "col" + std::to_string(i + 1);
    out.columns.push_back({name, name, *type});
  }
  std::vector<std::string> rows, names;
  for (const auto& row : texts) rows.push_back("(" + listed(row) + ")");
  for (const Column& column : out.columns) names.push_back(quoted_name(column.sql_name));
  out.sql = "SELECT * FROM (VALUES " + listed(rows) + ") AS " + quoted_name(new_id("v")) + "(" +
            listed(names) + ")";
  return out;
}

Result<std::string> Analyzer::limits(const Block& block) {
  std::string out;
  for (bool is_limit : {true, false}) {
    const Expression* count = is_limit ? block.limit : block.offset;
    if (count == nullptr) continue;
    const auto* literal = std::get_if<Literal>(&count->node);
    std::string word = is_limit ? "LIMIT" : "OFFSET";
    if (literal == nullptr || !literal->type.is_integral() || literal->value < 0) {
      return at(count->position, word + " takes a whole number");
    }
    out += " " + word + " " + std::to_string(literal->value);
  }
  return out;
}

// ORDER BY and LIMIT over a query that is not one SELECT: names and ordinals are of its columns.
Result<Rows> Analyzer::ordered(Rows rows, const Block& block) {
  bool sorts = !block.order_by->empty() || *block.order_by_all;
  std::string limit = TRY(limits(block));
  if (!sorts && limit.empty()) return rows;
  Scope scope;
  scope.no_aggregate = "ORDER BY";
  Source source = derived(rows);
  std::vector<SelectedItem> items;
  std::vector<Typed> values;
  std::vector<std::string> texts;
  for (const Column& column : source.columns) {
    values.push_back(column_value(source, column));
    items.push_back({column.name, nullptr, values.back(), {}});
    texts.push_back(values.back().sql + " AS " + quoted_name(column.sql_name));
  }
  std::string head =
      "SELECT " + listed(texts) + " FROM " + source.sql + " AS " + quoted_name(source.id);
  scope.sources.push_back(std::move(source));
  rows.sql = head + TRY(order_text(block, items, values, scope, false)) + limit;
  return rows;
}

}  // namespace ticklake::sql
