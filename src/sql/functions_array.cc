// Arrays. DuckDB's lists have Spark's values; what differs is NULL, the order of sets, and errors.
#include <array>

#include "sql/functions.h"

namespace ticklake::sql {
namespace {

const Type& element_type(const Typed& value) { return value.type.children->front().type; }

std::string raised(const Type& type, const std::string& message) {
  return raising(type, quoted_text(message));
}

Result<Typed> build_array(const CallContext& context, const Arguments& arguments) {
  Common values = TRY(common(context.name, arguments));
  return made("[" + listed(values.texts) + "]", Type::array(values.type), values.may_fail);
}

Result<Typed> build_size(const CallContext& context, const Arguments& arguments) {
  const Typed& value = arguments[0];
  if (value.type.kind == Kind::Null) return cast(value, Kind::Integer);
  bool map = value.type.kind == Kind::Map && context.name != "array_size";
  if (!map && value.type.kind != Kind::Array) {
    return Error{Code::Invalid, std::string(context.name) + "() expects an ARRAY" +
                                    (context.name == "array_size" ? "" : " or MAP") + " but got " +
                                    to_sql(value.type)};
  }
  return made((map ? "cardinality(" : "len(") + value.sql + ")", Kind::Integer);
}

Result<Typed> map_element(const Arguments& arguments) {
  const Type& type = arguments[0].type;
  Typed key = TRY(map_key(arguments[0].type, arguments[1]));
  return made("map_extract_value(" + arguments[0].sql + ", " + key.sql + ")",
              type.children->back().type);
}

Result<Typed> element(const CallContext& context, const Arguments& arguments, bool is_try) {
  const Typed& value = arguments[0];
  if (value.type.kind == Kind::Map) return map_element(arguments);
  if (value.type.kind != Kind::Array) {
    return Error{Code::Invalid, std::string(context.name) + "() expects an ARRAY or MAP but got " +
                                    to_sql(value.type)};
  }
  Typed index = TRY(coerce(arguments[1], Kind::Integer));
  const Type& type = element_type(value);
  std::string outside =
      raising(type, quoted_text("[INVALID_ARRAY_INDEX_IN_ELEMENT_AT] The index ") +
                        " || CAST(i_ AS VARCHAR) || " +
                        quoted_text(" is out of bounds; use try_element_at to get NULL instead"));
  std::string zero =
      raised(type, "[INVALID_INDEX_OF_ZERO] The index 0 is invalid; the first element has index 1");
  std::string choice = "CASE WHEN a_ IS NULL OR i_ IS NULL THEN " + typed_null(type) +
                       " WHEN i_ = 0 THEN " + zero +
                       " WHEN abs(CAST(i_ AS BIGINT)) > len(a_) THEN " +
                       (is_try ? typed_null(type) : outside) + " ELSE list_extract(a_, i_) END";
  return made(bound(value.sql, "a_", bound(index.sql, "i_", choice)), type, true);
}

Result<Typed> build_element_at(const CallContext& context, const Arguments& arguments) {
  return element(context, arguments, false);
}
Result<Typed> build_try_element_at(const CallContext& context, const Arguments& arguments) {
  return element(context, arguments, true);
}

Result<Typed> build_get(const CallContext&, const Arguments& arguments) {
  std::string sql = filled("CASE WHEN {1} >= 0 THEN list_extract({0}, CAST({1} AS BIGINT) + 1) END",
                           {arguments[0].sql, arguments[1].sql});
  return made(sql, element_type(arguments[0]));
}

struct Pattern {
  std::string_view name;
  std::string_view result;  // as in the table; 0: the array's type, after widening
  std::string_view text;
};

// {0} an array and {1} a value, of one type.
constexpr std::array kOfElement = {
    // NULL where it is not found but a NULL element might have been it
    Pattern{"array_contains", "b",
            "list_transform([{0}], lambda a_: CASE WHEN a_ IS NULL OR {1} IS NULL THEN NULL WHEN "
            "list_contains(a_, {1}) THEN TRUE WHEN list_position(a_, NULL) > 0 THEN NULL ELSE "
            "FALSE END)[1]"},
    Pattern{"array_position", "l",
            "list_transform([{0}], lambda a_: CASE WHEN a_ IS NOT NULL AND {1} IS NOT NULL THEN "
            "COALESCE(list_position(a_, {1}), 0) END)[1]"},
    Pattern{"array_remove", "0",
            "CASE WHEN {1} IS NOT NULL THEN list_filter({0}, lambda e_: e_ IS DISTINCT FROM {1}) "
            "END"},
    Pattern{"array_append", "0", "CASE WHEN {0} IS NOT NULL THEN list_append({0}, {1}) END"},
    Pattern{"array_prepend", "0", "CASE WHEN {0} IS NOT NULL THEN list_prepend({1}, {0}) END"},
};

// {0} and {1} arrays of one type.
constexpr std::array kOfArrays = {
    Pattern{"array_union", "0",
            "list_transform([list_concat({0}, {1})], lambda a_: CASE WHEN {0} IS NOT NULL AND {1} "
            "IS NOT NULL THEN list_filter(a_, lambda x_, i_: list_position(a_, x_) = i_) END)[1]"},
    Pattern{"array_intersect", "0",
            "list_transform([{0}], lambda a_: list_transform([{1}], lambda b_: CASE WHEN b_ IS NOT "
            "NULL THEN list_filter(a_, lambda x_, i_: list_position(a_, x_) = i_ AND "
            "COALESCE(list_position(b_, x_), 0) > 0) END)[1])[1]"},
    Pattern{"array_except", "0",
            "list_transform([{0}], lambda a_: list_transform([{1}], lambda b_: CASE WHEN b_ IS NOT "
            "NULL THEN list_filter(a_, lambda x_, i_: list_position(a_, x_) = i_ AND "
            "COALESCE(list_position(b_, x_), 0) = 0) END)[1])[1]"},
    Pattern{"arrays_overlap", "b",
            "list_transform([{0}], lambda a_: list_transform([{1}], lambda b_: CASE WHEN a_ IS "
            "NULL OR b_ IS NULL THEN NULL WHEN len(list_filter(a_, lambda x_: x_ IS NOT NULL AND "
            "list_contains(b_, x_))) > 0 THEN TRUE WHEN len(a_) > 0 AND len(b_) > 0 AND "
            "(list_position(a_, NULL) > 0 OR list_position(b_, NULL) > 0) THEN NULL ELSE FALSE "
            "END)[1])[1]"},
};

template <size_t count>
const Pattern& pattern_of(const std::array<Pattern, count>& patterns, std::string_view name) {
  for (const Pattern& pattern : patterns) {
    if (pattern.name == name) return pattern;
  }
  CHECK(false, "the function has a pattern");
  return patterns[0];
}

Typed by_pattern(const Pattern& pattern, const Type& array, const std::vector<std::string>& texts,
                 bool may_fail) {
  Type type = pattern.result == "0" ? array : letter_type(pattern.result[0]);
  return made(filled(pattern.text, texts), type, may_fail);
}

Result<Typed> build_of_element(const CallContext& context, const Arguments& arguments) {
  Typed one = arguments[1];
  one.type = Type::array(one.type);
  auto type = common_type(arguments[0].type, one.type);
  bool untyped = arguments[1].type.kind == Kind::Null && context.name == "array_contains";
  if (!type || untyped || texts_and_others(arguments[0].type, one.type)) {
    return Error{Code::Invalid, std::string(context.name) +
                                    "() needs a value of the type of the "
                                    "elements, " +
                                    to_sql(element_type(arguments[0])) + ", but got " +
                                    to_sql(arguments[1].type) + "; cast it"};
  }
  Typed array = TRY(cast(arguments[0], *type));
  Typed value = TRY(cast(arguments[1], type->children->front().type));
  return by_pattern(pattern_of(kOfElement, context.name), *type, {array.sql, value.sql},
                    array.may_fail || value.may_fail);
}

Result<Typed> build_of_arrays(const CallContext& context, const Arguments& arguments) {
  Common both = TRY(common_arrays(context.name, arguments));
  return by_pattern(pattern_of(kOfArrays, context.name), both.type, both.texts, both.may_fail);
}

// Elements sorted by Spark's order of their type.
Result<std::string> sorted(const Typed& array, bool descending, bool nulls_first) {
  std::string order = descending ? "'DESC'" : "'ASC'";
  const Type& type = element_type(array);
  if (!type.is_nested()) {
    return "list_sort(" + array.sql + ", " + order +
           (nulls_first ? ", 'NULLS FIRST')" : ", 'NULLS LAST')");
  }
  Typed key = TRY(order_key({.sql = "x_", .type = type}));
  bool smallest = descending ? !nulls_first : nulls_first;
  return filled(
      "list_transform(list_sort(list_transform({0}, lambda x_: struct_pack(n := x_ IS {1}, k := "
      "{2}, v := x_)), {3}), lambda s_: struct_extract(s_, 'v'))",
      {array.sql, smallest ? "NOT NULL" : "NULL", key.sql, order});
}

Result<Typed> build_array_sort(const CallContext&, const Arguments& arguments) {
  return made(TRY(sorted(arguments[0], false, false)), arguments[0].type);
}

Result<Typed> build_sort_array(const CallContext&, const Arguments& arguments) {
  bool ascending = true;
  if (arguments.size() == 2) {
    if (arguments[1].sql == typed_null(Kind::Boolean)) return made("NULL", arguments[0].type);
    if (!arguments[1].literal || arguments[1].literal->type.kind != Kind::Boolean)
      return Error{Code::Invalid, "the second argument of sort_array() must be true or false"};
    ascending = arguments[1].literal->value != 0;
  }
  return made(TRY(sorted(arguments[0], !ascending, ascending)), arguments[0].type);
}

Result<Typed> extreme(const Typed& array, bool greatest) {
  const Type& type = element_type(array);
  if (!type.is_nested())
    return made((greatest ? "list_max(" : "list_min(") + array.sql + ")", type);
  return made("(" + TRY(sorted(array, greatest, false)) + ")[1]", type);
}

Result<Typed> build_array_max(const CallContext&, const Arguments& arguments) {
  return extreme(arguments[0], true);
}
Result<Typed> build_array_min(const CallContext&, const Arguments& arguments) {
  return extreme(arguments[0], false);
}

Result<Typed> build_slice(const CallContext&, const Arguments& arguments) {
  const Type& type = arguments[0].type;
  std::string start = raised(
      type, "[INVALID_PARAMETER_VALUE.START] slice() counts from 1: its start must not be 0");
  std::string length =
      raised(type, "[INVALID_PARAMETER_VALUE.LENGTH] the length of slice() must not be negative");
  std::string choice = filled(
      "CASE WHEN a_ IS NULL OR s_ IS NULL OR n_ IS NULL THEN NULL WHEN s_ = 0 THEN {0} WHEN n_ < 0 "
      "THEN {1} WHEN n_ = 0 OR s_ + len(a_) < 0 THEN a_[1:0] WHEN s_ > 0 THEN a_[s_:s_ + n_ - 1] "
      "ELSE a_[len(a_) + s_ + 1:len(a_) + s_ + n_] END",
      {start, length});
  std::string whole = bound("CAST(" + arguments[2].sql + " AS BIGINT)", "n_", choice);
  whole = bound("CAST(" + arguments[1].sql + " AS BIGINT)", "s_", whole);
  return made(bound(arguments[0].sql, "a_", whole), type, true);
}

Result<Typed> build_array_insert(const CallContext& context, const Arguments& arguments) {
  Typed one = arguments[2];
  one.type = Type::array(one.type);
  auto type = common_type(arguments[0].type, one.type);
  if (!type) return common(context.name, {arguments[0], one}).error();
  Typed array = TRY(cast(arguments[0], *type));
  Typed value = TRY(cast(arguments[2], type->children->front().type));
  Typed position = TRY(coerce(arguments[1], Kind::Integer));
  // p_ the index of the new element; below 1, that many more elements come before the first
  std::string choice = filled(
      "CASE WHEN p_ < 1 THEN list_concat(list_concat([{0}], list_transform(range(1 - p_), lambda "
      "z_: {1})), a_) ELSE list_concat(list_concat(list_concat(a_[1:p_ - 1], "
      "list_transform(range(p_ - 1 - len(a_)), lambda z_: {1})), [{0}]), a_[p_:]) END",
      {value.sql, typed_null(value.type)});
  std::string index = "CASE WHEN i_ > 0 THEN i_ ELSE len(a_) + i_ + 2 END";
  std::string zero = raised(
      *type, "[INVALID_INDEX_OF_ZERO] The index 0 is invalid; the first element has index 1");
  std::string whole = "CASE WHEN a_ IS NULL OR i_ IS NULL THEN NULL WHEN i_ = 0 THEN " + zero +
                      " ELSE " + bound(index, "p_", choice) + " END";
  whole = bound("CAST(" + position.sql + " AS BIGINT)", "i_", whole);
  return made(bound(array.sql, "a_", whole), *type, true);
}

Result<Typed> build_flatten(const CallContext& context, const Arguments& arguments) {
  const Type& type = element_type(arguments[0]);
  if (type.kind != Kind::Array) {
    return Error{Code::Invalid, std::string(context.name) +
                                    "() expects an ARRAY of ARRAYs but got " +
                                    to_sql(arguments[0].type)};
  }
  return made(filled("list_transform([{0}], lambda a_: CASE WHEN len(list_filter(a_, lambda e_: e_ "
                     "IS NULL)) = 0 THEN flatten(a_) END)[1]",
                     {arguments[0].sql}),
              type);
}

Result<Typed> build_array_join(const CallContext&, const Arguments& arguments) {
  Typed texts = TRY(cast(arguments[0], Type::array(Kind::String)));
  std::string kept = arguments.size() == 3
                         ? "list_transform(a_, lambda e_: COALESCE(e_, " + arguments[2].sql + "))"
                         : "list_filter(a_, lambda e_: e_ IS NOT NULL)";
  std::string joined = "CASE WHEN " + arguments[1].sql + " IS NOT NULL THEN array_to_string(" +
                       kept + ", " + arguments[1].sql + ") END";
  if (arguments.size() == 3)
    joined = "CASE WHEN " + arguments[2].sql + " IS NOT NULL THEN " + joined + " END";
  return made(bound(texts.sql, "a_", joined), Kind::String, texts.may_fail);
}

Result<Typed> build_array_repeat(const CallContext&, const Arguments& arguments) {
  const Typed& value = arguments[0];
  return made(filled("CASE WHEN {1} IS NOT NULL THEN list_transform(range(CAST(greatest({1}, 0) AS "
                     "BIGINT)), lambda z_: {0}) END",
                     {value.sql, arguments[1].sql}),
              Type::array(value.type));
}

Result<Typed> build_reverse(const CallContext&, const Arguments& arguments) {
  if (arguments[0].type.kind == Kind::Array)
    return made("list_reverse(" + arguments[0].sql + ")", arguments[0].type);
  Typed text = TRY(coerce(arguments[0], Kind::String));
  text.sql = "ticklake_reverse(" + text.sql + ")";
  text.literal.reset();
  text.origin.reset();
  return text;
}

constexpr ScalarFunction kArrays[] = {
    {"array", "", "a", "CAST([] AS INTEGER[])"},
    {"array", "x*", "0", "", build_array},
    {"size", "x", "i", "", build_size},
    {"cardinality", "x", "i", "", build_size},
    {"array_size", "x", "i", "", build_size},
    {"element_at", "xx", "0", "", build_element_at},
    {"try_element_at", "xx", "0", "", build_try_element_at},
    {"get", "ai", "e", "", build_get},
    {"array_contains", "ax", "b", "", build_of_element},
    {"array_position", "ax", "l", "", build_of_element},
    {"array_remove", "ax", "0", "", build_of_element},
    {"array_append", "ax", "0", "", build_of_element},
    {"array_prepend", "ax", "0", "", build_of_element},
    {"array_insert", "aix", "0", "", build_array_insert},
    {"array_compact", "a", "0", "list_filter({0}, lambda e_: e_ IS NOT NULL)"},
    {"array_distinct", "a", "0",
     "list_transform([{0}], lambda a_: list_filter(a_, lambda x_, i_: list_position(a_, x_) = "
     "i_))[1]"},
    {"array_union", "xx", "0", "", build_of_arrays},
    {"array_intersect", "xx", "0", "", build_of_arrays},
    {"array_except", "xx", "0", "", build_of_arrays},
    {"arrays_overlap", "xx", "b", "", build_of_arrays},
    {"array_sort", "a", "0", "", build_array_sort},
    {"sort_array", "a", "0", "", build_sort_array},
    {"sort_array", "ab", "0", "", build_sort_array},
    {"array_max", "a", "e", "", build_array_max},
    {"array_min", "a", "e", "", build_array_min},
    {"slice", "aii", "0", "", build_slice},
    {"flatten", "a", "e", "", build_flatten},
    {"array_join", "as", "s", "", build_array_join},
    {"array_join", "ass", "s", "", build_array_join},
    {"array_repeat", "xi", "0", "", build_array_repeat},
    {"reverse", "x", "0", "", build_reverse},
};

}  // namespace

std::span<const ScalarFunction> array_functions() { return kArrays; }

}  // namespace ticklake::sql
