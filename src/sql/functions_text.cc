#include <cstdlib>

#include "sql/functions.h"

namespace ticklake::sql {
namespace {

Typed text_of(std::string sql) { return {.sql = std::move(sql), .type = Kind::String}; }

// Spark: position 0 is 1, a negative one counts from the end, and the length may start before the
// first character.
std::string substring(const std::string& text, const std::string& position,
                      const std::string& length) {
  std::string start = filled(
      "CASE WHEN {1} > 0 THEN CAST({1} AS BIGINT) - 1 WHEN {1} < 0 THEN length({0}) + {1} ELSE 0 "
      "END",
      {text, position});
  std::string first = "greatest(" + start + ", 0)";
  if (length.empty()) return "substr(" + text + ", " + first + " + 1)";
  return filled("substr({0}, {1} + 1, greatest(({2}) + {3} - {1}, 0))",
                {text, first, start, length});
}

Result<Typed> build_substring(const CallContext&, const Arguments& arguments) {
  const std::string& text = arguments[0].sql;
  const auto& position = arguments[1].literal;
  std::string length = arguments.size() == 3 ? arguments[2].sql : "";
  Typed out = text_of("");
  if (position && std::atoll(position->text.c_str()) >= 0) {
    int64_t first = std::max<int64_t>(1, std::atoll(position->text.c_str()));
    out.sql = "substr(" + text + ", " + std::to_string(first);
    if (!length.empty()) out.sql += ", greatest(" + length + ", 0)";
    out.sql += ")";
  } else {
    out.sql = substring(text, arguments[1].sql, length);
  }
  return out;
}

Result<Typed> build_right(const CallContext&, const Arguments& arguments) {
  return text_of(filled("CASE WHEN {1} <= 0 AND {0} IS NOT NULL THEN '' ELSE right({0}, {1}) END",
                        {arguments[0].sql, arguments[1].sql}));
}

Result<Typed> build_length(const CallContext&, const Arguments& arguments) {
  Typed out;
  out.type = Kind::Integer;
  bool bytes = arguments[0].type.kind == Kind::Binary;
  if (bytes) {
    out.sql = cast_text("octet_length(" + arguments[0].sql + ")", out.type);
    return out;
  }
  Typed text = TRY(coerce(arguments[0], Kind::String));
  out.sql = cast_text("length(" + text.sql + ")", out.type);
  return out;
}

Result<Typed> concatenated_bytes(const Arguments& arguments) {
  std::vector<std::string> texts;
  for (const Typed& argument : arguments) texts.push_back(argument.sql);
  return Typed{.sql = "(" + listed(texts, " || ") + ")", .type = Kind::Binary};
}

Result<Typed> concatenated_arrays(const CallContext& context, const Arguments& arguments) {
  Common arrays = TRY(common_arrays(context.name, arguments));
  std::vector<std::string> tests;
  for (const std::string& array : arrays.texts) tests.push_back(array + " IS NOT NULL");
  return Typed{.sql = "CASE WHEN " + listed(tests, " AND ") + " THEN flatten([" +
                      listed(arrays.texts) + "]) END",
               .type = arrays.type,
               .may_fail = arrays.may_fail};
}

Result<Typed> build_concat(const CallContext& context, const Arguments& arguments) {
  std::vector<std::string> texts;
  bool bytes = true;
  for (const Typed& argument : arguments) {
    if (argument.type.kind == Kind::Array) return concatenated_arrays(context, arguments);
    bytes &= argument.type.kind == Kind::Binary;
  }
  if (bytes) return concatenated_bytes(arguments);
  for (const Typed& argument : arguments) {
    if (argument.type.is_nested()) {
      return Error{Code::Unsupported, std::string(context.name) + "() of " + to_sql(argument.type) +
                                          " is not supported"};
    }
    Typed value = TRY(coerce(argument, Kind::String));
    texts.push_back(value.sql);
  }
  return text_of("(" + listed(texts, " || ") + ")");
}

Result<Typed> build_concat_ws(const CallContext&, const Arguments& arguments) {
  std::vector<std::string> texts;
  for (const Typed& argument : arguments) texts.push_back(argument.sql);
  if (texts.size() == 1) return text_of("CASE WHEN " + texts[0] + " IS NOT NULL THEN '' END");
  return text_of("concat_ws(" + listed(texts) + ")");
}

// Spark: what is before the position, the new text, and what is behind the part it replaces.
Result<Typed> build_overlay(const CallContext&, const Arguments& arguments) {
  std::string length = arguments.size() == 4
                           ? filled("CASE WHEN {0} >= 0 THEN {0} ELSE length({1}) END",
                                    {arguments[3].sql, arguments[1].sql})
                           : "length(" + arguments[1].sql + ")";
  std::string before = substring(arguments[0].sql, "1", arguments[2].sql + " - 1");
  std::string after =
      substring(arguments[0].sql, "(" + arguments[2].sql + " + " + length + ")", "");
  return text_of("(" + before + " || " + arguments[1].sql + " || " + after + ")");
}

Result<Typed> build_split_part(const CallContext&, const Arguments& arguments) {
  std::string zero = raising(
      Kind::String, quoted_text("[INVALID_INDEX_OF_ZERO] The index 0 is invalid; the first is 1"));
  Typed out = text_of(filled(
      "CASE WHEN {0} IS NULL OR {1} IS NULL OR {2} IS NULL THEN NULL WHEN {2} = 0 THEN {3} WHEN "
      "{1} = '' THEN CASE WHEN abs({2}) = 1 THEN {0} ELSE '' END ELSE "
      "COALESCE(list_extract(string_split({0}, {1}), {2}), '') END",
      {arguments[0].sql, arguments[1].sql, arguments[2].sql, zero}));
  out.may_fail = true;
  return out;
}

Result<Typed> build_elt(const CallContext& context, const Arguments& arguments) {
  std::vector<std::string> texts;
  for (size_t i = 1; i < arguments.size(); ++i) {
    Typed text = TRY(coerce(arguments[i], Kind::String));
    texts.push_back(text.sql);
  }
  std::string count = std::to_string(texts.size());
  std::string outside =
      raising(Kind::String, quoted_text("[INVALID_ARRAY_INDEX] the index of " +
                                        std::string(context.name) + "() is 1 to " + count));
  Typed out =
      text_of(filled("CASE WHEN {0} BETWEEN 1 AND {1} THEN ([{2}])[{0}] WHEN {0} IS NOT "
                     "NULL THEN {3} END",
                     {arguments[0].sql, count, listed(texts), outside}));
  out.may_fail = true;
  return out;
}

Result<Typed> build_format_number(const CallContext&, const Arguments& arguments) {
  const Typed& value = arguments[0];
  bool floating = value.type.kind == Kind::Double || value.type.kind == Kind::Float;
  std::string digits =
      floating ? "ticklake_format_double(CAST({0} AS DOUBLE), {1})"
               : "ticklake_grouped(ticklake_round_digits(CAST({0} AS VARCHAR), {1}, 0))";
  return text_of(
      filled("CASE WHEN {1} >= 0 THEN " + digits + " END", {value.sql, arguments[1].sql}));
}

constexpr std::string_view kLocate =
    "CAST(CASE WHEN {2} <= 0 THEN 0 WHEN {0} = '' THEN 1 WHEN {2} > length({1}) + 1 THEN 0 WHEN "
    "instr(substr({1}, {2}), {0}) = 0 THEN 0 ELSE instr(substr({1}, {2}), {0}) + {2} - 1 "
    "END AS INTEGER)";

// Words end at blanks only. A first letter whose upper case is more than one has but its first
// part in upper case: "Ss".
constexpr std::string_view kInitcap =
    "array_to_string(list_transform(string_split(lower(ticklake_lower({0})), ' '), lambda w_: "
    "list_transform([upper(ticklake_upper(substr(w_, 1, 1)))], lambda u_: substr(u_, 1, 1) || "
    "lower(substr(u_, 2)))[1] || substr(w_, 2)), ' ')";
constexpr std::string_view kChar =
    "CASE WHEN {0} < 0 THEN '' ELSE chr(CAST({0} % 256 AS INTEGER)) END";
constexpr std::string_view kLevenshtein =
    "list_transform([ticklake_levenshtein({0}, {1})], lambda n_: CASE WHEN n_ > {2} THEN -1 WHEN "
    "{2} IS NOT NULL THEN n_ END)[1]";

constexpr ScalarFunction kText[] = {
    {"upper", "s", "s", "upper(ticklake_upper({0}))"},
    {"ucase", "s", "s", "upper(ticklake_upper({0}))"},
    {"lower", "s", "s", "lower(ticklake_lower({0}))"},
    {"lcase", "s", "s", "lower(ticklake_lower({0}))"},
    {"trim", "s", "s", "ticklake_trim({0})"},
    {"ltrim", "s", "s", "ltrim({0}, ' ')"},
    {"rtrim", "s", "s", "rtrim({0}, ' ')"},
    {"btrim", "s", "s", "ticklake_trim({0})"},
    {"trim", "ss", "s", "trim({1}, {0})"},
    {"ltrim", "ss", "s", "ltrim({1}, {0})"},
    {"rtrim", "ss", "s", "rtrim({1}, {0})"},
    {"btrim", "ss", "s", "trim({0}, {1})"},
    {"length", "x", "i", "", build_length},
    {"len", "x", "i", "", build_length},
    {"char_length", "x", "i", "", build_length},
    {"character_length", "x", "i", "", build_length},
    {"concat", "x*", "s", "", build_concat},
    {"concat_ws", "s*", "s", "", build_concat_ws},
    {"substring", "si", "s", "", build_substring},
    {"substring", "sii", "s", "", build_substring},
    {"substr", "si", "s", "", build_substring},
    {"substr", "sii", "s", "", build_substring},
    {"left", "si", "s", "substr({0}, 1, greatest({1}, 0))"},
    {"right", "si", "s", "", build_right},
    {"replace", "ss", "s", "replace({0}, {1}, '')"},
    {"replace", "sss", "s", "replace({0}, {1}, {2})"},
    {"lpad", "si", "s", "lpad({0}, greatest({1}, 0), ' ')"},
    {"lpad", "sis", "s",
     "CASE WHEN {2} = '' THEN substr({0}, 1, greatest({1}, 0)) ELSE lpad({0}, greatest({1}, 0), "
     "{2}) END"},
    {"rpad", "si", "s", "rpad({0}, greatest({1}, 0), ' ')"},
    {"rpad", "sis", "s",
     "CASE WHEN {2} = '' THEN substr({0}, 1, greatest({1}, 0)) ELSE rpad({0}, greatest({1}, 0), "
     "{2}) END"},
    {"startswith", "ss", "b", "starts_with({0}, {1})"},
    {"endswith", "ss", "b", "ends_with({0}, {1})"},
    {"contains", "ss", "b", "contains({0}, {1})"},
    {"instr", "ss", "i", "instr({0}, {1})"},
    {"locate", "ss", "i", "instr({1}, {0})"},
    {"locate", "ssi", "i", kLocate},
    {"position", "ss", "i", "instr({1}, {0})"},
    {"position", "ssi", "i", kLocate},
    {"charindex", "ss", "i", "instr({1}, {0})"},
    {"repeat", "si", "s", "repeat({0}, {1})"},
    {"space", "i", "s", "repeat(' ', {0})"},
    {"char", "l", "s", kChar},
    {"chr", "l", "s", kChar},
    {"initcap", "s", "s", kInitcap},
    {"levenshtein", "ss", "i", "ticklake_levenshtein({0}, {1})"},
    {"levenshtein", "ssi", "i", kLevenshtein},
    {"soundex", "s", "s", "ticklake_soundex({0})"},
    {"overlay", "ssi", "s", "", build_overlay},
    {"overlay", "ssii", "s", "", build_overlay},
    {"substring_index", "ssi", "s", "ticklake_substring_index({0}, {1}, {2})"},
    {"split_part", "ssi", "s", "", build_split_part},
    {"translate", "sss", "s", "ticklake_translate({0}, {1}, {2})"},
    {"find_in_set", "ss", "i", "ticklake_find_in_set({0}, {1})"},
    {"elt", "ix*", "s", "", build_elt},
    {"format_number", "ni", "s", "", build_format_number},
    {"luhn_check", "s", "b", "ticklake_luhn({0})"},
    {"ascii", "s", "i", "CASE WHEN {0} = '' THEN 0 ELSE ascii({0}) END"},
};

}  // namespace

std::span<const ScalarFunction> text_functions() { return kText; }

}  // namespace ticklake::sql
