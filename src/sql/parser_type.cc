// Types as Spark writes them: DECIMAL(18, 4), ARRAY<STRUCT<a: INT>>.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "sql/interval.h"
#include "sql/parser.h"

namespace ticklake::sql {

namespace {

struct SimpleType {
  std::string_view word;
  Kind kind;
};

constexpr std::array<SimpleType, 18> kSimpleTypes = {{
    {"BOOLEAN", Kind::Boolean},   {"TINYINT", Kind::Byte},
    {"BYTE", Kind::Byte},         {"SMALLINT", Kind::Short},
    {"SHORT", Kind::Short},       {"INT", Kind::Integer},
    {"INTEGER", Kind::Integer},   {"BIGINT", Kind::Long},
    {"LONG", Kind::Long},         {"FLOAT", Kind::Float},
    {"REAL", Kind::Float},        {"DOUBLE", Kind::Double},
    {"STRING", Kind::String},     {"BINARY", Kind::Binary},
    {"DATE", Kind::Date},         {"TIMESTAMP", Kind::Timestamp},
    {"TIMESTAMP_LTZ", Kind::Timestamp}, {"TIMESTAMP_NTZ", Kind::TimestampNtz},
}};

struct MissingType {
  std::string_view word;
  std::string_view advice;
};

constexpr std::array<MissingType, 12> kMissingTypes = {{
    {"VARCHAR", "write STRING"},
    {"CHAR", "write STRING"},
    {"CHARACTER", "write STRING"},
    {"TEXT", "write STRING"},
    {"VARIANT", "keep the JSON text as STRING and read it with from_json"},
    {"VOID", "write the type that the column is to have"},
    {"TIME", "write STRING or TIMESTAMP"},
    {"DATETIME", "write TIMESTAMP, or TIMESTAMP_NTZ for wall-clock time"},
    {"TIMESTAMPTZ", "write TIMESTAMP, which is an instant"},
    {"NUMBER", "write DECIMAL(18, 4), BIGINT or DOUBLE"},
    {"BOOL", "write BOOLEAN"},
    {"BYTEA", "write BINARY"},
}};

}  // namespace

Result<Type> Parser::type() {
  Nesting nesting(*this);
  if (nesting.too_deep()) return too_deep();
  const Token& token = peek();
  if (at_any({"DECIMAL", "DEC", "NUMERIC"})) return decimal_type();
  if (at_any({"ARRAY", "MAP", "STRUCT"})) return nested_type(take().upper);
  if (at("INTERVAL")) return interval_type();
  for (const SimpleType& simple : kSimpleTypes) {
    if (token.upper != simple.word) continue;
    take();
    if (at("(")) {
      return refuse(peek().position, fmt::format("'(' after {}", simple.word),
                    fmt::format("{} has no length", simple.word));
    }
    if (at("COLLATE")) {
      return unsupported(peek().position, "COLLATE", "compare lower(..) or upper(..) of the text");
    }
    return Type(simple.kind);
  }
  for (const MissingType& missing : kMissingTypes) {
    if (token.upper == missing.word) {
      return unsupported(token.position, fmt::format("the type {}", missing.word), missing.advice);
    }
  }
  return unexpected("a type", {"BOOLEAN", "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT",
                               "FLOAT", "DOUBLE", "DECIMAL", "STRING", "BINARY", "DATE",
                               "TIMESTAMP", "TIMESTAMP_NTZ", "ARRAY", "MAP", "STRUCT", "LONG"});
}

Result<int> Parser::small_number(std::string_view what) {
  const Token& token = peek();
  bool digits = token.kind == Token::Kind::Number && token.text.size() <= 2 &&
                token.text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) return unexpected(what);
  int value = 0;
  for (char c : take().text) value = value * 10 + (c - '0');
  return value;
}

Result<Type> Parser::decimal_type() {
  Position position = take().position;
  if (!accept("(")) return Type::decimal(10, 0);
  int precision = TRY(small_number("a number of digits from 1 to 38"));
  int scale = 0;
  if (accept(",")) scale = TRY(small_number("a number of digits after the point"));
  TRY(expect(")", "behind DECIMAL(.."));
  if (precision < 1 || precision > 38 || scale > precision) {
    return refuse(position, fmt::format("DECIMAL({},{})", precision, scale),
                  "the first number is 1 to 38, the second at most the first");
  }
  return Type::decimal(precision, scale);
}

Result<Type> Parser::interval_type() {
  take();
  std::string from = peek().upper;
  std::optional<IntervalUnit> first = interval_unit(from);
  if (!first || from.ends_with('S')) {
    return unexpected("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND after INTERVAL",
                      {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"});
  }
  take();
  std::optional<IntervalUnit> last = first;
  if (accept("TO")) {
    last = interval_unit(peek().upper);
    bool same_kind = last && (*first <= IntervalUnit::Month) == (*last <= IntervalUnit::Month);
    if (!same_kind || *last <= *first) {
      return unexpected("YEAR TO MONTH, or DAY, HOUR or MINUTE TO a shorter one");
    }
    take();
  }
  return sql::interval_type(*first, *last);
}

Result<void> Parser::closing_angle() { return expect(">", "to close the type"); }

Result<Type> Parser::nested_type(std::string_view word) {
  if (word == "STRUCT" && accept("<>")) return Type::structure({});
  TRY(expect("<", fmt::format("after {}", word)));
  if (word == "ARRAY") {
    Type element = TRY(type());
    TRY(closing_angle());
    return Type::array(std::move(element));
  }
  if (word == "MAP") {
    Type key = TRY(type());
    TRY(expect(",", "between the types of key and value"));
    Type value_type = TRY(type());
    TRY(closing_angle());
    return Type::map(std::move(key), std::move(value_type));
  }
  std::vector<Field> fields;
  if (at(">")) {
    take();
    return Type::structure({});
  }
  do {
    Field field;
    field.name = TRY(name("the name of a field"));
    accept(":");
    field.type = TRY(type());
    if (accept("NOT")) {
      TRY(expect("NULL", "after NOT"));
      field.nullable = false;
    }
    if (accept("COMMENT")) field.comment = TRY(string("the comment"));
    fields.push_back(std::move(field));
  } while (accept(","));
  TRY(closing_angle());
  return Type::structure(std::move(fields));
}

}  // namespace ticklake::sql
