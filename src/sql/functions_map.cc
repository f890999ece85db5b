// Maps and sequences.
#include "base/time.h"
#include "sql/functions.h"
#include "sql/interval.h"

namespace ticklake::sql {
namespace {

const Type& key_type(const Typed& map) { return map.type.children->front().type; }
const Type& value_type(const Typed& map) { return map.type.children->back().type; }

Type entry_type(const Type& map) {
  return Type::structure(
      {{"key", map.children->front().type, false}, {"value", map.children->back().type}});
}

Result<Typed> build_map(const CallContext& context, const Arguments& arguments) {
  if (arguments.size() % 2 != 0) {
    return Error{Code::Invalid, "map() takes keys and values in turn but got " +
                                    std::to_string(arguments.size()) + " arguments"};
  }
  Arguments keys, values;
  for (size_t i = 0; i < arguments.size(); i += 2) {
    keys.push_back(arguments[i]);
    values.push_back(arguments[i + 1]);
  }
  Common all_keys = TRY(common(context.name, keys));
  Common all_values = TRY(common(context.name, values));
  return made("map([" + listed(all_keys.texts) + "], [" + listed(all_values.texts) + "])",
              Type::map(all_keys.type, all_values.type), true);
}

Result<Typed> build_map_keys(const CallContext&, const Arguments& arguments) {
  return made("map_keys(" + arguments[0].sql + ")", Type::array(key_type(arguments[0]), false));
}

Result<Typed> build_map_values(const CallContext&, const Arguments& arguments) {
  return made("map_values(" + arguments[0].sql + ")", Type::array(value_type(arguments[0])));
}

Result<Typed> build_map_entries(const CallContext&, const Arguments& arguments) {
  Type entry = entry_type(arguments[0].type);
  return made(filled("CASE WHEN {0} IS NOT NULL THEN map_entries({0}) END", {arguments[0].sql}),
              Type::array(entry, false));
}

Result<Typed> build_map_from_arrays(const CallContext&, const Arguments& arguments) {
  Type type =
      Type::map(arguments[0].type.children->front().type, arguments[1].type.children->front().type);
  std::string differ = raising(
      type, quoted_text("[INVALID_PARAMETER_VALUE] the arrays of map_from_arrays() must have as "
                        "many keys as values"));
  std::string choice = filled(
      "list_transform([{0}], lambda a_: list_transform([{1}], lambda b_: CASE WHEN a_ IS NULL OR "
      "b_ IS NULL THEN NULL WHEN len(a_) <> len(b_) THEN {2} ELSE map(a_, b_) END)[1])[1]",
      {arguments[0].sql, arguments[1].sql, differ});
  return made(choice, type, true);
}

Result<Typed> build_map_from_entries(const CallContext& context, const Arguments& arguments) {
  const Type& entry = arguments[0].type.children->front().type;
  if (entry.kind != Kind::Struct || entry.children->size() != 2) {
    return Error{Code::Invalid, std::string(context.name) +
                                    "() expects an ARRAY of STRUCTs of a key and a value but got " +
                                    to_sql(arguments[0].type)};
  }
  Type type = Type::map(entry.children->front().type, entry.children->back().type);
  return made(filled("list_transform([{0}], lambda a_: CASE WHEN len(list_filter(a_, lambda e_: e_ "
                     "IS NULL)) = 0 THEN map_from_entries(a_) END)[1]",
                     {arguments[0].sql}),
              type, true);
}

Result<Typed> build_map_concat(const CallContext& context, const Arguments& arguments) {
  Common maps = TRY(common(context.name, arguments));
  std::vector<std::string> entries, tests;
  for (const std::string& map : maps.texts) {
    entries.push_back("map_entries(" + map + ")");
    tests.push_back(map + " IS NOT NULL");
  }
  return made("CASE WHEN " + listed(tests, " AND ") + " THEN map_from_entries(flatten([" +
                  listed(entries) + "])) END",
              maps.type, true);
}

Result<Typed> build_map_contains_key(const CallContext&, const Arguments& arguments) {
  if (arguments[1].type.kind == Kind::Null)
    return Error{Code::Invalid, "map_contains_key() needs a key with a type but got NULL"};
  Typed key = TRY(map_key(arguments[0].type, arguments[1]));
  return made(filled("list_contains(map_keys({0}), {1})", {arguments[0].sql, key.sql}),
              Kind::Boolean);
}

// Text of the pattern without special characters that a separator is.
Result<std::string> plain_separator(const Arguments& arguments, size_t index,
                                    const char* otherwise) {
  if (arguments.size() <= index) return std::string(otherwise);
  const Typed& value = arguments[index];
  bool plain = value.literal && value.type.kind == Kind::String && !value.literal->text.empty() &&
               value.literal->text.find_first_of("\\^$.|?*+()[]{}") == std::string::npos;
  if (plain) return value.literal->text;
  return Error{Code::Unsupported,
               "the separators of str_to_map() must be literals without special characters"};
}

Result<Typed> build_str_to_map(const CallContext&, const Arguments& arguments) {
  std::string pairs = TRY(plain_separator(arguments, 1, ","));
  std::string values = TRY(plain_separator(arguments, 2, ":"));
  return made(
      filled("map_from_entries(list_transform(string_split({0}, {1}), lambda p_: struct_pack(key "
             ":= string_split(p_, {2})[1], value := CASE WHEN contains(p_, {2}) THEN substr(p_, "
             "instr(p_, {2}) + {3}) END)))",
             {arguments[0].sql, quoted_text(pairs), quoted_text(values),
              "length(" + quoted_text(values) + ")"}),
      Type::map(Kind::String, Kind::String), true);
}

// A number for each value of a sequence, and back.
struct Steps {
  Type type;
  std::string to;
  std::string from;
};

Result<Steps> steps_of(const Arguments& arguments) {
  Type type = arguments[0].type;
  for (const Typed& one : {arguments[0], arguments[1]}) {
    auto wider = common_type(type, one.type);
    if (wider) type = *wider;
  }
  if (type.is_integral()) return Steps{type, "CAST({0} AS BIGINT)", "{0}"};
  if (type.kind == Kind::Date) {
    return Steps{type, "CAST({0} - DATE '1970-01-01' AS BIGINT)",
                 "DATE '1970-01-01' + CAST({0} AS INTEGER)"};
  }
  if (type.kind == Kind::Timestamp || type.kind == Kind::TimestampNtz)
    return Steps{type, "epoch_us({0})", "make_timestamp({0})"};
  return Error{Code::Invalid, "sequence() takes integers, DATEs or TIMESTAMPs but got " +
                                  to_sql(arguments[0].type) + " and " + to_sql(arguments[1].type)};
}

Result<std::string> step_text(const Arguments& arguments, const Type& type) {
  bool time = !type.is_integral();
  std::string unit = type.kind == Kind::Date || !time ? "1" : std::to_string(kMicrosPerDay);
  if (arguments.size() == 2)
    return "CAST(CASE WHEN a_ <= b_ THEN " + unit + " ELSE -" + unit + " END AS BIGINT)";
  const Typed& step = arguments[2];
  if (!time) {
    Typed number = TRY(coerce(step, Kind::Long));
    return number.sql;
  }
  if (step.type.kind != Kind::Interval)
    return Error{Code::Invalid, "the step of a sequence() of times must be an INTERVAL"};
  if (type.kind != Kind::Date) return step.sql;
  if (!(step.type == interval_type(IntervalUnit::Day, IntervalUnit::Day))) {
    return Error{Code::Unsupported,
                 "the step of a sequence() of DATEs must be an INTERVAL in days or months"};
  }
  return "(" + step.sql + " // " + std::to_string(kMicrosPerDay) + ")";
}

std::string wrong_bounds(const Type& type) {
  return raising(
      type,
      "'[ILLEGAL_SEQUENCE_BOUNDARIES] Illegal sequence boundaries: ' || CAST(a_ AS VARCHAR) "
      "|| ' to ' || CAST(b_ AS VARCHAR) || ' by ' || CAST(c_ AS VARCHAR)");
}

// Each element is so many months after the first, not after the one before.
Result<Typed> month_sequence(const Typed& start, const Typed& stop, const Typed& step,
                             const Type& type) {
  const Type& element = type.children->front().type;
  if (element.is_integral())
    return Error{Code::Invalid, "the step of a sequence() of integers must be an integer"};
  std::string list = filled(
      "CASE WHEN a_ IS NULL OR b_ IS NULL OR c_ IS NULL THEN NULL WHEN a_ = b_ THEN [a_] WHEN c_ > "
      "0 AND a_ > b_ OR c_ < 0 AND a_ < b_ OR c_ = 0 THEN {0} ELSE "
      "list_filter(list_transform(range(((year(b_) - year(a_)) * 12 + month(b_) - month(a_)) // c_ "
      "+ 2), lambda i_: {1}), lambda x_: CASE WHEN c_ > 0 THEN x_ <= b_ ELSE x_ >= b_ END) END",
      {wrong_bounds(type), cast_text("a_ + to_months(CAST(i_ * c_ AS INTEGER))", element)});
  std::string whole = bound(cast_text(step.sql, Kind::Long), "c_", list);
  return made(bound(start.sql, "a_", bound(stop.sql, "b_", whole)), type, true);
}

Result<Typed> build_sequence(const CallContext&, const Arguments& arguments) {
  Steps steps = TRY(steps_of(arguments));
  Typed start = TRY(cast(arguments[0], steps.type));
  Typed stop = TRY(cast(arguments[1], steps.type));
  Type type = Type::array(steps.type, false);
  std::string large = raising(type, quoted_text("[COLLECTION_SIZE_LIMIT_EXCEEDED] a sequence() has "
                                                "at most 2147483632 elements"));
  if (arguments.size() == 3 && is_months(arguments[2].type))
    return month_sequence(start, stop, arguments[2], type);
  std::string list = filled(
      "CASE WHEN a_ IS NULL OR b_ IS NULL OR c_ IS NULL THEN NULL WHEN a_ = b_ THEN {3} WHEN c_ > "
      "0 "
      "AND a_ > b_ OR c_ < 0 AND a_ < b_ OR c_ = 0 THEN {0} WHEN (CAST(b_ AS HUGEINT) - a_) // c_ "
      "> 2147483631 THEN {1} ELSE list_transform(generate_series(a_, b_, c_), lambda x_: {2}) END",
      {wrong_bounds(type), large, cast_text(filled(steps.from, {"x_"}), steps.type),
       "[" + cast_text(filled(steps.from, {"a_"}), steps.type) + "]"});
  std::string whole = bound(TRY(step_text(arguments, steps.type)), "c_", list);
  whole = bound(filled(steps.to, {stop.sql}), "b_", whole);
  return made(bound(filled(steps.to, {start.sql}), "a_", whole), type, true);
}

constexpr ScalarFunction kMaps[] = {
    {"map", "", "m", "map(CAST([] AS INTEGER[]), CAST([] AS INTEGER[]))"},
    {"map", "xx*", "0", "", build_map},
    {"map_keys", "m", "0", "", build_map_keys},
    {"map_values", "m", "0", "", build_map_values},
    {"map_entries", "m", "0", "", build_map_entries},
    {"map_from_arrays", "aa", "0", "", build_map_from_arrays},
    {"map_from_entries", "a", "0", "", build_map_from_entries},
    {"map_concat", "m*", "0", "", build_map_concat},
    {"map_contains_key", "mx", "b", "", build_map_contains_key},
    {"str_to_map", "s", "0", "", build_str_to_map},
    {"str_to_map", "ss", "0", "", build_str_to_map},
    {"str_to_map", "sss", "0", "", build_str_to_map},
    {"sequence", "xx", "0", "", build_sequence},
    {"sequence", "xxx", "0", "", build_sequence},
};

}  // namespace

std::span<const ScalarFunction> map_functions() { return kMaps; }

}  // namespace ticklake::sql
