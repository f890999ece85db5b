#include "rows.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ticklake::engine {

Result<BatchPtr> with_columns(const BatchPtr& batch, const std::vector<std::string>& names) {
  if (names.empty()) return batch;
  std::vector<int> indices;
  for (const auto& name : names) {
    int index = batch->schema()->GetFieldIndex(name);
    if (index < 0) {
      return Error{Code::Invalid, fmt::format("column {} is missing in the rows read", name)};
    }
    indices.push_back(index);
  }
  return TRY_ARROW(batch->SelectColumns(indices));
}

Result<BatchPtr> first_columns(const BatchPtr& batch, int count) {
  if (batch->num_columns() == count) return batch;
  std::vector<int> indices;
  for (int i = 0; i < count; ++i) indices.push_back(i);
  return TRY_ARROW(batch->SelectColumns(indices));
}

Result<BatchPtr> filtered(const BatchPtr& batch, const std::vector<bool>& keep) {
  CHECK(static_cast<int64_t>(keep.size()) == batch->num_rows(), "one flag a row");
  arrow::BooleanBuilder builder;
  TRY_STATUS(builder.AppendValues(keep));
  std::shared_ptr<arrow::Array> mask = TRY_ARROW(builder.Finish());
  arrow::Datum out = TRY_ARROW(arrow::compute::Filter(batch, mask));
  return out.record_batch();
}

std::optional<int64_t> number_at(const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) return {};
  switch (column.type_id()) {
    case arrow::Type::INT64: return static_cast<const arrow::Int64Array&>(column).Value(row);
    case arrow::Type::INT32: return static_cast<const arrow::Int32Array&>(column).Value(row);
    case arrow::Type::TIMESTAMP:
      return static_cast<const arrow::TimestampArray&>(column).Value(row);
    default: return {};
  }
}

std::optional<std::string_view> text_at(const arrow::Array& column, int64_t row) {
  bool text = column.type_id() == arrow::Type::STRING || column.type_id() == arrow::Type::BINARY;
  if (!text || column.IsNull(row)) return {};
  return static_cast<const arrow::BinaryArray&>(column).GetView(row);
}

bool grows_into(const Type& stored, const Type& wanted) {
  if (stored.kind != wanted.kind || !stored.is_nested()) return to_sql(stored) == to_sql(wanted);
  return grows_into(*stored.children, *wanted.children);
}

bool grows_into(const std::vector<Field>& stored, const std::vector<Field>& wanted) {
  return std::all_of(stored.begin(), stored.end(), [&](const Field& field) {
    auto same = std::find_if(wanted.begin(), wanted.end(), [&](const Field& other) {
      return equal_ignoring_case(other.name, field.name);
    });
    return same != wanted.end() && grows_into(field.type, same->type);
  });
}

std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> out;
  for (const auto& field : schema.fields) out.push_back(field.name);
  return out;
}

Schema with_columns(const Schema& schema, const std::vector<std::string>& names) {
  if (names.empty()) return schema;
  Schema out;
  for (const auto& name : names) {
    int index = schema.find(name);
    CHECK(index >= 0, "a plan uses columns of its inputs only");
    out.fields.push_back(schema.fields[static_cast<size_t>(index)]);
  }
  return out;
}

}  // namespace ticklake::engine
