// Functions that take a lambda: transform(a, x -> x + 1).
//
// Variables of generated text begin with "l" and the depth of the lambda, so text of an outer
// lambda stays what it was within an inner one, and equal calls have equal texts.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

using Function = Result<Typed> (Analyzer::*)(const Call&, Scope&);

Typed variable(std::string sql, const Type& type) { return {.sql = std::move(sql), .type = type}; }

size_t parameters_of(const Argument& argument) {
  const auto* lambda = std::get_if<Lambda>(&argument.value->node);
  return lambda == nullptr ? 0 : lambda->parameters.size();
}

Typed field_of(const std::string& name, const char* field, const Type& type) {
  return variable("struct_extract(" + name + ", '" + field + "')", type);
}

struct HigherOrder {
  std::string_view name;
  size_t fewest;
  size_t most;
  Function function;
};

}  // namespace

struct Analyzer::HigherOrders {
  static constexpr std::array kAll = {
      HigherOrder{"transform", 2, 2, &Analyzer::transformed},
      HigherOrder{"filter", 2, 2, &Analyzer::transformed},
      HigherOrder{"exists", 2, 2, &Analyzer::any_or_all},
      HigherOrder{"forall", 2, 2, &Analyzer::any_or_all},
      HigherOrder{"aggregate", 3, 4, &Analyzer::reduced},
      HigherOrder{"reduce", 3, 4, &Analyzer::reduced},
      HigherOrder{"zip_with", 3, 3, &Analyzer::zip_with},
      HigherOrder{"array_sort", 2, 2, &Analyzer::sorted_by},
      HigherOrder{"transform_values", 2, 2, &Analyzer::transformed_map},
      HigherOrder{"transform_keys", 2, 2, &Analyzer::transformed_map},
      HigherOrder{"map_filter", 2, 2, &Analyzer::transformed_map},
      HigherOrder{"map_zip_with", 3, 3, &Analyzer::map_zip_with},
  };
  static const HigherOrder* find(std::string_view name) {
    auto found = std::ranges::find(kAll, name, &HigherOrder::name);
    return found == kAll.end() ? nullptr : found;
  }
};

std::vector<std::string_view> higher_order_names() {
  std::vector<std::string_view> names;
  for (const HigherOrder& one : Analyzer::HigherOrders::kAll) names.push_back(one.name);
  return names;
}

Result<std::optional<Typed>> Analyzer::higher_order(const Call& call, const Expression& whole,
                                                    Scope& scope) {
  std::string name = lowered(call.name);
  const HigherOrder* found = HigherOrders::find(name);
  bool with_lambda = std::ranges::any_of(
      call.arguments, [](const Argument& one) { return parameters_of(one) > 0; });
  if (found == nullptr) {
    if (!with_lambda || !find_scalar(name, call.arguments.size())) return std::optional<Typed>();
    return at(whole.position, call.name + "() takes no lambda");
  }
  if (!with_lambda && name == "array_sort") return std::optional<Typed>();
  if (call.arguments.size() < found->fewest || call.arguments.size() > found->most) {
    return at(whole.position, call.name + "() takes " + std::to_string(found->fewest) +
                                  (found->most > found->fewest ? " or 4" : "") +
                                  " arguments but got " + std::to_string(call.arguments.size()));
  }
  Typed out = TRY((this->*found->function)(call, scope));
  return std::optional<Typed>(std::move(out));
}

Result<std::optional<Typed>> Analyzer::lambda_variable(const std::vector<std::string>& parts,
                                                       Position position,
                                                       const Scope& scope) const {
  for (auto one = scope.variables.rbegin(); one != scope.variables.rend(); ++one) {
    if (!equal_ignoring_case(one->first, parts[0])) continue;
    Typed value = one->second;
    for (size_t i = 1; i < parts.size(); ++i) value = TRY(field(value, parts[i], position));
    return std::optional<Typed>(std::move(value));
  }
  return std::optional<Typed>();
}

