// Types of expressions in Spark's ANSI mode: common types, casts, decimal arithmetic.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/type.h"
#include "sql/printer.h"

namespace ticklake::sql {

// Where a value comes from unchanged: a column of plan input `input`.
struct Origin {
  size_t input = 0;
  std::string column;
  bool padded = false;  // an outer join may have put NULL in its place
};

// An analyzed expression: DuckDB text whose DuckDB type is duckdb_type(type).
struct Typed {
  std::string sql;
  Type type;
  bool may_fail = false;  // raises for some input
  std::optional<Literal> literal = {};
  std::optional<Origin> origin = {};
  std::optional<int64_t> delay_us = {};  // a watermarked column: its delay
  // a struct that is never NULL: its fields
  std::shared_ptr<const std::vector<Typed>> parts = nullptr;
};

std::string lower_sql(const Type& type);  // "bigint", as in Spark's messages: "BIGINT" in quotes

// The type that all values are widened to in CASE, coalesce, comparisons, UNION; nothing where
// there is none.
std::optional<Type> common_type(const Type& a, const Type& b);
std::optional<Type> common_type(std::span<const Typed> values);

// CAST(value AS type), or TRY_CAST. Invalid: Spark has no such cast; Unsupported: we have not.
Result<Typed> cast(const Typed& value, const Type& type, bool is_try = false);

// Whether INSERT stores values of one type as another, Spark's ANSI store assignment; by cast().
bool may_store(const Type& from, const Type& to);

// An implicit cast to a parameter's type, or Invalid ("expects STRING but got ..").
Result<Typed> coerce(const Typed& value, const Type& type);
bool may_coerce(const Type& from, const Type& to);

// Spark's text of a double or float value.
std::string double_text(std::string_view sql);

// The result of an arithmetic operator over decimals
// (spark.sql.decimalOperations.allowPrecisionLoss).
enum class Arithmetic : uint8_t { Add, Subtract, Multiply, Divide, Modulo, IntegerDivide };
Type decimal_result(Arithmetic op, const Type& a, const Type& b);
Type as_decimal(
    const Typed& value);  // the decimal that holds an integral value; a literal's own digits

// left op right. is_try: NULL instead of an error.
Result<Typed> arithmetic(Arithmetic op, const Typed& left, const Typed& right, bool is_try = false);

// A value whose order under DuckDB is Spark's: structs compare field by field with NULL first.
Result<Typed> order_key(const Typed& value);

}  // namespace ticklake::sql
