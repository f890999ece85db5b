#include "sql/functions.h"

namespace ticklake::sql {
namespace {

struct Common {
  Type type;
  std::vector<std::string> texts;
  bool may_fail = false;
};

Result<Common> common(const CallContext& context, const Arguments& values) {
  auto type = common_type(values);
  if (!type) {
    std::vector<std::string> types;
    for (const Typed& value : values) types.push_back(to_sql(value.type));
    return Error{Code::Invalid, std::string(context.name) +
                                    "() needs arguments of one type but got " + listed(types) +
                                    "; cast them"};
  }
  Common out{.type = *type};
  for (const Typed& value : values) {
    Typed same = TRY(cast(value, *type));
    out.may_fail |= same.may_fail;
    out.texts.push_back(same.sql);
  }
  return out;
}

Result<Typed> build_coalesce(const CallContext& context, const Arguments& arguments) {
  Common values = TRY(common(context, arguments));
  return Typed{.sql = "COALESCE(" + listed(values.texts) + ")",
               .type = values.type,
               .may_fail = values.may_fail};
}

Result<Typed> choice(const CallContext& context, const std::string& condition, const Typed& yes,
                     const Typed& no) {
  Common values = TRY(common(context, {yes, no}));
  std::string sql =
      "CASE WHEN " + condition + " THEN " + values.texts[0] + " ELSE " + values.texts[1] + " END";
  return Typed{.sql = sql, .type = values.type, .may_fail = values.may_fail};
}

Result<Typed> build_if(const CallContext& context, const Arguments& arguments) {
  return choice(context, arguments[0].sql, arguments[1], arguments[2]);
}

Result<Typed> build_nvl2(const CallContext& context, const Arguments& arguments) {
  return choice(context, arguments[0].sql + " IS NOT NULL", arguments[1], arguments[2]);
}

Result<Typed> build_nullif(const CallContext& context, const Arguments& arguments) {
  Common values = TRY(common(context, arguments));
  std::string equal = values.texts[0] + " = " + values.texts[1];
  return Typed{.sql = "CASE WHEN " + equal + " THEN " + typed_null(arguments[0].type) + " ELSE " +
                      arguments[0].sql + " END",
               .type = arguments[0].type,
               .may_fail = values.may_fail};
}

Result<Typed> build_zeroifnull(const CallContext& context, const Arguments& arguments) {
  Typed zero = {.sql = "CAST(0 AS INTEGER)", .type = Kind::Integer};
  return build_coalesce(context, {arguments[0], zero});
}

Result<Typed> build_equal_null(const CallContext& context, const Arguments& arguments) {
  Common values = TRY(common(context, arguments));
  return Typed{.sql = "(" + values.texts[0] + " IS NOT DISTINCT FROM " + values.texts[1] + ")",
               .type = Kind::Boolean,
               .may_fail = values.may_fail};
}

Result<Typed> build_array(const CallContext& context, const Arguments& arguments) {
  Common values = TRY(common(context, arguments));
  Type type = Type::array(values.type);
  return Typed{.sql = cast_text("[" + listed(values.texts) + "]", type),
               .type = type,
               .may_fail = values.may_fail};
}

Error not_array(const CallContext& context, const Type& type) {
  return Error{Code::Invalid,
               std::string(context.name) + "() expects an ARRAY or MAP but got " + to_sql(type)};
}

Result<Typed> build_size(const CallContext& context, const Arguments& arguments) {
  const Typed& value = arguments[0];
  if (value.type.kind != Kind::Array && value.type.kind != Kind::Map)
    return not_array(context, value.type);
  std::string name = value.type.kind == Kind::Map ? "cardinality(" : "len(";
  return Typed{.sql = cast_text(name + value.sql + ")", Kind::Integer), .type = Kind::Integer};
}

Result<Typed> element(const CallContext& context, const Arguments& arguments, bool is_try) {
  const Typed& value = arguments[0];
  if (value.type.kind == Kind::Map) {
    Typed key = TRY(coerce(arguments[1], value.type.children->front().type));
    return Typed{.sql = "map_extract_value(" + value.sql + ", " + key.sql + ")",
                 .type = value.type.children->back().type};
  }
  if (value.type.kind != Kind::Array) return not_array(context, value.type);
  Typed index = TRY(coerce(arguments[1], Kind::Integer));
  Typed out = {.type = value.type.children->front().type, .may_fail = !is_try};
  std::string get = "list_extract(" + value.sql + ", " + index.sql + ")";
  std::string outside = raising(
      out.type, quoted_text("[INVALID_ARRAY_INDEX_IN_ELEMENT_AT] The index ") + " || CAST(" +
                    index.sql + " AS VARCHAR) || " +
                    quoted_text(" is out of bounds; use try_element_at to get NULL instead"));
  std::string zero = raising(
      out.type, quoted_text("[INVALID_INDEX_OF_ZERO] The index 0 is invalid; the first is 1"));
  std::string otherwise = is_try ? typed_null(out.type) : outside;
  out.sql = filled(
      "CASE WHEN {0} IS NULL OR {1} IS NULL THEN {2} WHEN {1} = 0 THEN {3} WHEN abs({1}) > "
      "len({0}) THEN {4} "
      "ELSE {5} END",
      {value.sql, index.sql, typed_null(out.type), zero, otherwise, get});
  return out;
}

Result<Typed> build_element_at(const CallContext& context, const Arguments& arguments) {
  return element(context, arguments, false);
}

Result<Typed> build_try_element_at(const CallContext& context, const Arguments& arguments) {
  return element(context, arguments, true);
}

Result<Typed> build_array_contains(const CallContext& context, const Arguments& arguments) {
  if (arguments[0].type.kind != Kind::Array) return not_array(context, arguments[0].type);
  Typed sample = {.type = arguments[0].type.children->front().type};
  Typed wanted = TRY(coerce(arguments[1], sample.type));
  // NULL where it is not found but a NULL element might have been it
  return Typed{
      .sql = filled(
          "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN list_contains({0}, {1}) THEN TRUE "
          "WHEN "
          "len(list_filter({0}, lambda element_: element_ IS NULL)) > 0 THEN NULL ELSE FALSE END",
          {arguments[0].sql, wanted.sql}),
      .type = Kind::Boolean};
}

constexpr ScalarFunction kOther[] = {
    {"coalesce", "x*", "0", "", build_coalesce},
    {"nvl", "xx", "0", "", build_coalesce},
    {"ifnull", "xx", "0", "", build_coalesce},
    {"nvl2", "xxx", "0", "", build_nvl2},
    {"nullif", "xx", "0", "", build_nullif},
    {"zeroifnull", "x", "0", "", build_zeroifnull},
    {"equal_null", "xx", "b", "", build_equal_null},
    {"if", "bxx", "0", "", build_if},
    {"iff", "bxx", "0", "", build_if},
    {"isnull", "x", "b", "{0} IS NULL"},
    {"isnotnull", "x", "b", "{0} IS NOT NULL"},
    {"array", "x*", "0", "", build_array},
    {"size", "x", "i", "", build_size},
    {"cardinality", "x", "i", "", build_size},
    {"array_size", "x", "i", "", build_size},
    {"element_at", "xx", "0", "", build_element_at},
    {"try_element_at", "xx", "0", "", build_try_element_at},
    {"array_contains", "xx", "b", "", build_array_contains},
};

}  // namespace

std::span<const ScalarFunction> other_functions() { return kOther; }

}  // namespace ticklake::sql