Result<Typed> Analyzer::lambda_body(const Call& call, size_t index, size_t fewest,
                                    const std::vector<Typed>& variables, Scope& scope) {
  const Argument& argument = call.arguments[index];
  const auto* lambda = std::get_if<Lambda>(&argument.value->node);
  if (lambda == nullptr) return expression(*argument.value, scope);  // one value for all
  size_t count = lambda->parameters.size();
  if (count < fewest || count > variables.size()) {
    return at(argument.position, "the lambda of " + call.name + "() takes " +
                                     std::to_string(fewest) +
                                     (variables.size() > fewest ? " or 2" : "") +
                                     " parameters but has " + std::to_string(count));
  }
  size_t before = scope.variables.size();
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!equal_ignoring_case(lambda->parameters[i], lambda->parameters[j])) continue;
      return at(argument.position, "the lambda has two parameters " + lambda->parameters[i]);
    }
    scope.variables.emplace_back(lambda->parameters[i], variables[i]);
  }
  ++scope.lambdas;
  auto body = expression(*lambda->body, scope);
  --scope.lambdas;
  scope.variables.resize(before);
  return body;
}

Result<Typed> Analyzer::predicate(const Call& call, size_t index, size_t fewest,
                                  const std::vector<Typed>& variables, Scope& scope) {
  Typed body = TRY(lambda_body(call, index, fewest, variables, scope));
  if (body.type.kind == Kind::Null) return cast(body, Kind::Boolean);
  if (body.type.kind == Kind::Boolean) return body;
  return at(call.arguments[index].position,
            "the lambda of " + call.name + "() must give a BOOLEAN but gives " + to_sql(body.type));
}

Result<Typed> Analyzer::collection(const Call& call, size_t index, Kind kind, Scope& scope) {
  const Argument& argument = call.arguments[index];
  Typed value = TRY(expression(*argument.value, scope));
  if (value.type.kind == Kind::Null) {
    Type none = kind == Kind::Map ? Type::map(Kind::Null, Kind::Null) : Type::array(Kind::Null);
    return cast(value, none);
  }
  if (value.type.kind == kind) return value;
  return at(argument.position, call.name + "() expects " +
                                   (kind == Kind::Map ? "a MAP" : "an ARRAY") + " but got " +
                                   to_sql(value.type));
}

// transform and filter.
Result<Typed> Analyzer::transformed(const Call& call, Scope& scope) {
  bool filters = equal_ignoring_case(call.name, "filter");
  Typed array = TRY(collection(call, 0, Kind::Array, scope));
  std::string x = scope.level() + "x", i = scope.level() + "i";
  std::vector<Typed> variables = {
      variable(x, array.type.children->front().type),
      variable(cast_text(i + " - 1", Kind::Integer), Kind::Integer)};
  Typed body = TRY(filters ? predicate(call, 1, 1, variables, scope)
                           : lambda_body(call, 1, 1, variables, scope));
  std::string parameters = parameters_of(call.arguments[1]) == 2 ? x + ", " + i : x;
  std::string name = filters ? "list_filter(" : "list_transform(";
  return made(name + array.sql + ", lambda " + parameters + ": " + body.sql + ")",
              filters ? array.type : Type::array(body.type), array.may_fail || body.may_fail);
}

// exists: true where one is, else NULL where one is NULL; forall: the same of false.
Result<Typed> Analyzer::any_or_all(const Call& call, Scope& scope) {
  Typed array = TRY(collection(call, 0, Kind::Array, scope));
  std::string x = scope.level() + "x", m = scope.level() + "m";
  Typed body = TRY(predicate(call, 1, 1, {variable(x, array.type.children->front().type)}, scope));
  bool any = equal_ignoring_case(call.name, "exists");
  std::string tests = "list_transform(" + array.sql + ", lambda " + x + ": " + body.sql + ")";
  std::string choice = filled(
      "CASE WHEN {0} IS NULL THEN NULL WHEN list_contains({0}, {1}) THEN {1} WHEN "
      "list_position({0}, NULL) > 0 THEN NULL ELSE {2} END",
      {m, any ? "TRUE" : "FALSE", any ? "FALSE" : "TRUE"});
  return made(bound(tests, m, choice), Kind::Boolean, array.may_fail || body.may_fail);
}

