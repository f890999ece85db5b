#include "query/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ticklake::query {
namespace {

constexpr char kMark = '\x01';

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// "Conversion Error: what\n\nLINE 1: select .." -> "what"
std::string_view cleaned(std::string_view message) {
  for (std::string_view end :
       {"\n\nLINE ", "\nLINE ", "\n\nStack Trace", "\n\nCandidate ", "\n\nUse \"SET "}) {
    message = message.substr(0, message.find(end));
  }
  auto colon = message.find(" Error: ");
  if (colon < 40) message.remove_prefix(colon + 8);
  while (!message.empty() && (message.back() == '!' || message.back() == '\n'))
    message.remove_suffix(1);
  return trimmed(message);
}

// What RE2 says of a regular expression.
bool is_of_pattern(std::string_view text) {
  static constexpr auto kBegins = std::to_array<std::string_view>(
      {"missing ): ", "missing ]: ", "unexpected ): ", "trailing \\",
       "no argument for repetition operator: ", "bad repetition operator: ",
       "invalid repetition size: ", "invalid character class", "invalid escape sequence: ",
       "invalid perl operator: ", "invalid named capture group: "});
  return std::ranges::any_of(kBegins, [&](auto begin) { return text.starts_with(begin); });
}

// "the destination type INT8" -> "the destination type TINYINT"
std::string with_sql_types(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"INT8", "TINYINT"}, {"INT16", "SMALLINT"}, {"INT32", "INT"},
      {"INT64", "BIGINT"}, {"INT128", "DECIMAL"}, {"VARCHAR", "STRING"}};
  for (std::string_view before : {"ype ", " of "}) {
    for (size_t at = text.find(before); at != text.npos; at = text.find(before, at)) {
      at += before.size();
      auto end = std::min(text.find_first_of(" ;", at), text.size());
      for (auto [theirs, ours] : kTypes) {
        if (std::string_view(text).substr(at, end - at) != theirs) continue;
        text.replace(at, end - at, ours);
        break;
      }
    }
  }
  return text;
}

// With the error class of Spark that fits, where one does, and the function that does not raise it.
std::string in_spark_words(std::string_view message, std::string_view text) {
  struct Known {
    std::string_view part;
    std::string_view name;
    std::string_view instead;  // what gives NULL
  };
  constexpr std::string_view kSum = "a wider type, or try_add, try_subtract or try_multiply";
  static constexpr auto kKnown = std::to_array<Known>({
      {"ivision by zero", "DIVIDE_BY_ZERO", "try_divide"},
      {"ivide by zero", "DIVIDE_BY_ZERO", "try_divide"},
      {"Could not convert string", "CAST_INVALID_INPUT", "try_cast"},
      {"invalid timestamp field", "CAST_INVALID_INPUT", "try_cast"},
      {"invalid date field", "CAST_INVALID_INPUT", "try_cast"},
      {"Type INT128 with value", "ARITHMETIC_OVERFLOW", kSum},  // only sums are that wide
      {"out of range for the destination type", "CAST_OVERFLOW", "try_cast"},
      {"Could not cast value", "NUMERIC_VALUE_OUT_OF_RANGE", "try_cast"},
      {"verflow", "ARITHMETIC_OVERFLOW", kSum},
      {"Date out of range", "DATETIME_FIELD_OUT_OF_BOUNDS", ""},
      {"out of range", "ARITHMETIC_OVERFLOW", kSum},
      {"Unknown TimeZone", "INVALID_TIMEZONE", ""},
      {"Map keys must be unique", "DUPLICATED_MAP_KEY", ""},
      {"Map keys can not be NULL", "NULL_MAP_KEY", ""},
      {"More than one row returned by a subquery", "SCALAR_SUBQUERY_TOO_MANY_ROWS", ""},
  });
  for (const auto& known : kKnown) {
    if (!has(message, known.part)) continue;
    std::string said = with_sql_types(std::string(text));
    return known.instead.empty()
               ? fmt::format("[{}] {}", known.name, said)
               : fmt::format("[{}] {}; use {} to get NULL instead", known.name, said,
                             known.instead);
  }
  if (is_of_pattern(text)) {
    constexpr std::string_view kName = "INVALID_PARAMETER_VALUE.PATTERN";
    return fmt::format("[{}] the regular expression is not valid: {}", kName, text);
  }
  return std::string(text);
}

}  // namespace

std::string marked(std::string_view message) {
  return fmt::format("{}{}{}", kMark, message, kMark);
}

Error error_from(duckdb_error_type type, std::string_view message) {
  auto begin = message.find(kMark);
  auto end = message.rfind(kMark);
  if (begin != end) return {Code::Invalid, std::string(message.substr(begin + 1, end - begin - 1))};
  auto text = cleaned(message);
  bool memory = type == DUCKDB_ERROR_OUT_OF_MEMORY || message.starts_with("Out of Memory Error");
  if (memory) return {Code::Unavailable, fmt::format("out of memory in a query: {}", text)};
  if (type == DUCKDB_ERROR_IO || message.starts_with("IO Error")) {
    return {Code::Unavailable, fmt::format("a query failed on its files: {}", text)};
  }
  if (type == DUCKDB_ERROR_INTERNAL || type == DUCKDB_ERROR_FATAL) {
    return {Code::Unsupported, fmt::format("the query engine failed: {}", text)};
  }
  return {Code::Invalid, in_spark_words(message, text)};
}

Result<void> run_sql(duckdb_connection connection, const char* sql) {
  ResultHandle result;
  if (duckdb_query(connection, sql, result.get()) == DuckDBSuccess) return {};
  return error_from(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()));
}

}  // namespace ticklake::query
