#include "query/errors.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace ticklake::query {
namespace {

constexpr char kMark = '\x01';

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// "Conversion Error: what\n\nLINE 1: select .." -> "what"
std::string_view cleaned(std::string_view message) {
  for (std::string_view end :
       {"\n\nLINE ", "\nLINE ", "\n\nStack Trace", "\n\nCandidate functions"}) {
    message = message.substr(0, message.find(end));
  }
  auto colon = message.find(" Error: ");
  if (colon < 40) message.remove_prefix(colon + 8);
  while (!message.empty() && (message.back() == '!' || message.back() == '\n'))
    message.remove_suffix(1);
  return trimmed(message);
}

// With the error class of Spark that fits, where one does, and the function that does not raise it.
std::string in_spark_words(std::string_view message, std::string_view text) {
  struct Known {
    std::string_view part;
    std::string_view name;
    std::string_view instead;  // what gives NULL
  };
  constexpr std::string_view kSum = "a wider type, or try_add, try_subtract or try_multiply";
  static constexpr std::array<Known, 13> kKnown = {{
      {"ivision by zero", "DIVIDE_BY_ZERO", "try_divide"},
      {"ivide by zero", "DIVIDE_BY_ZERO", "try_divide"},
      {"Could not convert string", "CAST_INVALID_INPUT", "try_cast"},
      {"invalid timestamp field", "CAST_INVALID_INPUT", "try_cast"},
      {"invalid date field", "CAST_INVALID_INPUT", "try_cast"},
      {"Type INT128 with value", "ARITHMETIC_OVERFLOW", kSum},  // only sums are that wide
      {"out of range for the destination type", "CAST_OVERFLOW", "try_cast"},
      {"Could not cast value", "NUMERIC_VALUE_OUT_OF_RANGE", "try_cast"},
      {"verflow", "ARITHMETIC_OVERFLOW", kSum},
      {"out of range", "ARITHMETIC_OVERFLOW", kSum},
      {"Map keys must be unique", "DUPLICATED_MAP_KEY", ""},
      {"Map keys can not be NULL", "NULL_MAP_KEY", ""},
      {"More than one row returned by a subquery", "SCALAR_SUBQUERY_TOO_MANY_ROWS", ""},
  }};
  for (const auto& known : kKnown) {
    if (!has(message, known.part)) continue;
    return known.instead.empty()
               ? fmt::format("[{}] {}", known.name, text)
               : fmt::format("[{}] {}; use {} to get NULL instead", known.name, text,
                             known.instead);
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
