#include "sql/printer.h"

#include "base/text.h"
#include "base/time.h"
#include "sql/interval.h"

namespace ticklake::sql {
namespace {

std::string doubled(std::string_view text, char quote) {
  std::string out(1, quote);
  for (char c : text) {
    out += c;
    if (c == quote) out += c;
  }
  out += quote;
  return out;
}

std::string hex_blob(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out = "'";
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out + "'::BLOB";
}

std::string struct_type(const Type& type) {
  std::vector<std::string> fields;
  for (const Field& field : *type.children) {
    fields.push_back(quoted_name(field.name) + " " + duckdb_type(field.type));
  }
  return "STRUCT(" + listed(fields) + ")";
}

}  // namespace

std::string quoted_name(std::string_view name) { return doubled(name, '"'); }

std::string quoted_text(std::string_view text) {
  size_t zero = text.find('\0');
  if (zero == std::string_view::npos) return doubled(text, '\'');
  return "(" + doubled(text.substr(0, zero), '\'') + " || chr(0) || " +
         quoted_text(text.substr(zero + 1)) + ")";
}

std::string duckdb_type(const Type& type) {
  switch (type.kind) {
    case Kind::Null: return "INTEGER";
    case Kind::Boolean: return "BOOLEAN";
    case Kind::Byte: return "TINYINT";
    case Kind::Short: return "SMALLINT";
    case Kind::Integer: return "INTEGER";
    case Kind::Long: return "BIGINT";
    case Kind::Float: return "FLOAT";
    case Kind::Double: return "DOUBLE";
    case Kind::Decimal:
      return "DECIMAL(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    case Kind::String: return "VARCHAR";
    case Kind::Binary: return "BLOB";
    case Kind::Date: return "DATE";
    case Kind::Timestamp:
    case Kind::TimestampNtz: return "TIMESTAMP";
    case Kind::Interval: return is_months(type) ? "INTEGER" : "BIGINT";
    case Kind::Struct: return struct_type(type);
    case Kind::Array: return duckdb_type(type.children->front().type) + "[]";
    case Kind::Map:
      return "MAP(" + duckdb_type(type.children->front().type) + ", " +
             duckdb_type(type.children->back().type) + ")";
  }
  return "INTEGER";
}

std::string duckdb_literal(const Literal& literal) {
  switch (literal.type.kind) {
    case Kind::Null: return typed_null(literal.type);
    case Kind::Boolean: return literal.value != 0 ? "TRUE" : "FALSE";
    case Kind::String: return quoted_text(literal.text);
    case Kind::Binary: return hex_blob(literal.text);
    case Kind::Date:
      return "CAST(make_timestamp(" + std::to_string(literal.value * kMicrosPerDay) + ") AS DATE)";
    case Kind::Timestamp:
    case Kind::TimestampNtz: return "make_timestamp(" + std::to_string(literal.value) + ")";
    default: return cast_text(quoted_text(literal.text), literal.type);
  }
}

std::string typed_null(const Type& type) { return cast_text("NULL", type); }

std::string cast_text(std::string_view sql, const Type& type) {
  return "CAST(" + std::string(sql) + " AS " + duckdb_type(type) + ")";
}

std::string filled(std::string_view pattern, std::span<const std::string> parts) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    bool place = pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 2] == '}' &&
                 pattern[i + 1] >= '0' && pattern[i + 1] <= '9';
    if (!place) {
      out += pattern[i];
      continue;
    }
    auto index = static_cast<size_t>(pattern[i + 1] - '0');
    CHECK(index < parts.size(), "a pattern names a part that is not there");
    out += parts[index];
    i += 2;
  }
  return out;
}

std::string filled(std::string_view pattern, std::initializer_list<std::string> parts) {
  return filled(pattern, std::span<const std::string>(parts.begin(), parts.size()));
}

std::string raising(const Type& type, std::string_view message) {
  // Not a CASE whose results are NULL: DuckDB knows such a one to be NULL and may leave it out. A
  // cast between different types can fail, and so is kept where it stands.
  std::string raised = "ticklake_raise(" + std::string(message) + ")";
  if (type.kind == Kind::String) raised = "CAST(" + raised + " AS BLOB)";
  return cast_text(raised, type);
}

std::string listed(std::span<const std::string> parts, std::string_view separator) {
  return joined(parts, separator);
}

}  // namespace ticklake::sql
