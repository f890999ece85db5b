// GROUP BY: its keys, and the layer of SQL that computes keys ("k0") and aggregates ("a0").
#include <algorithm>

#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

bool is_window_call(const Expression& expression) {
  const auto* call = std::get_if<Call>(&expression.node);
  return call != nullptr && !call->over &&
         (equal_ignoring_case(call->name, "window") || equal_ignoring_case(call->name, kSession));
}

// The call in window(..), window(..).start and window(..).end.
const Expression* window_call_of(const Expression& expression) {
  if (is_window_call(expression)) return &expression;
  const auto* access = std::get_if<FieldAccess>(&expression.node);
  return access != nullptr ? window_call_of(*access->operand) : nullptr;
}

// Where the column that has the watermark is a key, a group is complete when the watermark comes to
// it: it is the window of the microsecond that ends there.
void close_by_event_time(Grouping& grouping) {
  for (size_t i = 0; i < grouping.keys.size(); ++i) {
    GroupKey& key = grouping.keys[i];
    if (!key.event_time) continue;
    key.row_sql = "epoch_us(" + key.row_sql + ") - 1";
    key.value.sql = "make_timestamp(" + key.value.sql + " + 1)";
    grouping.window = TimeWindow{.match = key.match,
                                 .key = i,
                                 .event_time = *key.event_time,
                                 .position = {},
                                 .length_us = 1,
                                 .instant = true,
                                 .slide_us = 1,
                                 .start_sql = key.row_sql,
                                 .end_sql = {},
                                 .condition = {}};
    return;
  }
}

}  // namespace

Typed group_column(const Grouping& grouping, size_t index, const Type& type) {
  return {.sql = quoted_name(grouping.id) + "." + quoted_name("k" + std::to_string(index)),
          .type = type};
}

// The index of the key, which is added where it is not there.
Result<size_t> Analyzer::added_key(GroupKey key, Scope& scope) {
  auto& keys = scope.grouping->keys;
  auto known = std::ranges::find(keys, key.match, &GroupKey::match);
  if (known != keys.end()) return static_cast<size_t>(known - keys.begin());
  keys.push_back(std::move(key));
  return keys.size() - 1;
}

Result<size_t> Analyzer::group_key_of(const Expression& written,
                                      const std::vector<SelectedItem>& items, Scope& scope) {
  const Expression* what = &written;
  if (const auto* literal = std::get_if<Literal>(&what->node);
      literal != nullptr && literal->type.is_integral()) {
    if (literal->value < 1 || literal->value > static_cast<int64_t>(items.size())) {
      return at(what->position, "GROUP BY " + literal->text +
                                    " is not the number of a column: there are " +
                                    std::to_string(items.size()));
    }
    const SelectedItem& item = items[static_cast<size_t>(literal->value) - 1];
    if (item.expression == nullptr)
      return at(what->position, "GROUP BY " + literal->text + " is a column of *; name it");
    what = item.expression;
    if (has_aggregate(*what))
      return at(written.position, "GROUP BY " + literal->text + " is an aggregate");
  } else if (const auto* name = std::get_if<ColumnReference>(&what->node)) {
    auto found = TRY(find_column(name->parts, what->position, scope));
    for (size_t i = 0; i < items.size() && !found; ++i) {
      bool same =
          items[i].expression != nullptr && equal_ignoring_case(items[i].name, name->parts[0]);
      if (!same || name->parts.size() != 1) continue;
      what = items[i].expression;
      if (has_aggregate(*what))
        return at(written.position, "GROUP BY " + items[i].name + " is an aggregate");
      break;
    }
  }
  if (const Expression* window = window_call_of(*what))
    return add_window_key(std::get<Call>(window->node), *window, scope);
  GroupKey key;
  Typed value = TRY(expression(*what, scope));
  if (value.type.kind == Kind::Map) return at(what->position, "GROUP BY does not take a MAP");
  key.match = key.row_sql = value.sql;
  key.value = group_column(*scope.grouping, scope.grouping->keys.size(), value.type);
  key.value.origin = {};
  if (value.delay_us) key.event_time = value;
  return added_key(std::move(key), scope);
}

Result<void> Analyzer::group_keys(const Select& select, const std::vector<SelectedItem>& items,
                                  Scope& scope) {
  std::string before = std::exchange(scope.no_aggregate, "GROUP BY");
  std::vector<size_t> indexes;
  for (const ExpressionPtr& one : select.group_by) {
    indexes.push_back(TRY(group_key_of(*one, items, scope)));
  }
  for (const auto& set : select.grouping_sets) {
    std::vector<size_t> keys;
    for (size_t i : set) keys.push_back(indexes[i]);
    scope.grouping->sets.push_back(std::move(keys));
  }
  if (select.group_by_all || scope.grouping->distinct) {
    for (const SelectedItem& item : items) {
      if (item.expression == nullptr) {
        GroupKey key;
        key.match = key.row_sql = item.value->sql;
        key.value = group_column(*scope.grouping, scope.grouping->keys.size(), item.value->type);
        if (item.value->delay_us) key.event_time = item.value;
        TRY(added_key(std::move(key), scope));
        continue;
      }
      if (has_aggregate(*item.expression) || has_over(*item.expression)) continue;
      if (std::holds_alternative<Literal>(item.expression->node)) continue;
      TRY(group_key_of(*item.expression, items, scope));
    }
  }
  scope.no_aggregate = before;
  if (stream_of(scope) != nullptr && !scope.grouping->window) close_by_event_time(*scope.grouping);
  return {};
}

