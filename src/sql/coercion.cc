#include "sql/coercion.h"

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "sql/interval.h"

namespace ticklake::sql {
namespace {

constexpr int kPrecisionMax = 38;

int integral_digits(Kind kind) {
  switch (kind) {
    case Kind::Byte: return 3;
    case Kind::Short: return 5;
    case Kind::Integer: return 10;
    default: return 20;
  }
}

bool is_time(Kind kind) {
  return kind == Kind::Date || kind == Kind::Timestamp || kind == Kind::TimestampNtz;
}

bool is_floating(Kind kind) { return kind == Kind::Float || kind == Kind::Double; }

// Precision over 38 is cut, digits before the point first kept.
Type bounded(int precision, int scale) {
  return Type::decimal(std::min(precision, kPrecisionMax), std::min(scale, kPrecisionMax));
}

std::optional<Type> common_decimal(const Type& a, const Type& b) {
  int scale = std::max(a.scale, b.scale);
  int whole = std::max(a.precision - a.scale, b.precision - b.scale);
  return bounded(whole + scale, scale);
}

std::optional<Type> common_numeric(const Type& a, const Type& b) {
  if (a.kind == Kind::Decimal || b.kind == Kind::Decimal) {
    if (is_floating(a.kind) || is_floating(b.kind)) return Type(Kind::Double);
    Type left = a.kind == Kind::Decimal ? a : Type::decimal(integral_digits(a.kind), 0);
    Type right = b.kind == Kind::Decimal ? b : Type::decimal(integral_digits(b.kind), 0);
    return common_decimal(left, right);
  }
  if (is_floating(a.kind) != is_floating(b.kind)) return Type(Kind::Double);
  return Type(std::max(a.kind, b.kind));
}

std::optional<Type> common_with_string(const Type& other) {
  if (other.is_integral()) return Type(Kind::Long);
  if (other.is_numeric()) return Type(Kind::Double);
  if (other.is_nested() || other.kind == Kind::Interval) return std::nullopt;
  return other;
}

std::optional<Type> common_nested(const Type& a, const Type& b) {
  if (a.kind != b.kind || a.children->size() != b.children->size()) return std::nullopt;
  std::vector<Field> fields;
  for (size_t i = 0; i < a.children->size(); ++i) {
    const Field& left = (*a.children)[i];
    const Field& right = (*b.children)[i];
    if (a.kind == Kind::Struct && !equal_ignoring_case(left.name, right.name)) return std::nullopt;
    auto type = common_type(left.type, right.type);
    if (!type) return std::nullopt;
    fields.push_back({left.name, *type, left.nullable || right.nullable});
  }
  if (a.kind == Kind::Struct) return Type::structure(fields);
  if (a.kind == Kind::Array) return Type::array(fields[0].type, fields[0].nullable);
  return Type::map(fields[0].type, fields[1].type, fields[1].nullable);
}

Error no_cast(const Type& from, const Type& to) {
  return Error{Code::Invalid,
               "a value of type " + to_sql(from) + " cannot be cast to " + to_sql(to)};
}

// try_sql, or where that is NULL though the value is not: an error in Spark's words.
std::string checked(const std::string& try_sql, const Typed& value, const Type& type) {
  std::string shown =
      value.type.kind == Kind::String ? value.sql : cast_text(value.sql, Kind::String);
  std::string message =
      quoted_text("[CAST_INVALID_INPUT] The value '") + " || " + shown + " || " +
      quoted_text("' of the type \"" + to_sql(value.type) + "\" cannot be cast to \"" +
                  to_sql(type) + "\"; use try_cast to get NULL instead");
  return "COALESCE(" + try_sql + ", CASE WHEN " + value.sql + " IS NOT NULL THEN " +
         raising(type, message) + " END)";
}

std::string extracted(std::string_view sql, std::string_view pattern) {
  std::string blanks = "[\\x00-\\x20\\x7f]*";
  std::string whole = "\\A" + blanks + "(" + std::string(pattern) + ")" + blanks + "\\z";
  return "regexp_extract(" + std::string(sql) + ", " + quoted_text(whole) + ", 1)";
}

constexpr std::string_view kNumber = "[+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?";

std::string try_from_string(const Typed& value, const Type& type) {
  if (type.is_integral()) {
    return "TRY_CAST(" + extracted(value.sql, "[+-]?[0-9]+") + " AS " + duckdb_type(type) + ")";
  }
  if (type.kind == Kind::Boolean) {
    std::string word = "lower(" + extracted(value.sql, "[A-Za-z01]+") + ")";
    return "CASE WHEN " + word + " IN ('t', 'true', 'y', 'yes', '1') THEN TRUE WHEN " + word +
           " IN ('f', 'false', 'n', 'no', '0') THEN FALSE END";
  }
  if (type.kind == Kind::Decimal) {
    return "TRY_CAST(" + extracted(value.sql, kNumber) + " AS " + duckdb_type(type) + ")";
  }
  std::string words = "[+-]?(?i:inf(?:inity)?)|(?i:nan)";
  std::string pattern = std::string(kNumber) + "[dDfF]?|" + words;
  std::string text =
      "regexp_replace(" + extracted(value.sql, pattern) + ", '([0-9.])[dDfF]$', '\\1')";
  return "TRY_CAST(" + text + " AS " + duckdb_type(type) + ")";
}

std::string from_string(const Typed& value, const Type& type, bool is_try) {
  if (is_time(type.kind)) {
    std::string name = is_try ? "ticklake_try_" : "ticklake_";
    return name + (type.kind == Kind::Date ? "date(" : "timestamp(") + value.sql + ")";
  }
  std::string attempt = try_from_string(value, type);
  return is_try ? attempt : checked(attempt, value, type);
}

std::string floored_seconds(const std::string& sql) {
  return filled("((epoch_us({0}) - ((epoch_us({0}) % 1000000) + 1000000) % 1000000) // 1000000)",
                {sql});
}

// DuckDB leaves the 0 before the point out where the type has no digit for it.
std::string decimal_text(const Typed& value) {
  const Type& type = value.type;
  if (type.precision > type.scale) return cast_text(value.sql, Kind::String);
  if (type.precision < 38) {
    return cast_text(cast_text(value.sql, Type::decimal(type.precision + 1, type.scale)),
                     Kind::String);
  }
  return filled(
      "CASE WHEN {0} < 0 THEN '-0' || substr(CAST({0} AS VARCHAR), 2) ELSE '0' || CAST({0} AS "
      "VARCHAR) END",
      {value.sql});
}

std::optional<std::string> to_string_sql(const Typed& value) {
  switch (value.type.kind) {
    case Kind::Decimal: return decimal_text(value);
    case Kind::Binary: return "ticklake_utf8(" + value.sql + ")";
    case Kind::Float:
    case Kind::Double: return double_text(value.sql);
    case Kind::Struct:
    case Kind::Array:
    case Kind::Map: return std::nullopt;
    default: return cast_text(value.sql, Kind::String);
  }
}

std::string number_from_double(const Typed& value, const Type& type, std::string_view cast_word) {
  std::string open = std::string(cast_word) + "(";
  std::string close = " AS " + duckdb_type(type) + ")";
  if (type.is_integral()) return open + "trunc(" + value.sql + ")" + close;
  if (type.kind == Kind::Decimal) {
    return "CASE WHEN isfinite(" + value.sql + ") THEN " + open + "CAST(" + value.sql +
           " AS VARCHAR)" + close + " END";
  }
  if (type.kind == Kind::Float) {
    return filled(
        "CASE WHEN isfinite({0}) AND abs({0}) >= 3.4028235677973366e38::DOUBLE THEN CAST(CASE WHEN "
        "{0} > 0 "
        "THEN 'inf' ELSE '-inf' END AS FLOAT) ELSE CAST({0} AS FLOAT) END",
        {value.sql});
  }
  return open + value.sql + close;
}

std::optional<std::string> to_number_sql(const Typed& value, const Type& type, bool is_try) {
  std::string word = is_try ? "TRY_CAST" : "CAST";
  std::string close = " AS " + duckdb_type(type) + ")";
  Kind from = value.type.kind;
  if (from == Kind::Boolean) return word + "(CAST(" + value.sql + " AS INTEGER)" + close;
  if (from == Kind::Timestamp) {
    if (type.is_integral()) return word + "(" + floored_seconds(value.sql) + close;
    if (type.kind == Kind::Double) return "(CAST(epoch_us(" + value.sql + ") AS DOUBLE) / 1e6)";
    return std::nullopt;
  }
  if (is_floating(from)) return number_from_double(value, type, word);
  if (from == Kind::Decimal && type.is_integral())
    return word + "(trunc(" + value.sql + ")" + close;
  if (from == Kind::Decimal && is_floating(type.kind) && value.type.precision > 15) {
    return "CAST(CAST(" + value.sql + " AS VARCHAR)" + close;
  }
  if (value.type.is_numeric()) return word + "(" + value.sql + close;
  return std::nullopt;
}

std::optional<std::string> to_time_sql(const Typed& value, const Type& type) {
  Kind from = value.type.kind;
  if (is_time(from)) return cast_text(value.sql, type);
  if (type.kind != Kind::Timestamp) return std::nullopt;
  if (value.type.is_integral())
    return "make_timestamp(CAST(" + value.sql + " AS BIGINT) * 1000000)";
  if (is_floating(from)) {
    return "make_timestamp(CAST(trunc(CAST(" + value.sql + " AS DOUBLE) * 1e6) AS BIGINT))";
  }
  return std::nullopt;
}

std::optional<std::string> simple_cast(const Typed& value, const Type& type, bool is_try) {
  if (value.type.is_nested() || type.is_nested()) return std::nullopt;
  if (type.kind == Kind::String) return to_string_sql(value);
  if (value.type.kind == Kind::String) {
    if (type.kind == Kind::Binary) return "encode(" + value.sql + ")";
    return from_string(value, type, is_try);
  }
  if (type.kind == Kind::Boolean) {
    if (!value.type.is_numeric()) return std::nullopt;
    return "(" + value.sql + " <> 0)";
  }
  if (type.is_numeric()) return to_number_sql(value, type, is_try);
  if (is_time(type.kind)) return to_time_sql(value, type);
  return std::nullopt;
}

Result<std::string> nested_cast(const Typed& value, const Type& type, bool is_try) {
  const auto& from = *value.type.children;
  const auto& to = *type.children;
  if (from.size() != to.size()) return no_cast(value.type, type);
  if (type.kind == Kind::Struct) {
    std::vector<std::string> fields;
    for (size_t i = 0; i < to.size(); ++i) {
      std::string get = "struct_extract(" + value.sql + ", " + quoted_text(from[i].name) + ")";
      Typed field = TRY(cast({.sql = get, .type = from[i].type}, to[i].type, is_try));
      fields.push_back(quoted_name(to[i].name) + " := " + field.sql);
    }
    return "CASE WHEN " + value.sql + " IS NOT NULL THEN struct_pack(" + listed(fields) + ") END";
  }
  if (type.kind == Kind::Array) {
    Typed element = TRY(cast({.sql = "element_", .type = from[0].type}, to[0].type, is_try));
    return "list_transform(" + value.sql + ", lambda element_: " + element.sql + ")";
  }
  // No key may become NULL.
  if (is_try && !(from[0].type == to[0].type)) return no_cast(value.type, type);
  Typed key = TRY(cast({.sql = "element_", .type = from[0].type}, to[0].type));
  Typed held = TRY(cast({.sql = "element_", .type = from[1].type}, to[1].type, is_try));
  return filled(
      "CASE WHEN {0} IS NOT NULL THEN map(list_transform(map_keys({0}), lambda element_: {1}), "
      "list_transform(map_values({0}), lambda element_: {2})) END",
      {value.sql, key.sql, held.sql});
}

bool is_widening(const Type& from, const Type& to) {
  if (from.is_integral() && (to.is_integral() || is_floating(to.kind))) return from.kind <= to.kind;
  if (from.is_integral() && to.kind == Kind::Decimal) {
    return to.precision - to.scale >= integral_digits(from.kind);
  }
  if (from.kind == Kind::Decimal && to.kind == Kind::Decimal) {
    return to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale;
  }
  return to.kind == Kind::Double || to.kind == Kind::String ||
         (is_time(from.kind) && is_time(to.kind));
}

// A text literal as the date or timestamp that it says; nothing where it says none.
std::optional<Literal> time_literal(const Typed& value, const Type& type) {
  if (!value.literal || value.type.kind != Kind::String) return std::nullopt;
  if (type.kind == Kind::Date) {
    auto days = parse_date(value.literal->text);
    if (days) return Literal{type, format_date(*days), *days};
  }
  if (type.kind == Kind::Timestamp || type.kind == Kind::TimestampNtz) {
    auto parsed = parse_timestamp(value.literal->text);
    bool plain = parsed && (type.kind == Kind::Timestamp || !parsed->has_zone);
    if (plain) return Literal{type, value.literal->text, parsed->micros};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Type> common_type(const Type& a, const Type& b) {
  if (a.kind == Kind::Null) return b;
  if (b.kind == Kind::Null) return a;
  if (a.is_numeric() && b.is_numeric()) return a == b ? a : common_numeric(a, b);
  if (a.is_nested() && b.is_nested()) return common_nested(a, b);
  if (a.kind == Kind::Interval && b.kind == Kind::Interval) return common_interval(a, b);
  if (a.kind == b.kind) return a;
  if (a.kind == Kind::String) return common_with_string(b);
  if (b.kind == Kind::String) return common_with_string(a);
  if (is_time(a.kind) && is_time(b.kind)) {
    bool instant = a.kind == Kind::Timestamp || b.kind == Kind::Timestamp;
    return Type(instant ? Kind::Timestamp : Kind::TimestampNtz);
  }
  return std::nullopt;
}

std::optional<Type> common_type(std::span<const Typed> values) {
  Type out;
  bool with_string = false;
  for (const Typed& value : values) with_string |= value.type.kind == Kind::String;
  // strings last, as the result must not depend on where they stand
  for (bool strings : {false, true}) {
    if (strings && !with_string) break;
    for (const Typed& value : values) {
      if ((value.type.kind == Kind::String) != strings) continue;
      auto type = common_type(out, value.type);
      if (!type) return std::nullopt;
      out = *type;
    }
  }
  return out;
}

std::string double_text(std::string_view sql) {
  // Java prints 1.0E7 and 1.0E-4 where DuckDB prints 10000000.0 and 0.0001
  std::string v(sql);
  std::string digits =
      filled("ltrim(replace(split_part(CAST(abs({0}) AS VARCHAR), 'e', 1), '.', ''), '0')", {v});
  std::string kept = "rtrim(" + digits + ", '0')";
  std::string mantissa = filled(
      "substr({0}, 1, 1) || '.' || CASE WHEN length({0}) > 1 THEN substr({0}, 2) "
      "ELSE '0' END",
      {kept});
  std::string exponent = filled(
      "CASE WHEN contains(CAST({0} AS VARCHAR), 'e') THEN CAST(split_part(CAST({0} AS VARCHAR), "
      "'e', 2) AS INTEGER) "
      "WHEN abs({0}) >= 1 THEN instr(CAST(abs({0}) AS VARCHAR), '.') - 2 "
      "ELSE length({1}) - length(CAST(abs({0}) AS VARCHAR)) + 1 END",
      {v, digits});
  return filled(
      "CASE WHEN isnan({0}) THEN 'NaN' WHEN isinf({0}) THEN CASE WHEN {0} > 0 THEN 'Infinity' "
      "ELSE '-Infinity' END WHEN {0} = 0 OR abs({0}) >= 1e-3::DOUBLE AND abs({0}) < 1e7::DOUBLE "
      "THEN CAST({0} AS VARCHAR) WHEN {0} IS NOT NULL THEN CASE WHEN {0} < 0 THEN '-' ELSE '' END "
      "|| "
      "{1} || 'E' || CAST({2} AS VARCHAR) END",
      {v, mantissa, exponent});
}

Result<Typed> cast(const Typed& value, const Type& type, bool is_try) {
  if (value.type == type) return value;
  Typed out = value;
  out.type = type;
  bool interval = value.type.kind == Kind::Interval || type.kind == Kind::Interval;
  if (interval && value.type.kind != Kind::Null) {
    if (common_type(value.type, type) == type) return out;
    return Error{Code::Unsupported, "casting a value of type " + to_sql(value.type) + " to " +
                                        to_sql(type) + " is not supported"};
  }
  if (duckdb_type(value.type) == duckdb_type(type)) {
    out.literal.reset();
    out.parts.reset();
    return out;
  }
  out.parts.reset();
  out.origin.reset();
  out.literal.reset();
  out.delay_us.reset();
  if (value.type.kind == Kind::Null) {
    // raise_error() has no other type; its error stays, as in raising().
    std::string text = "CAST(" + value.sql + " AS VARCHAR)";
    out.sql = !value.may_fail              ? typed_null(type)
              : type.kind == Kind::String ? text
                                          : cast_text(text, type);
    return out;
  }
  if (value.literal && value.type.is_integral() && type.is_integral() &&
      value.type.kind <= type.kind) {
    out.literal = value.literal;
    out.literal->type = type;
    out.sql = duckdb_literal(*out.literal);
    return out;
  }
  if (auto literal = time_literal(value, type)) {
    out.literal = std::move(literal);
    out.sql = duckdb_literal(*out.literal);
    return out;
  }
  out.may_fail = !is_try && (value.may_fail || !is_widening(value.type, type));
  if (value.type.is_nested() && value.type.kind == type.kind) {
    out.sql = TRY(nested_cast(value, type, is_try));
    return out;
  }
  auto sql = simple_cast(value, type, is_try);
  if (!sql) return no_cast(value.type, type);
  out.sql = std::move(*sql);
  return out;
}

bool may_coerce(const Type& from, const Type& to) {
  if (from == to || from.kind == Kind::Null) return true;
  if (from.is_nested() || to.is_nested()) {
    return from.kind == to.kind && duckdb_type(from) == duckdb_type(to);
  }
  if (from.kind == Kind::Interval || to.kind == Kind::Interval) return false;
  if (from.kind == Kind::String) return true;
  if (to.kind == Kind::String) return true;
  if (from.is_numeric() && to.is_numeric()) {
    return is_floating(to.kind) || is_widening(from, to);
  }
  return is_time(from.kind) && is_time(to.kind);
}

bool may_store(const Type& from, const Type& to) {
  if (from == to || from.kind == Kind::Null) return true;
  if (from.is_nested() || to.is_nested()) {
    if (from.kind != to.kind || from.children->size() != to.children->size()) return false;
    for (size_t i = 0; i < to.children->size(); ++i) {
      const Field& a = (*from.children)[i];
      const Field& b = (*to.children)[i];
      bool named = from.kind != Kind::Struct || equal_ignoring_case(a.name, b.name);
      if (!named || !may_store(a.type, b.type)) return false;
    }
    return true;
  }
  if (from.kind == to.kind || to.kind == Kind::String) return from.kind != Kind::Interval;
  return (from.is_numeric() && to.is_numeric()) || (is_time(from.kind) && is_time(to.kind));
}

Result<Typed> coerce(const Typed& value, const Type& type) {
  if (!may_coerce(value.type, type)) {
    return Error{Code::Invalid, "expects " + to_sql(type) + " but got " + to_sql(value.type) +
                                    "; write CAST(.. AS " + to_sql(type) + ")"};
  }
  return cast(value, type);
}

Result<Typed> order_key(const Typed& value) {
  if (value.type.kind == Kind::Map) {
    return Error{Code::Invalid, "values of type " + to_sql(value.type) + " have no order"};
  }
  if (value.type.kind == Kind::Array) {
    return Error{Code::Unsupported,
                 "ordering values of type " + to_sql(value.type) + " is not supported"};
  }
  if (value.type.kind != Kind::Struct) return value;
  std::vector<std::string> parts;
  std::vector<Field> fields;
  for (const Field& field : *value.type.children) {
    Typed part = {.sql = "struct_extract(" + value.sql + ", " + quoted_text(field.name) + ")",
                  .type = field.type};
    if (value.parts) part = (*value.parts)[fields.size() / 2];
    Typed key = TRY(order_key(part));
    std::string index = std::to_string(fields.size() / 2);
    parts.push_back("n" + index + " := " + part.sql + " IS NOT NULL");
    parts.push_back("v" + index + " := " + key.sql);
    fields.push_back({"n" + index, Kind::Boolean});
    fields.push_back({"v" + index, key.type});
  }
  Typed out = value;
  out.sql = "struct_pack(" + listed(parts) + ")";
  if (!value.parts) out.sql = "CASE WHEN " + value.sql + " IS NOT NULL THEN " + out.sql + " END";
  out.parts.reset();
  out.type = Type::structure(fields);
  return out;
}

}  // namespace ticklake::sql
