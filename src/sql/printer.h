// DuckDB's spelling of names, literals and types. All inner values have exactly the DuckDB type
// that duckdb_type() gives for their Spark type: both timestamps are TIMESTAMP, an interval is
// BIGINT micros or INTEGER months.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/type.h"
#include "sql/expression.h"

namespace ticklake::sql {

std::string quoted_name(std::string_view name);  // "a""b"
std::string quoted_text(std::string_view text);  // 'it''s'
std::string duckdb_type(const Type& type);       // STRUCT("a" INTEGER), DECIMAL(10,2)
std::string duckdb_literal(const Literal& literal);
std::string typed_null(const Type& type);                       // CAST(NULL AS type)
std::string cast_text(std::string_view sql, const Type& type);  // CAST(sql AS type)

// The text with {0}, {1}, .. replaced by the parts.
std::string filled(std::string_view pattern, std::span<const std::string> parts);
std::string filled(std::string_view pattern, std::initializer_list<std::string> parts);

// A value of the type that raises `message` (a DuckDB expression of type VARCHAR) when it is
// evaluated.
std::string raising(const Type& type, std::string_view message);

// "a, b, c"
std::string listed(std::span<const std::string> parts, std::string_view separator = ", ");

}  // namespace ticklake::sql