// DuckDB's list_reduce keeps the type of the elements, so elements and accumulator are the two
// fields of one struct.
Result<Typed> Analyzer::reduced(const Call& call, Scope& scope) {
  Typed array = TRY(collection(call, 0, Kind::Array, scope));
  Typed start = TRY(expression(*call.arguments[1].value, scope));
  const Type& element = array.type.children->front().type;
  std::string a = scope.level() + "a", p = scope.level() + "p", q = scope.level() + "q";
  Typed body = TRY(
      lambda_body(call, 2, 2, {field_of(p, "a", start.type), field_of(q, "x", element)}, scope));
  if (duckdb_type(body.type) != duckdb_type(start.type) || start.type.kind == Kind::Null) {
    return at(call.arguments[1].position, "the start value of " + call.name + "() is " +
                                              to_sql(start.type) + " but its lambda gives " +
                                              to_sql(body.type) + "; cast the start value");
  }
  std::string sql = filled(
      "CASE WHEN {0} IS NOT NULL THEN struct_extract(list_reduce(list_prepend(struct_pack(a := "
      "{1}, x := {2}), list_transform({0}, lambda {3}: struct_pack(a := {4}, x := {3}))), lambda "
      "{5}, {6}: struct_pack(a := {7}, x := {2})), 'a') END",
      {a, start.sql, typed_null(element), scope.level() + "x", typed_null(start.type), p, q,
       body.sql});
  bool may_fail = array.may_fail || start.may_fail || body.may_fail;
  Typed total = made(bound(array.sql, a, sql), start.type, may_fail);
  if (call.arguments.size() == 3) return total;
  Typed last = TRY(lambda_body(call, 3, 1, {variable(a, total.type)}, scope));
  // of a NULL array NULL, whatever the lambda makes of NULL
  std::string finished =
      filled("CASE WHEN {0} IS NOT NULL THEN {1} END", {array.sql, bound(total.sql, a, last.sql)});
  return made(finished, last.type, may_fail || last.may_fail);
}

Result<Typed> Analyzer::zip_with(const Call& call, Scope& scope) {
  Typed left = TRY(collection(call, 0, Kind::Array, scope));
  Typed right = TRY(collection(call, 1, Kind::Array, scope));
  std::string a = scope.level() + "a", b = scope.level() + "b", i = scope.level() + "i";
  Typed x = variable("list_extract(" + a + ", " + i + ")", left.type.children->front().type);
  Typed y = variable("list_extract(" + b + ", " + i + ")", right.type.children->front().type);
  Typed body = TRY(lambda_body(call, 2, 2, {x, y}, scope));
  std::string list = filled(
      "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN list_transform(generate_series(1, "
      "greatest(len({0}), len({1}))), lambda {2}: {3}) END",
      {a, b, i, body.sql});
  return made(bound(left.sql, a, bound(right.sql, b, list)), Type::array(body.type),
              left.may_fail || right.may_fail || body.may_fail);
}

