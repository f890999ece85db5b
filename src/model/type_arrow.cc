// Types as Arrow holds them in memory.
#include <arrow/type.h>
#include <fmt/format.h>

#include "model/type.h"

namespace ticklake {

std::shared_ptr<arrow::DataType> to_arrow(const Type& type) {
  auto child = [&](size_t i) {
    const Field& field = type.children->at(i);
    return arrow::field(field.name, to_arrow(field.type), field.nullable);
  };
  switch (type.kind) {
    case Kind::Null: return arrow::null();
    case Kind::Boolean: return arrow::boolean();
    case Kind::Byte: return arrow::int8();
    case Kind::Short: return arrow::int16();
    case Kind::Integer: return arrow::int32();
    case Kind::Long: return arrow::int64();
    case Kind::Float: return arrow::float32();
    case Kind::Double: return arrow::float64();
    case Kind::Decimal: return arrow::decimal128(type.precision, type.scale);
    case Kind::String: return arrow::utf8();
    case Kind::Binary: return arrow::binary();
    case Kind::Date: return arrow::date32();
    case Kind::Timestamp: return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case Kind::TimestampNtz: return arrow::timestamp(arrow::TimeUnit::MICRO);
    case Kind::Interval: return arrow::duration(arrow::TimeUnit::MICRO);
    case Kind::Array: return arrow::list(child(0));
    case Kind::Map:
      return std::make_shared<arrow::MapType>(to_arrow(type.children->at(0).type), child(1));
    case Kind::Struct: break;
  }
  arrow::FieldVector fields;
  for (size_t i = 0; i < type.children->size(); ++i) fields.push_back(child(i));
  return arrow::struct_(std::move(fields));
}

std::shared_ptr<arrow::Schema> to_arrow(const Schema& schema) {
  arrow::FieldVector fields;
  for (const Field& field : schema.fields) {
    fields.push_back(arrow::field(field.name, to_arrow(field.type), field.nullable));
  }
  return arrow::schema(std::move(fields));
}

namespace {

Result<Field> field_from_arrow(const arrow::Field& field) {
  return Field{field.name(), TRY(type_from_arrow(*field.type())), field.nullable()};
}

Result<Type> decimal_from_arrow(const arrow::DataType& type) {
  const auto& decimal = static_cast<const arrow::DecimalType&>(type);
  if (decimal.precision() > 38 || decimal.scale() < 0 || decimal.scale() > decimal.precision()) {
    return Error{Code::Unsupported, fmt::format("Spark has no type for {}", type.ToString())};
  }
  return Type::decimal(decimal.precision(), decimal.scale());
}

Result<Type> nested_from_arrow(const arrow::DataType& type) {
  if (type.id() == arrow::Type::MAP) {
    const auto& map = static_cast<const arrow::MapType&>(type);
    Type key = TRY(type_from_arrow(*map.key_type()));
    Field value = TRY(field_from_arrow(*map.item_field()));
    return Type::map(std::move(key), std::move(value.type), value.nullable);
  }
  if (type.id() == arrow::Type::LIST || type.id() == arrow::Type::LARGE_LIST ||
      type.id() == arrow::Type::FIXED_SIZE_LIST) {
    Field element = TRY(field_from_arrow(*type.field(0)));
    return Type::array(std::move(element.type), element.nullable);
  }
  std::vector<Field> fields;
  for (const auto& field : type.fields()) fields.push_back(TRY(field_from_arrow(*field)));
  return Type::structure(std::move(fields));
}

}  // namespace

Result<Type> type_from_arrow(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::NA: return Type(Kind::Null);
    case arrow::Type::BOOL: return Type(Kind::Boolean);
    case arrow::Type::INT8: return Type(Kind::Byte);
    case arrow::Type::UINT8:
    case arrow::Type::INT16: return Type(Kind::Short);
    case arrow::Type::UINT16:
    case arrow::Type::INT32: return Type(Kind::Integer);
    case arrow::Type::UINT32:
    case arrow::Type::INT64: return Type(Kind::Long);
    case arrow::Type::UINT64: return Type::decimal(20, 0);
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT: return Type(Kind::Float);
    case arrow::Type::DOUBLE: return Type(Kind::Double);
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: return decimal_from_arrow(type);
    case arrow::Type::STRING:
    case arrow::Type::STRING_VIEW:
    case arrow::Type::LARGE_STRING: return Type(Kind::String);
    case arrow::Type::BINARY:
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::LARGE_BINARY: return Type(Kind::Binary);
    case arrow::Type::DATE32:
    case arrow::Type::DATE64: return Type(Kind::Date);
    case arrow::Type::TIMESTAMP:
      return Type(static_cast<const arrow::TimestampType&>(type).timezone().empty()
                      ? Kind::TimestampNtz
                      : Kind::Timestamp);
    case arrow::Type::DURATION: return Type(Kind::Interval);
    case arrow::Type::DICTIONARY:
      return type_from_arrow(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case arrow::Type::MAP:
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
    case arrow::Type::STRUCT: return nested_from_arrow(type);
    default:
      return Error{Code::Unsupported, fmt::format("Spark has no type for {}", type.ToString())};
  }
}

Result<Schema> schema_from_arrow(const arrow::Schema& schema) {
  Schema out;
  for (const auto& field : schema.fields()) out.fields.push_back(TRY(field_from_arrow(*field)));
  return out;
}

}  // namespace ticklake
