#include <algorithm>
#include <set>

#include "base/text.h"
#include "base/time.h"
#include "sql/analyzer.h"
#include "sql/walk.h"

namespace ticklake::sql {
namespace {

bool any_in(const Expression& expression, bool (*test)(const Expression&)) {
  if (test(expression)) return true;
  bool found = false;
  ChildVisitor visit{[&](const Expression& child) { found = found || any_in(child, test); },
                     [](const Query&) {}, [](const FromItem&) {}};
  for_each_child(expression.node, visit);
  return found;
}

bool is_aggregate_call(const Expression& expression) {
  const auto* call = std::get_if<Call>(&expression.node);
  return call != nullptr && !call->over && is_aggregate(lowered(call->name));
}

bool is_over_call(const Expression& expression) {
  const auto* call = std::get_if<Call>(&expression.node);
  return call != nullptr && call->over.has_value();
}

bool is_subquery(const Expression& expression) {
  return std::holds_alternative<ScalarSubquery>(expression.node) ||
         std::holds_alternative<InSubquery>(expression.node) ||
         std::holds_alternative<Exists>(expression.node);
}

void split_and(const Expression& expression, std::vector<const Expression*>& out) {
  const auto* binary = std::get_if<Binary>(&expression.node);
  if (binary != nullptr && binary->op == Binary::Op::And) {
    split_and(*binary->left, out);
    split_and(*binary->right, out);
    return;
  }
  out.push_back(&expression);
}

std::string sort_words(const SortItem& item) {
  return std::string(item.descending ? " DESC" : " ASC") +
         (item.nulls_first ? " NULLS FIRST" : " NULLS LAST");
}

std::optional<Conjunct::Op> conjunct_op(Binary::Op op, bool swapped) {
  using Op = Conjunct::Op;
  switch (op) {
    case Binary::Op::Equal: return Op::Equal;
    case Binary::Op::Less: return swapped ? Op::Greater : Op::Less;
    case Binary::Op::LessEqual: return swapped ? Op::GreaterEqual : Op::LessEqual;
    case Binary::Op::Greater: return swapped ? Op::Less : Op::Greater;
    case Binary::Op::GreaterEqual: return swapped ? Op::LessEqual : Op::GreaterEqual;
    default: return std::nullopt;
  }
}

std::string partition_timestamp(int64_t micros) {
  std::string text = format_wall_time(micros);
  size_t t = text.find('T');
  if (t != std::string::npos) text[t] = ' ';
  return text;
}

// The literal in the column's partition-value form; nothing where the comparison is not of plain
// values.
std::optional<std::string> partition_text(const Literal& literal, const Type& column) {
  Kind kind = literal.type.kind;
  if (column.kind == Kind::String)
    return kind == Kind::String ? std::optional(literal.text) : std::nullopt;
  bool exact = column.is_integral() || column.kind == Kind::Decimal;
  if (exact && literal.type.is_integral()) return literal.text;
  if (column.kind == Kind::Decimal && kind == Kind::Decimal) return literal.text;
  if (column.kind == Kind::Date && kind == Kind::Date)
    return format_date(static_cast<int32_t>(literal.value));
  if (column.kind == Kind::Date && kind == Kind::String) {
    auto days = parse_date(literal.text);
    if (days) return format_date(*days);
  }
  bool instant = column.kind == Kind::Timestamp || column.kind == Kind::TimestampNtz;
  if (instant && kind == column.kind) return partition_timestamp(literal.value);
  if (instant && kind == Kind::String) {
    auto parsed = parse_timestamp(literal.text);
    if (parsed) return partition_timestamp(parsed->micros);
  }
  return std::nullopt;
}

}  // namespace

bool has_aggregate(const Expression& expression) { return any_in(expression, is_aggregate_call); }
bool has_over(const Expression& expression) { return any_in(expression, is_over_call); }
bool has_subquery(const Expression& expression) { return any_in(expression, is_subquery); }

Result<std::vector<SelectedItem>> Analyzer::expanded_items(const Select& select, Scope& scope) {
  std::vector<SelectedItem> out;
  for (const SelectItem& item : select.items) {
    Position position = item.expression->position;
    const auto* star = std::get_if<Star>(&item.expression->node);
    if (star == nullptr) {
      bool unnamed = item.alias.empty();
      std::string name = unnamed ? default_name(*item.expression) : item.alias;
      out.push_back({name, item.expression.get(), {}, position, unnamed});
      if (!item.aliases.empty()) out.back().aliases = &item.aliases;
      continue;
    }
    if (scope.sources.empty()) return at(position, "* needs a FROM");
    std::set<std::string> excluded;
    for (const auto& parts : star->except) excluded.insert(lowered(parts.back()));
    size_t before = out.size();
    if (star->qualifier.empty()) {
      for (const MergedColumn& merged : scope.merged) {
        if (excluded.erase(lowered(merged.name)) == 0)
          out.push_back({merged.name, nullptr, merged.value, position});
      }
    }
    for (const Source& source : scope.sources) {
      bool named =
          star->qualifier.empty() ||
          (star->qualifier.size() <= source.qualifier.size() &&
           equal_ignoring_case(joined(star->qualifier, "."),
                               joined(std::vector(source.qualifier.end() -
                                                      static_cast<long>(star->qualifier.size()),
                                                  source.qualifier.end()),
                                      ".")));
      if (!named) continue;
      for (const Column& column : source.columns) {
        bool merged = std::ranges::any_of(scope.merged, [&](const MergedColumn& one) {
          return star->qualifier.empty() && equal_ignoring_case(one.name, column.name);
        });
        if (column.hidden || merged || excluded.erase(lowered(column.name)) > 0) continue;
        out.push_back({column.name, nullptr, column_value(source, column), position});
      }
    }
    if (!excluded.empty())
      return at(position, "EXCEPT names an unknown column " + *excluded.begin());
    if (out.size() > before) continue;
    auto fields = star->qualifier.empty() ? std::optional<Typed>()
                                          : TRY(find_column(star->qualifier, position, scope));
    if (!fields || fields->type.kind != Kind::Struct) {
      return at(position,
                joined(star->qualifier, ".") + ".* names neither a table in FROM nor a struct");
    }
    for (const Field& one : *fields->type.children) {
      Typed value = TRY(field(*fields, one.name, position));
      out.push_back({one.name, nullptr, value, position});
    }
  }
  return out;
}

Result<void> Analyzer::check_streaming_select(const Select& select, const Block& block,
                                              const Scope& scope, bool grouped) {
  const Source* stream = stream_of(scope);
  if (stream == nullptr) return {};
  Position position = select.items[0].expression->position;
  auto refused = [&](const std::string& what, const std::string& advice) {
    return at(position, what + " over a stream is not supported; " + advice, Code::Unsupported);
  };
  std::string batch = "do it in a materialized view over the streaming table";
  if (std::ranges::count_if(scope.sources, &Source::streaming) > 1) {
    return at(position, std::string(kTwoStreams), Code::Unsupported);
  }
  auto is_table = [](const Source& source) { return !source.generated && !source.streaming; };
  if (scope.tree->left != nullptr && std::ranges::none_of(scope.sources, is_table)) {
    return refused("a generator in FROM", "write LATERAL VIEW explode(..) v AS e");
  }
  if (select.distinct && (grouped || stream->aggregated))
    return refused("DISTINCT of an aggregation", batch);
  if (!block.order_by->empty() || *block.order_by_all)
    return refused("ORDER BY", "a stream has no end to sort to; " + batch);
  if (block.limit != nullptr || block.offset != nullptr) return refused("LIMIT", batch);
  if (select.qualify != nullptr) return refused("QUALIFY", batch);
  std::string listed_values = "list the values, or write LEFT SEMI JOIN, LEFT ANTI JOIN or JOIN";
  if (select.where != nullptr && has_subquery(*select.where)) {
    return refused("a subquery", listed_values);
  }
  for (const SelectItem& item : select.items) {
    if (has_over(*item.expression)) return refused("a window function (OVER)", batch);
    if (has_subquery(*item.expression)) return refused("a subquery", listed_values);
  }
  if (!select.grouping_sets.empty()) return refused("GROUPING SETS, ROLLUP or CUBE", batch);
  if (grouped && stream->aggregated)
    return refused("an aggregation of an aggregation", batch);
  return {};
}

Result<std::vector<std::string>> Analyzer::conditions(const ExpressionPtr& where, Scope& scope) {
  std::vector<std::string> out;
  if (where == nullptr) return out;
  std::vector<const Expression*> parts;
  split_and(*where, parts);
  std::string before = scope.no_aggregate;
  scope.no_aggregate = "WHERE";
  for (const Expression* part : parts) {
    Typed value = TRY(condition(*part, scope, "WHERE"));
    // What an earlier condition rules out must not raise an error in a later one.
    if (value.may_fail && !out.empty()) {
      std::string all = "(" + listed(out, ") AND (") + ")";
      value.sql = "CASE WHEN " + all + " THEN " + value.sql + " ELSE FALSE END";
    }
    out.push_back(value.sql);
  }
  scope.no_aggregate = before;
  note_conjuncts(*where, scope);
  return out;
}

void Analyzer::note_conjuncts(const Expression& where, Scope& scope) {
  std::vector<const Expression*> parts;
  split_and(where, parts);
  auto note = [&](const Expression& side, Conjunct::Op op, const Literal* literal) {
    const auto* name = std::get_if<ColumnReference>(&side.node);
    if (name == nullptr) return;
    auto column = find_column(name->parts, side.position, scope);
    if (!column || !*column || !(*column)->origin || (*column)->origin->padded) return;
    PlanInput& input = plan_.inputs[(*column)->origin->input];
    if (input.streaming) return;
    if (literal == nullptr) {
      if (scope.sources.size() == 1) input.conjuncts.push_back({(*column)->origin->column, op, ""});
      return;
    }
    auto text = partition_text(*literal, (*column)->type);
    if (text) input.conjuncts.push_back({(*column)->origin->column, op, *text});
  };
  for (const Expression* part : parts) {
    if (const auto* binary = std::get_if<Binary>(&part->node)) {
      for (bool swapped : {false, true}) {
        auto op = conjunct_op(binary->op, swapped);
        const auto* literal = std::get_if<Literal>(&(swapped ? binary->left : binary->right)->node);
        if (op && literal != nullptr) note(swapped ? *binary->right : *binary->left, *op, literal);
      }
    } else if (const auto* test = std::get_if<IsTest>(&part->node)) {
      if (test->what != IsTest::What::Null) continue;
      note(*test->operand, test->negated ? Conjunct::Op::IsNotNull : Conjunct::Op::IsNull, nullptr);
    } else if (const auto* between = std::get_if<Between>(&part->node);
               between != nullptr && !between->negated) {
      const auto* low = std::get_if<Literal>(&between->low->node);
      const auto* high = std::get_if<Literal>(&between->high->node);
      if (low != nullptr) note(*between->operand, Conjunct::Op::GreaterEqual, low);
      if (high != nullptr) note(*between->operand, Conjunct::Op::LessEqual, high);
    }
  }
}

Result<std::vector<Typed>> Analyzer::item_values(std::vector<SelectedItem>& items, Scope& scope) {
  std::vector<Typed> values;
  scope.aliases.clear();
  for (SelectedItem& item : items) {
    if (item.expression != nullptr) {
      if (item.aliases != nullptr) {
        return at(item.position, "AS (..) names the columns of a generator such as posexplode()");
      }
      values.push_back(TRY(expression(*item.expression, scope)));
      if (item.unnamed) item.name = default_name(*item.expression, texts_);
    } else if (!scope.over_groups) {
      values.push_back(*item.value);
    } else {
      const auto& keys = scope.grouping->keys;
      auto key = std::ranges::find(keys, item.value->sql, &GroupKey::match);
      if (key == keys.end()) {
        return at(item.position, "column " + item.name +
                                     " of * is neither grouped nor aggregated; list the columns");
      }
      values.push_back(key->value);
    }
    scope.aliases.emplace_back(item.name, values.back());
  }
  return values;
}

std::vector<Column> Analyzer::output_columns(const std::vector<SelectedItem>& items,
                                             const std::vector<Typed>& values) const {
  std::vector<Column> out;
  std::set<std::string> used = {"__row"};
  for (size_t i = 0; i < items.size(); ++i) {
    std::string name = items[i].name;
    for (int n = 1; !used.insert(lowered(name)).second; ++n)
      name = items[i].name + "_" + std::to_string(n);
    out.push_back({items[i].name, name, values[i].type, values[i].origin, values[i].delay_us});
  }
  return out;
}

Result<std::string> Analyzer::sort_key(const SortItem& item, const std::vector<SelectedItem>& items,
                                       const std::vector<Typed>& values, Scope& scope,
                                       bool distinct) {
  const Expression& what = *item.expression;
  if (const auto* literal = std::get_if<Literal>(&what.node);
      literal != nullptr && literal->type.is_integral()) {
    if (literal->value < 1 || literal->value > static_cast<int64_t>(values.size())) {
      return at(what.position, "ORDER BY " + literal->text +
                                   " is not the number of a column: there are " +
                                   std::to_string(values.size()));
    }
    Typed key =
        TRY(located(what.position, order_key(values[static_cast<size_t>(literal->value) - 1])));
    return key.sql;
  }
  std::optional<Typed> value;
  if (const auto* name = std::get_if<ColumnReference>(&what.node)) {
    for (size_t i = 0; i < items.size() && !value; ++i) {
      bool same = name->parts.size() == 1 && equal_ignoring_case(items[i].name, name->parts[0]);
      if (same) value = values[i];
    }
  }
  if (!value) value = TRY(expression(what, scope));
  bool listed_item =
      std::ranges::any_of(values, [&](const Typed& one) { return one.sql == value->sql; });
  if (distinct && !listed_item) {
    return at(what.position, "with DISTINCT, ORDER BY takes columns of the select list only");
  }
  Typed key = TRY(located(what.position, order_key(*value)));
  return key.sql;
}

Result<std::string> Analyzer::order_text(const Block& block, const std::vector<SelectedItem>& items,
                                         const std::vector<Typed>& values, Scope& scope,
                                         bool distinct) {
  std::vector<std::string> keys;
  if (*block.order_by_all) {
    for (const Typed& value : values) {
      Typed key = TRY(located(items[0].position, order_key(value)));
      keys.push_back(key.sql + sort_words(**block.order_by_all));
    }
  }
  for (const SortItem& item : *block.order_by) {
    std::string key = TRY(sort_key(item, items, values, scope, distinct));
    keys.push_back(key + sort_words(item));
  }
  if (keys.empty()) return std::string();
  return " ORDER BY " + listed(keys);
}

Result<Rows> Analyzer::select(const Select& select, const Block& block,
                              const Environment* environment, Scope* outer) {
  Scope scope;
  scope.outer = outer;
  scope.select = &select;
  size_t first_input = plan_.inputs.size();
  TRY(from(select, scope, environment, outer));
  std::vector<SelectedItem> items = TRY(expanded_items(select, scope));
  bool grouped = !select.group_by.empty() || select.group_by_all || select.having != nullptr ||
                 !select.grouping_sets.empty();
  for (const SelectedItem& item : items)
    grouped |= item.expression != nullptr && has_aggregate(*item.expression);
  TRY(check_streaming_select(select, block, scope, grouped));
  std::vector<std::string> where = TRY(conditions(select.where, scope));
  if ((grouped || select.distinct) && stores_rows(scope, first_input)) {
    store_rows(scope, std::exchange(where, {}));
    items = TRY(expanded_items(select, scope));
  }
  TRY(generate_items(select, items, scope, where));
  Grouping grouping;
  grouping.distinct = select.distinct && stream_of(scope) != nullptr;
  grouped |= grouping.distinct;
  if (grouped) {
    grouping.id = new_id("g");
    scope.grouping = &grouping;
    TRY(group_keys(select, items, scope));
    scope.over_groups = true;
  }
  std::vector<Typed> values = TRY(item_values(items, scope));
  std::vector<std::string> over_groups;
  if (select.having != nullptr) {
    Typed having = TRY(condition(*select.having, scope, "HAVING"));
    over_groups.push_back(having.sql);
  }
  std::string tail;
  if (select.qualify != nullptr) {
    Typed qualify = TRY(condition(*select.qualify, scope, "QUALIFY"));
    tail += " QUALIFY " + qualify.sql;
  }
  tail += TRY(order_text(block, items, values, scope, select.distinct));
  tail += TRY(limits(block));

  Rows out;
  const Source* stream = stream_of(scope);
  out.streaming = stream != nullptr;
  out.aggregated = out.streaming && (grouped || stream->aggregated);
  out.row = out.streaming && !out.aggregated && stream->row;
  out.columns = output_columns(items, values);
  std::vector<std::string> texts;
  for (size_t i = 0; i < values.size(); ++i) {
    texts.push_back(values[i].sql + " AS " + quoted_name(out.columns[i].sql_name));
  }
  if (out.row) texts.push_back(quoted_name(stream->id) + ".\"__row\" AS \"__row\"");
  bool distinct = select.distinct && !grouping.distinct;
  out.sql = std::string(distinct ? "SELECT DISTINCT " : "SELECT ") + listed(texts);
  if (grouped) {
    std::string groups =
        out.streaming ? TRY(windowed_text(scope, where)) : TRY(groups_text(scope, where));
    out.sql += " FROM (" + groups + ") AS " + quoted_name(grouping.id);
    if (!over_groups.empty()) out.sql += " WHERE " + over_groups[0];
  } else {
    out.sql += from_where(scope, where);
  }
  out.sql += tail;
  return out;
}

}  // namespace ticklake::sql
