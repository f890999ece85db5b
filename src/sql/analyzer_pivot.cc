// PIVOT groups by the columns that it does not name, with each aggregate once a value. UNPIVOT
// makes of one row one for each group of its columns.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "sql/analyzer.h"
#include "sql/walk.h"

namespace ticklake::sql {
namespace {

void collect_columns(const Expression& expression, std::vector<const Expression*>& out) {
  if (std::holds_alternative<ColumnReference>(expression.node)) out.push_back(&expression);
  ChildVisitor visit{[&](const Expression& child) { collect_columns(child, out); },
                     [](const Query&) {}, [](const FromItem&) {}};
  for_each_child(expression.node, visit);
}

std::vector<const Expression*> cells_of(const Expression& value) {
  const auto* row = std::get_if<Call>(&value.node);
  if (row == nullptr || !row->row) return {&value};
  std::vector<const Expression*> cells;
  for (const Argument& cell : row->arguments) cells.push_back(cell.value.get());
  return cells;
}

// As a cast to STRING gives it; nothing where only running it would tell.
std::optional<std::string> literal_text(const Typed& cell) {
  if (cell.type.kind == Kind::Null) return "null";
  bool floating = cell.type.kind == Kind::Double || cell.type.kind == Kind::Float;
  if (!cell.literal || floating || cell.type.kind == Kind::Binary) return std::nullopt;
  if (cell.type.kind == Kind::Boolean) return cell.literal->value != 0 ? "true" : "false";
  return cell.literal->text;
}

// "a", "{1, a}"
std::optional<std::string> joined_name(const std::vector<std::optional<std::string>>& cells) {
  std::vector<std::string> texts;
  for (const auto& cell : cells) {
    if (!cell) return std::nullopt;
    texts.push_back(*cell);
  }
  return texts.size() == 1 ? texts[0] : "{" + listed(texts) + "}";
}

}  // namespace

Result<std::vector<SelectedItem>> Analyzer::pivoted(const FromItemPtr& input, Scope& scope,
                                                    const Environment* environment,
                                                    Scope* outer) {
  scope.outer = outer;
  scope.tree = TRY(from_item(*input, scope, environment, outer));
  Select all;
  all.items.push_back({std::make_shared<Expression>(Expression{input->position, Star{}}), ""});
  return expanded_items(all, scope);
}

// Leaves those that the expressions do not name.
Result<void> Analyzer::drop_named(const std::vector<const Expression*>& expressions, Scope& scope,
                                  std::vector<SelectedItem>& items) {
  std::vector<const Expression*> named;
  for (const Expression* one : expressions) collect_columns(*one, named);
  for (const Expression* one : named) {
    std::vector<std::string> path = std::get<ColumnReference>(one->node).parts;
    // of a field in a struct: the column; what is none is refused where it is used
    for (; !path.empty(); path.pop_back()) {
      auto column = TRY(find_column(path, one->position, scope));
      if (!column) continue;
      auto same = [&](const SelectedItem& item) { return item.value->sql == column->sql; };
      std::erase_if(items, same);
    }
  }
  return {};
}

Result<PivotValue> Analyzer::pivot_value(const Pivot& pivot, const SelectItem& value,
                                                   Scope& scope) {
  auto cells = cells_of(*value.expression);
  Position position = value.expression->position;
  if (cells.size() != pivot.columns.size()) {
    return at(position, "PIVOT is over " + std::to_string(pivot.columns.size()) +
                            " columns but this value has " + std::to_string(cells.size()));
  }
  Scope constants;
  constants.no_aggregate = "IN of PIVOT";
  std::vector<std::string> tests;
  std::vector<std::optional<std::string>> names;
  for (size_t i = 0; i < cells.size(); ++i) {
    Typed column = TRY(expression(*pivot.columns[i], scope));
    Typed cell = TRY(expression(*cells[i], constants));
    Typed same = TRY(compared(Binary::Op::NullSafeEqual, column, cell, cells[i]->position));
    tests.push_back(same.sql);
    names.push_back(literal_text(cell));
  }
  PivotValue out;
  out.condition = "(" + listed(tests, " AND ") + ")";
  auto name = value.alias.empty() ? joined_name(names) : value.alias;
  if (!name) return at(position, "this value of PIVOT needs a name: .. AS name");
  out.name = *name;
  AggregateSlot slot;
  slot.function = TRY(located(position, find_aggregate("count", 1)));
  slot.arguments = {{.sql = "CASE WHEN " + out.condition + " THEN 1 END", .type = Kind::Integer}};
  slot.made = TRY(located(position, slot.function->build(slot.arguments, slot.options)));
  slot.match = "presence " + out.condition;
  auto& slots = scope.grouping->slots;
  slots.push_back(std::move(slot));
  out.present = quoted_name(scope.grouping->id) + "." +
                quoted_name("a" + std::to_string(slots.size() - 1)) + " > 0";
  return out;
}

Result<Typed> Analyzer::pivot_cell(const SelectItem& aggregate, const PivotValue& value,
                                   Scope& scope) {
  const Expression& what = *aggregate.expression;
  if (!has_aggregate(what)) return at(what.position, "PIVOT takes aggregates such as sum(..)");
  if (has_over(what)) return at(what.position, "a window function (OVER) cannot stand in PIVOT");
  scope.filter = value.condition;
  scope.over_groups = true;
  auto made = expression(what, scope);
  scope.over_groups = false;
  scope.filter.clear();
  return made;
}

Result<Source> Analyzer::pivot(const Pivot& pivot, const FromItem& item,
                               const Environment* environment, Scope* outer) {
  Select no_windows;
  Grouping grouping;
  Scope scope;
  scope.select = &no_windows;
  scope.grouping = &grouping;
  auto items = TRY(pivoted(pivot.input, scope, environment, outer));
  if (std::ranges::any_of(scope.sources, &Source::streaming)) {
    return at(item.position, "PIVOT over a stream is not supported; do it in a materialized view",
              Code::Unsupported);
  }
  grouping.id = new_id("g");
  std::vector<const Expression*> named;
  for (const SelectItem& one : pivot.aggregates) named.push_back(one.expression.get());
  for (const ExpressionPtr& one : pivot.columns) named.push_back(one.get());
  TRY(drop_named(named, scope, items));
  std::vector<Typed> values;
  for (const SelectedItem& key : items) {
    const Typed& value = *key.value;
    std::string name = "k" + std::to_string(values.size());
    values.push_back(
        {.sql = quoted_name(grouping.id) + "." + quoted_name(name), .type = value.type});
    grouping.keys.push_back({value.sql, values.back(), value.sql});
  }
  size_t keys = values.size();
  bool plain = true;  // as Spark, which then leaves what has no row NULL, and else counts it as 0
  std::vector<std::string> guards;
  for (const SelectItem& one : pivot.values) {
    PivotValue value = TRY(pivot_value(pivot, one, scope));
    for (const SelectItem& aggregate : pivot.aggregates) {
      Typed made = TRY(pivot_cell(aggregate, value, scope));
      plain &= made.type.is_numeric() || made.type.kind == Kind::Boolean;
      guards.push_back(value.present);
      std::string name = aggregate.alias.empty() ? default_name(*aggregate.expression, texts_)
                                                 : aggregate.alias;
      bool single = pivot.aggregates.size() == 1;
      items.push_back({single ? value.name : value.name + "_" + name, nullptr, {}, item.position});
      values.push_back({.sql = std::move(made.sql), .type = made.type});
    }
  }
  for (size_t i = 0; plain && i < guards.size(); ++i) {
    std::string& sql = values[keys + i].sql;
    sql = "CASE WHEN " + guards[i] + " THEN " + sql + " END";
  }
  Rows rows;
  rows.columns = output_columns(items, values);
  std::vector<std::string> texts;
  for (size_t i = 0; i < values.size(); ++i) {
    texts.push_back(values[i].sql + " AS " + quoted_name(rows.columns[i].sql_name));
  }
  std::string groups = TRY(groups_text(scope, {}));
  rows.sql = "SELECT " + listed(texts) + " FROM (" + groups + ") AS " + quoted_name(grouping.id);
  return derived(std::move(rows));
}

// The lists of which UNPIVOT makes its columns, the names first.
Result<std::vector<Typed>> Analyzer::unpivoted(const Unpivot& unpivot, Scope& scope) {
  std::vector<Arguments> columns(unpivot.values.size());
  std::vector<std::string> labels;
  for (const Unpivot::Group& group : unpivot.groups) {
    std::vector<std::string> names;
    for (size_t i = 0; i < columns.size(); ++i) {
      columns[i].push_back(TRY(expression(*group.columns[i], scope)));
      names.push_back(std::get<ColumnReference>(group.columns[i]->node).parts.back());
    }
    labels.push_back(quoted_text(group.label.empty() ? joined(names, "_") : group.label));
  }
  std::vector<Typed> out = {{.sql = "[" + listed(labels) + "]", .type = Kind::String}};
  for (size_t i = 0; i < columns.size(); ++i) {
    Position position = unpivot.groups[0].position;
    const Type& first = columns[i][0].type;
    auto differs = [&](const Typed& one) { return texts_and_others(one.type, first); };
    auto type = std::ranges::any_of(columns[i], differs) ? std::nullopt : common_type(columns[i]);
    if (!type) {
      return at(position, "the columns of " + unpivot.values[i] +
                              " have no common type; cast them in a query before");
    }
    std::vector<std::string> cells;
    for (const Typed& one : columns[i]) {
      Typed cell = TRY(located(position, cast(one, *type)));
      cells.push_back(cell.sql);
    }
    out.push_back({.sql = "[" + listed(cells) + "]", .type = *type});
  }
  return out;
}

Result<Source> Analyzer::unpivot(const Unpivot& unpivot, const FromItem& item,
                                 const Environment* environment, Scope* outer) {
  Scope scope;
  auto items = TRY(pivoted(unpivot.input, scope, environment, outer));
  Rows rows;
  rows.streaming = rows.row = std::ranges::any_of(scope.sources, &Source::streaming);
  rows.aggregated = std::ranges::any_of(scope.sources, &Source::aggregated);
  if (rows.aggregated || (rows.streaming && scope.sources.size() > 1)) {
    return at(item.position, "UNPIVOT over an aggregation or a join of streams is not supported",
              Code::Unsupported);
  }
  auto lists = TRY(unpivoted(unpivot, scope));
  std::vector<const Expression*> named;
  for (const Unpivot::Group& group : unpivot.groups) {
    for (const ExpressionPtr& one : group.columns) named.push_back(one.get());
  }
  TRY(drop_named(named, scope, items));
  std::vector<Typed> values;
  for (const SelectedItem& kept : items) values.push_back(*kept.value);
  for (size_t i = 0; i < lists.size(); ++i) {
    values.push_back({.sql = "unnest(" + lists[i].sql + ")", .type = lists[i].type});
    items.push_back({i == 0 ? unpivot.name : unpivot.values[i - 1], nullptr, {}, item.position});
  }
  rows.columns = output_columns(items, values);
  std::vector<std::string> texts, tests;
  for (size_t i = 0; i < values.size(); ++i) {
    std::string name = quoted_name(rows.columns[i].sql_name);
    texts.push_back(values[i].sql + " AS " + name);
    if (i > values.size() - lists.size()) tests.push_back(name + " IS NOT NULL");
  }
  if (rows.row) texts.push_back(quoted_name(scope.sources[0].id) + ".\"__row\" AS \"__row\"");
  rows.sql = "SELECT " + listed(texts) + from_where(scope, {});
  if (!unpivot.with_nulls) {
    rows.sql = "SELECT * FROM (" + rows.sql + ") AS " + quoted_name(new_id("u")) + " WHERE " +
               listed(tests, " OR ");
  }
  return derived(std::move(rows));
}

}  // namespace ticklake::sql
