#include <arrow/array.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include "base/text.h"
#include "formats/formats.h"
#include "formats/json_tree.h"

namespace ticklake::formats {
namespace {

Error at_line(int64_t line, std::string_view reason) {
  return {Code::Invalid, fmt::format("line {}: {}", line, reason)};
}

// The name of a NOT NULL field that is NULL in the row, or "". `array` is row-aligned with the
// batch.
std::string missing_in(const Field& field, const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return field.nullable ? "" : field.name;
  if (field.type.kind == Kind::Struct) {
    const auto& parts = static_cast<const arrow::StructArray&>(array);
    for (size_t i = 0; i < field.type.children->size(); ++i) {
      auto part = parts.field(static_cast<int>(i));
      std::string name = missing_in((*field.type.children)[i], *part, row);
      if (!name.empty()) return field.name + "." + name;
    }
  }
  if (field.type.kind == Kind::Array || field.type.kind == Kind::Map) {
    const auto& list = static_cast<const arrow::ListArray&>(array);
    auto values = list.values();
    if (field.type.kind == Kind::Map) values = static_cast<const arrow::MapArray&>(array).items();
    const Field& value = field.type.children->back();
    for (int64_t i = list.value_offset(row); i < list.value_offset(row + 1); ++i) {
      std::string name = missing_in(value, *values, i);
      if (!name.empty()) return field.name + "." + name;
    }
  }
  return "";
}

bool may_miss(const Field& field) {
  if (!field.nullable) return true;
  if (!field.type.is_nested()) return false;
  for (const Field& child : *field.type.children) {
    // The keys of a map are never NULL, and JSON has none that is.
    bool key = field.type.kind == Kind::Map && &child == &field.type.children->front();
    if (!key && may_miss(child)) return true;
  }
  return false;
}

Result<void> check_not_null(const arrow::RecordBatch& batch, const Schema& schema,
                            const std::vector<int64_t>& lines) {
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    if (!may_miss(field)) continue;
    const arrow::Array& array = *batch.column(static_cast<int>(i));
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      std::string name = missing_in(field, array, row);
      if (name.empty()) continue;
      return at_line(lines[static_cast<size_t>(row)],
                     name + ": missing or null, but the column is NOT NULL");
    }
  }
  return {};
}

}  // namespace

Result<BatchPtr> from_json_lines(std::string_view text, const Schema& schema) {
  // Refuses types that JSON cannot give.
  TRY(JsonDecoder::make(schema));
  Column root(Type::structure(schema.fields));
  auto reader = make_tree_reader(Strictness::Strict);
  std::vector<int64_t> lines;
  int64_t line = 0;
  while (!text.empty()) {
    ++line;
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (trimmed(row).empty()) continue;
    std::string reason = reader->read(row, root);
    if (!reason.empty()) return at_line(line, reason);
    lines.push_back(line);
  }
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (Column& child : root.children()) columns.push_back(child.finish());
  auto rows = static_cast<int64_t>(lines.size());
  auto batch = arrow::RecordBatch::Make(to_arrow(schema), rows, std::move(columns));
  TRY(check_not_null(*batch, schema, lines));
  return batch;
}

}  // namespace ticklake::formats
