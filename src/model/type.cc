#include "model/type.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace ticklake {

Type Type::decimal(int precision, int scale) {
  CHECK(precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision, "decimal bounds");
  Type out(Kind::Decimal);
  out.precision = static_cast<uint8_t>(precision);
  out.scale = static_cast<uint8_t>(scale);
  return out;
}

namespace {

Type nested(Kind kind, std::vector<Field> fields) {
  Type out(kind);
  out.children = std::make_shared<const std::vector<Field>>(std::move(fields));
  return out;
}

}  // namespace

Type Type::structure(std::vector<Field> fields) { return nested(Kind::Struct, std::move(fields)); }

Type Type::array(Type element, bool contains_null) {
  return nested(Kind::Array, {Field{"element", std::move(element), contains_null}});
}

Type Type::map(Type key, Type value, bool value_contains_null) {
  return nested(Kind::Map, {Field{"key", std::move(key), false},
                            Field{"value", std::move(value), value_contains_null}});
}

bool Type::operator==(const Type& other) const {
  if (kind != other.kind || precision != other.precision || scale != other.scale) return false;
  if (!children || !other.children) return children == other.children;
  return children == other.children || *children == *other.children;
}

int Schema::find(std::string_view name) const {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (equal_ignoring_case(fields[i].name, name)) return static_cast<int>(i);
  }
  return -1;
}

namespace {

std::string quoted_if_needed(const std::string& name) {
  bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9');
  for (char c : name) {
    plain = plain && (c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                      (c >= 'A' && c <= 'Z'));
  }
  if (plain) return name;
  std::string out = "`";
  for (char c : name) out += c == '`' ? std::string("``") : std::string(1, c);
  return out + "`";
}

// The precision of an interval is its first field and its scale the last: 1 YEAR .. 6 SECOND; both
// 0 are DAY TO SECOND.
std::string interval_words(const Type& type) {
  constexpr std::array<std::string_view, 7> kFields = {"",    "YEAR",   "MONTH", "DAY",
                                                       "HOUR", "MINUTE", "SECOND"};
  if (type.precision == 0) return "INTERVAL DAY TO SECOND";
  std::string out = fmt::format("INTERVAL {}", kFields[type.precision]);
  if (type.scale != type.precision) out += fmt::format(" TO {}", kFields[type.scale]);
  return out;
}

}  // namespace

std::string to_sql(const Type& type) {
  switch (type.kind) {
    case Kind::Null: return "VOID";
    case Kind::Boolean: return "BOOLEAN";
    case Kind::Byte: return "TINYINT";
    case Kind::Short: return "SMALLINT";
    case Kind::Integer: return "INT";
    case Kind::Long: return "BIGINT";
    case Kind::Float: return "FLOAT";
    case Kind::Double: return "DOUBLE";
    case Kind::Decimal: return fmt::format("DECIMAL({},{})", type.precision, type.scale);
    case Kind::String: return "STRING";
    case Kind::Binary: return "BINARY";
    case Kind::Date: return "DATE";
    case Kind::Timestamp: return "TIMESTAMP";
    case Kind::TimestampNtz: return "TIMESTAMP_NTZ";
    case Kind::Interval: return interval_words(type);
    case Kind::Array: return fmt::format("ARRAY<{}>", to_sql(type.children->at(0).type));
    case Kind::Map:
      return fmt::format("MAP<{}, {}>", to_sql(type.children->at(0).type),
                         to_sql(type.children->at(1).type));
    case Kind::Struct: break;
  }
  std::string out;
  for (const Field& field : *type.children) {
    out += fmt::format("{}{}: {}{}", out.empty() ? "" : ", ", quoted_if_needed(field.name),
                       to_sql(field.type), field.nullable ? "" : " NOT NULL");
  }
  return "STRUCT<" + out + ">";
}

std::string to_ddl(const Schema& schema) {
  std::string out;
  for (const Field& field : schema.fields) {
    out += fmt::format("{}{} {}{}", out.empty() ? "" : ", ", quoted_if_needed(field.name),
                       to_sql(field.type), field.nullable ? "" : " NOT NULL");
  }
  return out;
}

}  // namespace ticklake
