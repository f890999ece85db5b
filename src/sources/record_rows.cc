#include "sources/record_rows.h"

#include <arrow/array.h>

#include "base/check.h"

namespace ticklake::sources {
namespace {

std::optional<std::string> bytes_at(const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return {};
  return std::string(static_cast<const arrow::BinaryArray&>(array).GetView(row));
}

}  // namespace

std::vector<broker::Record> records_of(const arrow::RecordBatch& rows) {
  auto keys = rows.GetColumnByName("key");
  auto values = rows.GetColumnByName("value");
  auto headers = std::dynamic_pointer_cast<arrow::ListArray>(rows.GetColumnByName("headers"));
  CHECK(keys && values && headers, "rows of broker::record_schema()");
  const auto& pairs = static_cast<const arrow::StructArray&>(*headers->values());
  auto names = pairs.field(0);
  auto texts = pairs.field(1);
  std::vector<broker::Record> out(static_cast<size_t>(rows.num_rows()));
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    broker::Record& record = out[static_cast<size_t>(row)];
    record.key = bytes_at(*keys, row);
    record.value = bytes_at(*values, row);
    if (headers->IsNull(row)) continue;
    for (int64_t i = headers->value_offset(row); i < headers->value_offset(row + 1); ++i) {
      record.headers.push_back({bytes_at(*names, i).value_or(""), bytes_at(*texts, i)});
    }
  }
  return out;
}

}  // namespace ticklake::sources
