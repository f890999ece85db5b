#include <cstdlib>

#include "sql/functions.h"

namespace ticklake::sql {
namespace {

Result<std::string> literal_text(const CallContext& context, const Typed& value,
                                 std::string_view what) {
  if (!value.literal || value.type.kind != Kind::String) {
    return Error{Code::Unsupported, "the " + std::string(what) + " of " +
                                        std::string(context.name) + "() must be a string literal"};
  }
  return value.literal->text;
}

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

Result<Typed> build_concat(const CallContext& context, const Arguments& arguments) {
  std::vector<std::string> texts;
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

// The text that a Java pattern without special characters matches.
std::optional<std::string> plain_pattern(const std::string& pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    if (c == '\\') {
      bool escapes = i + 1 < pattern.size() && !isalnum(static_cast<unsigned char>(pattern[i + 1]));
      if (!escapes) return std::nullopt;
      out += pattern[++i];
      continue;
    }
    if (std::string_view("^$.|?*+()[]{}").find(c) != std::string_view::npos) return std::nullopt;
    out += c;
  }
  return out;
}

Result<Typed> build_split(const CallContext& context, const Arguments& arguments) {
  std::string pattern = TRY(literal_text(context, arguments[1], "separator"));
  auto plain = plain_pattern(pattern);
  if (!plain || plain->empty()) {
    return Error{Code::Unsupported,
                 "split() takes a separator without special characters (escape '|' and '.' as "
                 "'\\\\|' and '\\\\.')"};
  }
  Typed out;
  out.type = Type::array(Kind::String, false);
  out.sql = "string_split(" + arguments[0].sql + ", " + quoted_text(*plain) + ")";
  return out;
}

Result<Typed> build_regexp_extract(const CallContext& context, const Arguments& arguments) {
  std::string java = TRY(literal_text(context, arguments[1], "pattern"));
  std::string pattern = TRY(re2_pattern(java));
  int group = 1;
  if (arguments.size() == 3) {
    if (!arguments[2].literal)
      return Error{Code::Unsupported, "the group of regexp_extract() must be a literal"};
    group = std::atoi(arguments[2].literal->text.c_str());
  }
  int groups = group_count(pattern);
  if (group < 0 || group > groups) {
    return Error{Code::Invalid, "regexp_extract() asks for group " + std::to_string(group) +
                                    " but the pattern has " + std::to_string(groups) +
                                    "; group 0 is the whole match"};
  }
  return text_of("regexp_extract(" + arguments[0].sql + ", " + quoted_text(pattern) + ", " +
                 std::to_string(group) + ")");
}

Result<Typed> build_regexp_replace(const CallContext& context, const Arguments& arguments) {
  std::string java = TRY(literal_text(context, arguments[1], "pattern"));
  std::string java_replacement = TRY(literal_text(context, arguments[2], "replacement"));
  std::string pattern = TRY(re2_pattern(java));
  std::string replacement = TRY(re2_replacement(java_replacement));
  return text_of("regexp_replace(" + arguments[0].sql + ", " + quoted_text(pattern) + ", " +
                 quoted_text(replacement) + ", 'g')");
}

Result<Typed> build_regexp_like(const CallContext& context, const Arguments& arguments) {
  std::string java = TRY(literal_text(context, arguments[1], "pattern"));
  std::string pattern = TRY(re2_pattern(java));
  Typed out;
  out.type = Kind::Boolean;
  out.sql = "regexp_matches(" + arguments[0].sql + ", " + quoted_text(pattern) + ")";
  return out;
}

Result<Typed> build_sha2(const CallContext&, const Arguments& arguments) {
  const auto& bits = arguments[1].literal;
  if (!bits || (bits->text != "256" && bits->text != "0")) {
    return Error{Code::Unsupported, "sha2() is supported with 256 bits"};
  }
  return text_of("sha256(" + arguments[0].sql + ")");
}

constexpr std::string_view kLocate =
    "CAST(CASE WHEN {2} <= 0 THEN 0 WHEN {0} = '' THEN 1 WHEN {2} > length({1}) + 1 THEN 0 WHEN "
    "instr(substr({1}, {2}), {0}) = 0 THEN 0 ELSE instr(substr({1}, {2}), {0}) + {2} - 1 "
    "END AS INTEGER)";

constexpr ScalarFunction kText[] = {
    {"upper", "s", "s", "upper({0})"},
    {"ucase", "s", "s", "upper({0})"},
    {"lower", "s", "s", "lower({0})"},
    {"lcase", "s", "s", "lower({0})"},
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
    {"split", "ss", "x", "", build_split},
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
    {"ascii", "s", "i", "CASE WHEN {0} = '' THEN 0 ELSE ascii({0}) END"},
    {"regexp_extract", "ss", "s", "", build_regexp_extract},
    {"regexp_extract", "ssi", "s", "", build_regexp_extract},
    {"regexp_replace", "sss", "s", "", build_regexp_replace},
    {"regexp_like", "ss", "b", "", build_regexp_like},
    {"regexp", "ss", "b", "", build_regexp_like},
    {"rlike", "ss", "b", "", build_regexp_like},
    {"md5", "s", "s", "md5({0})"},
    {"sha1", "s", "s", "sha1({0})"},
    {"sha2", "si", "s", "", build_sha2},
};

}  // namespace

std::span<const ScalarFunction> text_functions() { return kText; }

}  // namespace ticklake::sql
