#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/c/bridge.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include "base/text.h"
#include "query/utf8.h"
#include "query/vectors.h"

namespace ticklake::query {
namespace {

// The printed SQL knows one TIMESTAMP; a zone in the Arrow type would make it DuckDB's TIMESTAMPTZ.
Type without_zones(const Type& type) {
  if (type.kind == Kind::Timestamp) return Kind::TimestampNtz;
  if (!type.children) return type;
  Type plain = type;
  auto children = *type.children;
  for (auto& child : children) child.type = without_zones(child.type);
  plain.children = std::make_shared<const std::vector<Field>>(std::move(children));
  return plain;
}

Error import_error(const ErrorHandle& error) {
  return {Code::Invalid, fmt::format("a column cannot be given to DuckDB: {}",
                                     duckdb_error_data_message(error.get()))};
}

Result<void> check_strings(const arrow::StringArray& column, const std::string& name) {
  if (column.length() == 0 || column.value_data() == nullptr) return {};
  auto begin = static_cast<size_t>(column.value_offset(0));
  auto end = static_cast<size_t>(column.value_offset(column.length()));
  auto* bytes = reinterpret_cast<const char*>(column.value_data()->data());
  if (is_ascii({bytes + begin, end - begin})) return {};
  for (int64_t i = 0; i < column.length(); ++i) {
    if (column.IsNull(i) || is_text(column.GetView(i))) continue;
    return Error{
        Code::Invalid,
        fmt::format(
            "column '{}' holds text that is not UTF-8: {}; keep such bytes in a BINARY column",
            name, printable(column.GetView(i)))};
  }
  return {};
}

}  // namespace

Result<ColumnImport> ColumnImport::make(duckdb_connection connection, const Type& type) {
  ColumnImport import;
  import.connection_ = connection;
  import.nested_ = type.is_nested();
  import.schema_ = to_arrow(Schema{{ Field { "column", without_zones(type) } }});
  ArrowSchema exported;
  TRY_STATUS(arrow::ExportSchema(*import.schema_, &exported));
  ErrorHandle error(duckdb_schema_from_arrow(connection, &exported, import.types_.out()));
  if (exported.release != nullptr) exported.release(&exported);
  if (error) return import_error(error);
  return import;
}

// Each column goes by itself: of a batch of several, DuckDB lets only the first keep the batch
// alive.
Result<void> ColumnImport::show(const std::shared_ptr<arrow::Array>& column, int64_t from,
                                int64_t count, duckdb_vector vector) const {
  auto slice = column->Slice(from, count);
  // DuckDB loses the offset of a struct in a sliced struct; a copy has none.
  if (nested_) slice = TRY_ARROW(arrow::Concatenate({slice}));
  ArrowArray exported;
  TRY_STATUS(
      arrow::ExportRecordBatch(*arrow::RecordBatch::Make(schema_, count, {slice}), &exported));
  ChunkHandle chunk;
  ErrorHandle error(
      duckdb_data_chunk_from_arrow(connection_, &exported, types_.get(), chunk.out()));
  if (exported.release != nullptr) exported.release(&exported);
  if (error) return import_error(error);
  duckdb_vector_reference_vector(vector, duckdb_data_chunk_get_vector(chunk.get(), 0));
  return {};
}

bool same_layout(const arrow::DataType& a, const arrow::DataType& b) {
  if (a.id() != b.id() || a.num_fields() != b.num_fields()) return false;
  if (a.id() == arrow::Type::TIMESTAMP) {
    return static_cast<const arrow::TimestampType&>(a).unit() ==
           static_cast<const arrow::TimestampType&>(b).unit();
  }
  if (a.num_fields() == 0) return a.Equals(b);
  for (int i = 0; i < a.num_fields(); ++i) {
    if (!same_layout(*a.field(i)->type(), *b.field(i)->type())) return false;
  }
  return true;
}

Result<void> check_text(const arrow::Array& column, const std::string& name) {
  switch (column.type_id()) {
    case arrow::Type::STRING:
      return check_strings(static_cast<const arrow::StringArray&>(column), name);
    case arrow::Type::STRUCT:
      for (const auto& child : static_cast<const arrow::StructArray&>(column).fields()) {
        TRY(check_text(*child, name));
      }
      return {};
    case arrow::Type::MAP:
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(column);
      if (list.length() == 0) return {};
      int64_t begin = list.value_offset(0);
      return check_text(*list.values()->Slice(begin, list.value_offset(list.length()) - begin),
                        name);
    }
    default: return {};
  }
}

}  // namespace ticklake::query