// A stable sort: each element's place is how many come before it.
Result<Typed> Analyzer::sorted_by(const Call& call, Scope& scope) {
  Typed array = TRY(collection(call, 0, Kind::Array, scope));
  const Type& element = array.type.children->front().type;
  std::string l = scope.level();
  Typed order =
      TRY(lambda_body(call, 1, 2, {variable(l + "x", element), variable(l + "y", element)}, scope));
  if (order.type.kind != Kind::Integer) {
    return at(call.arguments[1].position,
              "the lambda of array_sort() must give an INT but gives " + to_sql(order.type));
  }
  std::string null = raising(
      Kind::Integer, quoted_text("[COMPARATOR_RETURNS_NULL] the lambda of array_sort() gave NULL"));
  std::string before = filled(
      "CASE WHEN {0}c IS NULL THEN {1} WHEN {0}c < 0 OR {0}c = 0 AND {0}i < "
      "{0}j THEN 1 ELSE 0 END",
      {l, null});
  std::string place = filled(
      "list_sum(list_transform({0}a, lambda {0}x, {0}i: CASE WHEN {0}i = {0}j THEN 0 ELSE {1} "
      "END))",
      {l, bound(order.sql, l + "c", before)});
  std::string sql = filled(
      "list_transform(list_sort(list_transform({0}a, lambda {0}y, {0}j: struct_pack(p := "
      "CAST({1} AS BIGINT), v := {0}y))), lambda {0}s: struct_extract({0}s, 'v'))",
      {l, place});
  return made(bound(array.sql, l + "a", sql), array.type, true);
}

// transform_keys, transform_values and map_filter.
Result<Typed> Analyzer::transformed_map(const Call& call, Scope& scope) {
  Typed map = TRY(collection(call, 0, Kind::Map, scope));
  std::string e = scope.level() + "e";
  Type key = map.type.children->front().type, value = map.type.children->back().type;
  Typed k = field_of(e, "key", key), v = field_of(e, "value", value);
  std::string entries = "map_entries(" + map.sql + ")";
  if (equal_ignoring_case(call.name, "map_filter")) {
    Typed body = TRY(predicate(call, 1, 2, {k, v}, scope));
    return made(
        "map_from_entries(list_filter(" + entries + ", lambda " + e + ": " + body.sql + "))",
        map.type, map.may_fail || body.may_fail);
  }
  Typed body = TRY(lambda_body(call, 1, 2, {k, v}, scope));
  bool keys = equal_ignoring_case(call.name, "transform_keys");
  std::string sql = filled(
      "map_from_entries(list_transform({0}, lambda {1}: struct_pack(key := {2}, value := {3})))",
      {entries, e, keys ? body.sql : k.sql, keys ? v.sql : body.sql});
  return made(sql, keys ? Type::map(body.type, value) : Type::map(key, body.type), true);
}

Result<Typed> Analyzer::map_zip_with(const Call& call, Scope& scope) {
  Typed left = TRY(collection(call, 0, Kind::Map, scope));
  Typed right = TRY(collection(call, 1, Kind::Map, scope));
  Type key = left.type.children->front().type;
  if (!(key == right.type.children->front().type)) {
    return at(call.arguments[1].position, "the keys of the two maps are " + to_sql(key) + " and " +
                                              to_sql(right.type.children->front().type) +
                                              "; cast one map");
  }
  std::string l = scope.level();
  auto value_of = [&](const char* map, const Type& type) {
    return variable("map_extract_value(" + l + map + ", " + l + "k)", type);
  };
  Typed body =
      TRY(lambda_body(call, 2, 3,
                      {variable(l + "k", key), value_of("a", left.type.children->back().type),
                       value_of("b", right.type.children->back().type)},
                      scope));
  std::string sql = filled(
      "CASE WHEN {0}a IS NOT NULL AND {0}b IS NOT NULL THEN map_from_entries(list_transform("
      "list_concat(map_keys({0}a), list_filter(map_keys({0}b), lambda {0}n: NOT "
      "list_contains(map_keys({0}a), {0}n))), lambda {0}k: struct_pack(key := {0}k, value := "
      "{1}))) "
      "END",
      {l, body.sql});
  return made(bound(left.sql, l + "a", bound(right.sql, l + "b", sql)), Type::map(key, body.type),
              true);
}

}  // namespace ticklake::sql
