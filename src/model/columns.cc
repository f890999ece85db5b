#include "model/columns.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include "model/arrow.h"

namespace ticklake {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;
using Id = arrow::Type::type;

bool is_text(Id id) {
  return id == Id::STRING || id == Id::LARGE_STRING || id == Id::STRING_VIEW || id == Id::BINARY ||
         id == Id::LARGE_BINARY || id == Id::BINARY_VIEW || id == Id::FIXED_SIZE_BINARY;
}

// Whether every value of the file's type has one meaning as a value of the table's type.
bool can_stand_for(const arrow::DataType& found, const Type& type) {
  Id id = found.id();
  bool integer = arrow::is_integer(id);
  switch (type.kind) {
    case Kind::Byte:
    case Kind::Short:
    case Kind::Integer:
    case Kind::Long: return integer;
    case Kind::Float: return id == Id::FLOAT || id == Id::HALF_FLOAT;
    case Kind::Double:
      return id == Id::DOUBLE || id == Id::FLOAT || id == Id::HALF_FLOAT ||
             (integer && arrow::bit_width(id) <= 32);
    case Kind::Decimal: return integer || arrow::is_decimal(id);
    case Kind::String:
    case Kind::Binary: return is_text(id);
    case Kind::Date: return id == Id::DATE32 || id == Id::DATE64;
    case Kind::Timestamp: return id == Id::TIMESTAMP;
    case Kind::TimestampNtz: return id == Id::TIMESTAMP || id == Id::DATE32;
    case Kind::Boolean: return id == Id::BOOL;
    default: return false;
  }
}

Result<ArrayPtr> casted(const ArrayPtr& array, const std::shared_ptr<arrow::DataType>& to) {
  arrow::compute::CastOptions options = arrow::compute::CastOptions::Safe(to);
  options.allow_time_truncate = true;  // nanoseconds to micros, as Spark reads them
  auto cast = arrow::compute::Cast(arrow::Datum(array), options);
  if (!cast.ok()) {
    return Error{Code::Corrupt,
                 fmt::format("a value of {} does not fit {}: {}", array->type()->ToString(),
                             to->ToString(), cast.status().message())};
  }
  return cast->make_array();
}

// Instants and wall-clock times are the same numbers; only their name differs.
ArrayPtr relabelled(const ArrayPtr& array, const std::shared_ptr<arrow::DataType>& type) {
  auto data = array->data()->Copy();
  data->type = type;
  return arrow::MakeArray(data);
}

Error of_another_type(const arrow::Array& array, const Type& type) {
  return {Code::Unsupported, fmt::format("the file has {} where the table has {}",
                                         array.type()->ToString(), to_sql(type))};
}

Result<ArrayPtr> adapted_leaf(const ArrayPtr& array, const Type& type) {
  auto to = to_arrow(type);
  if (array->type()->Equals(*to)) return array;
  if (array->type_id() == Id::NA) return from_arrow(arrow::MakeArrayOfNull(to, array->length()));
  if (array->type_id() == Id::DICTIONARY) {
    const auto& dictionary = static_cast<const arrow::DictionaryType&>(*array->type());
    ArrayPtr plain = TRY(casted(array, dictionary.value_type()));
    return adapted_leaf(plain, type);
  }
  if (!can_stand_for(*array->type(), type)) {
    return of_another_type(*array, type);
  }
  if (array->type_id() == Id::TIMESTAMP && to->id() == Id::TIMESTAMP) {
    ArrayPtr micros = TRY(casted(
        array,
        arrow::timestamp(arrow::TimeUnit::MICRO,
                         static_cast<const arrow::TimestampType&>(*array->type()).timezone())));
    return relabelled(micros, to);
  }
  return casted(array, to);
}

Result<ArrayPtr> adapted_struct(const ArrayPtr& array, const Type& type) {
  if (array->type_id() != Id::STRUCT) {
    return of_another_type(*array, type);
  }
  const auto& rows = static_cast<const arrow::StructArray&>(*array);
  arrow::ArrayVector children;
  for (const Field& field : *type.children) {
    ArrayPtr child = rows.GetFieldByName(field.name);  // sliced as its parent
    if (!child) {
      child = TRY_ARROW(arrow::MakeArrayOfNull(to_arrow(field.type), array->length()));
    }
    children.push_back(TRY(adapted(child, field.type)));
  }
  std::shared_ptr<arrow::Buffer> valid;
  if (array->null_count() > 0) {
    valid = array->null_bitmap();
    if (array->offset() > 0) {
      // The children were sliced, so the bitmap has to be.
      auto whole = TRY_ARROW(arrow::Concatenate({array}));
      valid = whole->null_bitmap();
    }
  }
  return ArrayPtr(std::make_shared<arrow::StructArray>(
      to_arrow(type), array->length(), std::move(children), valid, array->null_count()));
}

// A list or map of this file with other children: the same offsets and NULLs.
ArrayPtr with_children(const ArrayPtr& array, const Type& type,
                       std::vector<std::shared_ptr<arrow::ArrayData>> children) {
  auto data = array->data()->Copy();
  data->type = to_arrow(type);
  data->child_data = std::move(children);
  return arrow::MakeArray(data);
}

Result<ArrayPtr> adapted_list(const ArrayPtr& array, const Type& type) {
  ArrayPtr lists = array;
  if (array->type_id() == Id::LARGE_LIST) {
    const auto& large = static_cast<const arrow::LargeListType&>(*array->type());
    lists = TRY(casted(array, arrow::list(large.value_field())));
  }
  if (lists->type_id() != Id::LIST) {
    return of_another_type(*array, type);
  }
  const auto& values = static_cast<const arrow::ListArray&>(*lists).values();
  ArrayPtr element = TRY(adapted(values, (*type.children)[0].type));
  return with_children(lists, type, {element->data()});
}

Result<ArrayPtr> adapted_map(const ArrayPtr& array, const Type& type) {
  if (array->type_id() != Id::MAP) {
    return of_another_type(*array, type);
  }
  const auto& maps = static_cast<const arrow::MapArray&>(*array);
  ArrayPtr keys = TRY(adapted(maps.keys(), (*type.children)[0].type));
  ArrayPtr items = TRY(adapted(maps.items(), (*type.children)[1].type));
  auto to = to_arrow(type);
  auto entries = arrow::ArrayData::Make(to->field(0)->type(), keys->length(), {nullptr},
                                        {keys->data(), items->data()}, 0);
  return with_children(array, type, {entries});
}

}  // namespace

Result<ArrayPtr> adapted(const ArrayPtr& array, const Type& type) {
  switch (type.kind) {
    case Kind::Struct: return adapted_struct(array, type);
    case Kind::Array: return adapted_list(array, type);
    case Kind::Map: return adapted_map(array, type);
    default: return adapted_leaf(array, type);
  }
}

bool can_adapt(const arrow::DataType& found, const Type& type) {
  Id id = found.id();
  if (id == Id::NA || found.Equals(*to_arrow(type))) return true;
  switch (type.kind) {
    case Kind::Struct: return id == Id::STRUCT;
    case Kind::Array:
      return (id == Id::LIST || id == Id::LARGE_LIST) &&
             can_adapt(*found.field(0)->type(), (*type.children)[0].type);
    case Kind::Map: return id == Id::MAP;
    default: break;
  }
  if (id != Id::DICTIONARY) return can_stand_for(found, type);
  return can_stand_for(*static_cast<const arrow::DictionaryType&>(found).value_type(), type);
}

}  // namespace ticklake
