// The types of Spark SQL, and one type seen three ways: Spark's text, Delta's JSON, Arrow's memory.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ticklake {

enum class Kind : uint8_t {
  Null,
  Boolean,
  Byte,
  Short,
  Integer,
  Long,
  Float,
  Double,
  Decimal,
  String,
  Binary,
  Date,
  Timestamp,     // an instant; micros since 1970 UTC
  TimestampNtz,  // a wall-clock time; micros since 1970-01-01T00:00:00 on that clock
  Interval,      // day-time interval in micros; lives in expressions, never in a table
  Struct,
  Array,
  Map,
};

struct Field;

// A value; copying shares the nested fields, which never change.
struct Type {
  Kind kind = Kind::Null;
  uint8_t precision = 0;  // Decimal: 1..38
  uint8_t scale = 0;      // Decimal: 0..precision
  // Struct: its fields. Array: one field "element". Map: two fields, "key" and "value".
  std::shared_ptr<const std::vector<Field>> children;

  Type() = default;
  Type(Kind simple) : kind(simple) {}
  static Type decimal(int precision, int scale);
  static Type structure(std::vector<Field> fields);
  static Type array(Type element, bool contains_null = true);
  static Type map(Type key, Type value, bool value_contains_null = true);

  bool is_integral() const { return kind >= Kind::Byte && kind <= Kind::Long; }
  bool is_numeric() const { return kind >= Kind::Byte && kind <= Kind::Decimal; }
  bool is_nested() const { return kind >= Kind::Struct; }
  bool operator==(const Type& other) const;  // with names and nullability of nested fields
};

struct Field {
  std::string name;
  Type type;
  bool nullable = true;
  std::string comment = {};
  std::string metadata = {};  // other field metadata of Delta as a JSON object, or ""

  bool operator==(const Field& other) const = default;
};

struct Schema {
  std::vector<Field> fields;

  // Index of the column, compared as Spark does (ignoring ASCII case), or -1.
  int find(std::string_view name) const;
  bool operator==(const Schema& other) const = default;
};

// "BIGINT", "DECIMAL(18,4)", "STRUCT<a: INT, b: STRING>": Spark's SQL form, which parse_type reads.
std::string to_sql(const Type& type);
std::string to_ddl(const Schema& schema);  // "a INT, b STRING NOT NULL"

// Reads a type, or a column list such as from_json's second argument ("a INT, b STRUCT<c: STRING>",
// "a: INT" too). Invalid: says what was found at which character.
Result<Type> parse_type(std::string_view text);
Result<Schema> parse_ddl(std::string_view text);

// Delta's schemaString (PROTOCOL.md, "Schema Serialization Format").
std::string to_delta_json(const Schema& schema);
Result<Schema> schema_from_delta_json(std::string_view json);

// Arrow: String is utf8, Binary binary, Date date32, Timestamp timestamp[us, UTC], TimestampNtz
// timestamp[us], Decimal decimal128, Interval duration[us]. Types that Spark lacks (uint8,
// timestamp[ns], large_utf8) come back as the nearest type that holds all their values, or
// Unsupported.
std::shared_ptr<arrow::DataType> to_arrow(const Type& type);
std::shared_ptr<arrow::Schema> to_arrow(const Schema& schema);
Result<Type> type_from_arrow(const arrow::DataType& type);
Result<Schema> schema_from_arrow(const arrow::Schema& schema);

}  // namespace ticklake
