// Regular expressions: Java's patterns as RE2 knows them.
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
  auto replaced = [&](const std::string& text) {
    return "regexp_replace(" + text + ", " + quoted_text(pattern) + ", " +
           quoted_text(replacement) + ", 'g')";
  };
  if (arguments.size() == 3) return text_of(replaced(arguments[0].sql));
  if (!arguments[3].literal || arguments[3].literal->value < 1) {
    return Error{Code::Unsupported,
                 "the position of regexp_replace() must be a literal greater than 0"};
  }
  std::string first = std::to_string(arguments[3].literal->value);
  return text_of(filled(
      "CASE WHEN {1} > 1 AND length({0}) < {1} THEN {0} ELSE substr({0}, 1, {1} "
      "- 1) || {2} END",
      {arguments[0].sql, first, replaced("substr(" + arguments[0].sql + ", " + first + ")")}));
}

Result<Typed> build_regexp_like(const CallContext& context, const Arguments& arguments) {
  std::string java = TRY(literal_text(context, arguments[1], "pattern"));
  std::string pattern = TRY(re2_pattern(java));
  Typed out;
  out.type = Kind::Boolean;
  out.sql = "regexp_matches(" + arguments[0].sql + ", " + quoted_text(pattern) + ")";
  return out;
}

// Whether the pattern is plainly one that matches no empty text.
bool matches_something(const std::string& pattern) {
  if (pattern.find_first_of("*?|^$") != std::string::npos) return false;
  return pattern.find("{0") == std::string::npos && pattern.find("\\b") == std::string::npos &&
         pattern.find("\\B") == std::string::npos && !pattern.empty();
}

// The first n - 1 parts, and all that is behind them. p_ the parts; `between`: the length of the
// first n - 1 separators.
std::string limited(const std::string& text, const std::string& parts, const std::string& between,
                    int64_t n) {
  std::string count = std::to_string(n);
  std::string rest = filled(
      "substr({0}, CAST(COALESCE(list_sum(list_transform(p_[1:{1} - 1], lambda x_: length(x_))), "
      "0) "
      "+ {2} AS BIGINT) + 1)",
      {text, count, between});
  return bound(parts, "p_",
               filled("CASE WHEN len(p_) <= {0} THEN p_ WHEN p_ IS NOT NULL THEN "
                      "list_append(p_[1:{0} - 1], {1}) END",
                      {count, rest}));
}

Result<Typed> build_split(const CallContext& context, const Arguments& arguments) {
  std::string java = TRY(literal_text(context, arguments[1], "separator"));
  int64_t limit = -1;
  if (arguments.size() == 3) {
    if (!arguments[2].literal)
      return Error{Code::Unsupported, "the limit of split() must be a literal"};
    limit = arguments[2].literal->value;
  }
  Typed out = {.type = Type::array(Kind::String, false)};
  const std::string& text = arguments[0].sql;
  auto plain = plain_pattern(java);
  if (java.empty()) {
    if (limit > 0) return Error{Code::Unsupported, "split() by '' takes no limit"};
    out.sql = "CASE WHEN " + text + " = '' THEN [''] ELSE string_split(" + text + ", '') END";
    return out;
  }
  std::string between;
  if (plain) {
    out.sql = "string_split(" + text + ", " + quoted_text(*plain) + ")";
    between = std::to_string(limit - 1) + " * length(" + quoted_text(*plain) + ")";
  } else {
    std::string pattern = TRY(re2_pattern(java));
    if (!matches_something(pattern)) {
      return Error{Code::Unsupported,
                   "split() takes no separator with * ? | ^ $ or \\b, which may match an empty "
                   "text; write it with + or a class"};
    }
    out.sql = "string_split_regex(" + text + ", " + quoted_text(pattern) + ")";
    between = filled(
        "list_sum(list_transform(regexp_extract_all({0}, {1}, 0)[1:{2}], lambda x_: "
        "length(x_)))",
        {text, quoted_text(pattern), std::to_string(limit - 1)});
    between = "COALESCE(" + between + ", 0)";
  }
  if (limit > 0) out.sql = limited(text, out.sql, between, limit);
  return out;
}

Result<Typed> build_extract_all(const CallContext& context, const Arguments& arguments) {
  std::string java = TRY(literal_text(context, arguments[1], "pattern"));
  std::string pattern = TRY(re2_pattern(java));
  int group = 1;
  if (arguments.size() == 3) {
    if (!arguments[2].literal)
      return Error{Code::Unsupported, "the group of regexp_extract_all() must be a literal"};
    group = std::atoi(arguments[2].literal->text.c_str());
  }
  int groups = group_count(pattern);
  if (group < 0 || group > groups) {
    return Error{Code::Invalid, "regexp_extract_all() asks for group " + std::to_string(group) +
                                    " but the pattern has " + std::to_string(groups) +
                                    "; group 0 is the whole match"};
  }
  Typed out = {.type = Type::array(Kind::String)};
  out.sql = "list_transform(regexp_extract_all(" + arguments[0].sql + ", " + quoted_text(pattern) +
            ", " + std::to_string(group) + "), lambda g_: COALESCE(g_, ''))";
  return out;
}

// {0} the text, {1} the pattern.
template <auto& text, Kind kind>
Result<Typed> build_by_pattern(const CallContext& context, const Arguments& arguments) {
  std::string java = TRY(literal_text(context, arguments[1], "pattern"));
  std::string pattern = TRY(re2_pattern(java));
  return Typed{.sql = cast_text(filled(text, {arguments[0].sql, quoted_text(pattern),
                                              quoted_text("(?s:\\A(.*?))(?:" + pattern + ")")}),
                                kind),
               .type = kind};
}

constexpr char kCount[] = "len(regexp_extract_all({0}, {1}, 0))";
constexpr char kSubstring[] = "nullif(regexp_extract({0}, {1}, 0), '')";
constexpr char kPlace[] =
    "CASE WHEN regexp_matches({0}, {1}) THEN length(regexp_extract({0}, {2}, 1)) + 1 WHEN {0} IS "
    "NOT NULL THEN 0 END";

constexpr ScalarFunction kPatterns[] = {
    {"split", "ss", "x", "", build_split},
    {"split", "ssi", "x", "", build_split},
    {"regexp_extract", "ss", "s", "", build_regexp_extract},
    {"regexp_extract", "ssi", "s", "", build_regexp_extract},
    {"regexp_extract_all", "ss", "x", "", build_extract_all},
    {"regexp_extract_all", "ssi", "x", "", build_extract_all},
    {"regexp_count", "ss", "i", "", build_by_pattern<kCount, Kind::Integer>},
    {"regexp_instr", "ss", "i", "", build_by_pattern<kPlace, Kind::Integer>},
    {"regexp_substr", "ss", "s", "", build_by_pattern<kSubstring, Kind::String>},
    {"regexp_replace", "sss", "s", "", build_regexp_replace},
    {"regexp_replace", "sssi", "s", "", build_regexp_replace},
    {"regexp_like", "ss", "b", "", build_regexp_like},
    {"regexp", "ss", "b", "", build_regexp_like},
    {"rlike", "ss", "b", "", build_regexp_like},
    {"like", "ss", "b", "{0} LIKE {1} ESCAPE '\\'"},
    {"ilike", "ss", "b", "{0} ILIKE {1} ESCAPE '\\'"},
};

}  // namespace

std::span<const ScalarFunction> pattern_functions() { return kPatterns; }

}  // namespace ticklake::sql