// The key that the expression is, over groups.
Result<std::optional<Typed>> Analyzer::group_key(const Expression& what, Scope& scope) {
  const Grouping& grouping = *scope.grouping;
  if (std::holds_alternative<Literal>(what.node) || std::holds_alternative<Star>(what.node))
    return std::optional<Typed>();
  if (const auto* name = std::get_if<ColumnReference>(&what.node);
      name != nullptr && grouping.window && !grouping.window->instant) {
    auto column = find_column(name->parts, what.position, scope);
    std::string_view called = grouping.window->session() ? kSession : "window";
    bool of_window = equal_ignoring_case(name->parts[0], called) && column && !*column;
    if (of_window) {
      Typed value = grouping.keys[grouping.window->key].value;
      for (size_t i = 1; i < name->parts.size(); ++i)
        value = TRY(field(value, name->parts[i], what.position));
      return std::optional<Typed>(value);
    }
  }
  if (is_window_call(what)) {
    const Call& call = std::get<Call>(what.node);
    TimeWindow window = TRY(time_window(call, what, scope));
    auto known = std::ranges::find(grouping.keys, window.match, &GroupKey::match);
    if (known != grouping.keys.end()) return std::optional<Typed>(known->value);
    return at(what.position, "this " + lowered(call.name) +
                                 "() is not in GROUP BY; write it there as it is written here");
  }
  if (has_aggregate(what) || has_over(what) || has_subquery(what) ||
      window_call_of(what) != nullptr) {
    return std::optional<Typed>();
  }
  scope.over_groups = false;
  std::string before = std::exchange(scope.no_aggregate, "GROUP BY");
  auto value = expression(what, scope);
  scope.no_aggregate = before;
  scope.over_groups = true;
  if (!value) return std::optional<Typed>();
  auto known = std::ranges::find(grouping.keys, value->sql, &GroupKey::match);
  if (known == grouping.keys.end()) return std::optional<Typed>();
  return std::optional<Typed>(known->value);
}

Result<std::string> Analyzer::groups_text(Scope& scope, std::vector<std::string> where) {
  const Grouping& grouping = *scope.grouping;
  if (grouping.window && (grouping.window->slides() || grouping.window->session())) {
    return spread_groups_text(scope, std::move(where));
  }
  std::vector<std::string> items, numbers;
  for (const GroupKey& key : grouping.keys) {
    items.push_back(key.row_sql + " AS " + quoted_name("k" + std::to_string(items.size())));
    numbers.push_back(std::to_string(items.size()));
  }
  for (size_t i = 0; i < grouping.slots.size(); ++i) {
    const Aggregate& made = grouping.slots[i].made;
    std::vector<std::string> parts;
    for (const AggregatePart& part : made.parts)
      parts.push_back(cast_text(part.partial, part.type));
    items.push_back(cast_text(filled(made.final, parts), made.type) + " AS " +
                    quoted_name("a" + std::to_string(i)));
  }
  if (items.empty()) items.push_back("count(*) AS \"rows\"");
  if (grouping.window) where.push_back(grouping.window->event_time.sql + " IS NOT NULL");
  std::vector<std::string> row_keys;
  for (const GroupKey& key : grouping.keys) row_keys.push_back(key.row_sql);
  bool sets = !grouping.sets.empty();
  if (sets && !row_keys.empty()) {
    items.push_back("CAST(GROUPING(" + listed(row_keys) + ") AS BIGINT) AS \"sets\"");
  }
  std::string out = "SELECT " + listed(items) + from_where(scope, where);
  if (!sets) return numbers.empty() ? out : out + " GROUP BY " + listed(numbers);
  std::vector<std::string> texts;
  for (const auto& set : grouping.sets) {
    std::vector<std::string> members;
    for (size_t i : set) members.push_back(numbers[i]);
    texts.push_back("(" + listed(members) + ")");
  }
  // As in Spark, no rows make no group, not even of the set ().
  return out + " GROUP BY GROUPING SETS (" + listed(texts) + ") HAVING count(*) > 0";
}

// grouping(key): 1 where the row's grouping set is without the key; grouping_id(): these bits of
// all keys, the first one highest.
Result<Typed> Analyzer::grouping_call(const Call& call, const Expression& whole, Scope& scope) {
  std::string name = lowered(call.name);
  if (scope.grouping == nullptr || !scope.over_groups || scope.grouping->sets.empty()) {
    return at(whole.position, name + "() is for queries with GROUPING SETS, ROLLUP or CUBE");
  }
  const auto& keys = scope.grouping->keys;
  std::string bits = quoted_name(scope.grouping->id) + ".\"sets\"";
  std::vector<size_t> given;
  for (const Argument& argument : call.arguments) {
    auto value = TRY(group_key(*argument.value, scope));
    auto known = std::ranges::find_if(
        keys, [&](const GroupKey& key) { return value && key.value.sql == value->sql; });
    if (known == keys.end()) {
      return at(argument.position, name + "() takes columns of GROUP BY");
    }
    given.push_back(static_cast<size_t>(known - keys.begin()));
  }
  if (name == "grouping") {
    if (given.size() != 1) return at(whole.position, "grouping() takes one column of GROUP BY");
    std::string shift = std::to_string(keys.size() - 1 - given[0]);
    return Typed{.sql = cast_text("((" + bits + " >> " + shift + ") & 1)", Kind::Byte),
                 .type = Kind::Byte};
  }
  bool all = given.empty();
  for (size_t i = 0; i < given.size() && given[i] == i; ++i) all = i + 1 == keys.size();
  if (!all || (!given.empty() && given.size() != keys.size())) {
    return at(whole.position,
              "grouping_id() takes all columns of GROUP BY in their order, or none");
  }
  return Typed{.sql = keys.empty() ? "CAST(0 AS BIGINT)" : bits, .type = Kind::Long};
}

}  // namespace ticklake::sql
