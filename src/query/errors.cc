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

// The error class of Spark that fits, or "".
std::string_view spark_class(std::string_view message) {
  struct Known {
    std::string_view part;
    std::string_view name;
  };
  static constexpr std::array<Known, 11> kKnown = {{
      {"ivision by zero", "DIVIDE_BY_ZERO"},
      {"ivide by zero", "DIVIDE_BY_ZERO"},
      {"Could not convert string", "CAST_INVALID_INPUT"},
      {"invalid timestamp field", "CAST_INVALID_INPUT"},
      {"invalid date field", "CAST_INVALID_INPUT"},
      {"Type INT128 with value", "ARITHMETIC_OVERFLOW"},  // only sums are that wide
      {"out of range for the destination type", "CAST_OVERFLOW"},
      {"Could not cast value", "NUMERIC_VALUE_OUT_OF_RANGE"},
      {"verflow", "ARITHMETIC_OVERFLOW"},
      {"out of range", "ARITHMETIC_OVERFLOW"},
      {"More than one row returned by a subquery", "SCALAR_SUBQUERY_TOO_MANY_ROWS"},
  }};
  for (const auto& known : kKnown) {
    if (has(message, known.part)) return known.name;
  }
  return "";
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
  auto name = spark_class(message);
  return {Code::Invalid, name.empty() ? std::string(text) : fmt::format("[{}] {}", name, text)};
}

Result<void> run_sql(duckdb_connection connection, const char* sql) {
  ResultHandle result;
  if (duckdb_query(connection, sql, result.get()) == DuckDBSuccess) return {};
  return error_from(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()));
}

}  // namespace ticklake::query
