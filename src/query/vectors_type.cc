#include <arrow/type.h>

#include <vector>

#include "base/check.h"
#include "query/vectors.h"

namespace ticklake::query {
namespace {

TypeHandle simple(duckdb_type id) { return TypeHandle(duckdb_create_logical_type(id)); }

TypeHandle structure(const std::vector<Field>& fields) {
  std::vector<TypeHandle> types;
  std::vector<duckdb_logical_type> members;
  std::vector<const char*> names;
  for (const auto& field : fields) {
    types.push_back(logical_type(field.type));
    members.push_back(types.back().get());
    names.push_back(field.name.c_str());
  }
  return TypeHandle(duckdb_create_struct_type(members.data(), names.data(), members.size()));
}

duckdb_type simple_id(Kind kind) {
  switch (kind) {
    case Kind::Null: return DUCKDB_TYPE_SQLNULL;
    case Kind::Boolean: return DUCKDB_TYPE_BOOLEAN;
    case Kind::Byte: return DUCKDB_TYPE_TINYINT;
    case Kind::Short: return DUCKDB_TYPE_SMALLINT;
    case Kind::Integer: return DUCKDB_TYPE_INTEGER;
    case Kind::Long: return DUCKDB_TYPE_BIGINT;
    case Kind::Float: return DUCKDB_TYPE_FLOAT;
    case Kind::Double: return DUCKDB_TYPE_DOUBLE;
    case Kind::Decimal: return DUCKDB_TYPE_DECIMAL;
    case Kind::String: return DUCKDB_TYPE_VARCHAR;
    case Kind::Binary: return DUCKDB_TYPE_BLOB;
    case Kind::Date: return DUCKDB_TYPE_DATE;
    case Kind::Timestamp:
    case Kind::TimestampNtz: return DUCKDB_TYPE_TIMESTAMP;
    case Kind::Interval: return DUCKDB_TYPE_INTERVAL;
    case Kind::Struct: return DUCKDB_TYPE_STRUCT;
    case Kind::Array: return DUCKDB_TYPE_LIST;
    case Kind::Map: return DUCKDB_TYPE_MAP;
  }
  return DUCKDB_TYPE_INVALID;
}

std::string type_name(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_HUGEINT: return "HUGEINT";
    case DUCKDB_TYPE_UHUGEINT: return "UHUGEINT";
    case DUCKDB_TYPE_UTINYINT: return "UTINYINT";
    case DUCKDB_TYPE_USMALLINT: return "USMALLINT";
    case DUCKDB_TYPE_UINTEGER: return "UINTEGER";
    case DUCKDB_TYPE_UBIGINT: return "UBIGINT";
    case DUCKDB_TYPE_TINYINT: return "TINYINT";
    case DUCKDB_TYPE_SMALLINT: return "SMALLINT";
    case DUCKDB_TYPE_INTEGER: return "INTEGER";
    case DUCKDB_TYPE_BIGINT: return "BIGINT";
    case DUCKDB_TYPE_FLOAT: return "FLOAT";
    case DUCKDB_TYPE_DOUBLE: return "DOUBLE";
    case DUCKDB_TYPE_BOOLEAN: return "BOOLEAN";
    case DUCKDB_TYPE_VARCHAR: return "VARCHAR";
    case DUCKDB_TYPE_BLOB: return "BLOB";
    case DUCKDB_TYPE_DATE: return "DATE";
    case DUCKDB_TYPE_TIMESTAMP: return "TIMESTAMP";
    case DUCKDB_TYPE_INTERVAL: return "INTERVAL";
    case DUCKDB_TYPE_STRUCT: return "STRUCT";
    case DUCKDB_TYPE_LIST: return "LIST";
    case DUCKDB_TYPE_MAP: return "MAP";
    default: return "DuckDB's type " + std::to_string(static_cast<int>(id));
  }
}

std::optional<std::string> struct_mismatch(duckdb_logical_type actual, const Type& expected) {
  if (duckdb_struct_type_child_count(actual) != expected.children->size()) {
    return "STRUCT of " + std::to_string(duckdb_struct_type_child_count(actual)) + " fields";
  }
  for (size_t i = 0; i < expected.children->size(); ++i) {
    TypeHandle child(duckdb_struct_type_child_type(actual, i));
    const auto& field = (*expected.children)[i];
    if (auto problem = mismatch(child.get(), field.type)) return field.name + " " + *problem;
  }
  return std::nullopt;
}

}  // namespace

TypeHandle logical_type(const Type& type) {
  switch (type.kind) {
    case Kind::Decimal: return TypeHandle(duckdb_create_decimal_type(type.precision, type.scale));
    case Kind::Struct: return structure(*type.children);
    case Kind::Array: {
      auto element = logical_type((*type.children)[0].type);
      return TypeHandle(duckdb_create_list_type(element.get()));
    }
    case Kind::Map: {
      auto key = logical_type((*type.children)[0].type);
      auto value = logical_type((*type.children)[1].type);
      return TypeHandle(duckdb_create_map_type(key.get(), value.get()));
    }
    default: return simple(simple_id(type.kind));
  }
}

std::optional<std::string> mismatch(duckdb_logical_type actual, const Type& expected) {
  auto id = duckdb_get_type_id(actual);
  if (expected.kind == Kind::Null) return std::nullopt;  // all rows are NULL, of whatever type
  if (id == DUCKDB_TYPE_TIMESTAMP_TZ) id = DUCKDB_TYPE_TIMESTAMP;
  if (id == DUCKDB_TYPE_DECIMAL) {
    int width = duckdb_decimal_width(actual);
    int scale = duckdb_decimal_scale(actual);
    if (expected == Type::decimal(width, scale)) return std::nullopt;
    return "DECIMAL(" + std::to_string(width) + "," + std::to_string(scale) + ")";
  }
  if (id != simple_id(expected.kind)) return type_name(id);
  switch (expected.kind) {
    case Kind::Struct: return struct_mismatch(actual, expected);
    case Kind::Array: {
      TypeHandle element(duckdb_list_type_child_type(actual));
      return mismatch(element.get(), (*expected.children)[0].type);
    }
    case Kind::Map: {
      TypeHandle key(duckdb_map_type_key_type(actual));
      TypeHandle value(duckdb_map_type_value_type(actual));
      if (auto problem = mismatch(key.get(), (*expected.children)[0].type)) return problem;
      return mismatch(value.get(), (*expected.children)[1].type);
    }
    default: return std::nullopt;
  }
}

}  // namespace ticklake::query
