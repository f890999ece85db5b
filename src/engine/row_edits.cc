#include "row_edits.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <optional>

#include "base/time.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

// Adds to each batch of a file which file it is of.
class NumberedReader final : public arrow::RecordBatchReader {
 public:
  NumberedReader(std::shared_ptr<arrow::RecordBatchReader> rows,
                 const std::vector<std::string>& columns, std::string_view file_column,
                 std::string_view place_column, int64_t file)
      : rows_(std::move(rows)), file_(file) {
    arrow::FieldVector fields;
    for (const auto& name : columns) {
      int at = rows_->schema()->GetFieldIndex(name == place_column ? delta::kRowNumber : name);
      if (name == file_column) at = kFile;
      from_.push_back(at);
      fields.push_back(at < 0 ? arrow::field(name, arrow::int64())
                              : rows_->schema()->field(at)->WithName(name));
    }
    schema_ = arrow::schema(std::move(fields));
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(BatchPtr* batch) override {
    BatchPtr read;
    ARROW_RETURN_NOT_OK(rows_->ReadNext(&read));
    *batch = nullptr;
    if (!read) return arrow::Status::OK();
    arrow::ArrayVector columns;
    for (int at : from_) {
      if (at != kFile) {
        columns.push_back(read->column(at));
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(auto file, arrow::MakeArrayFromScalar(arrow::Int64Scalar(file_),
                                                                  read->num_rows()));
      columns.push_back(std::move(file));
    }
    *batch = arrow::RecordBatch::Make(schema_, read->num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

 private:
  static constexpr int kFile = -1;

  std::shared_ptr<arrow::RecordBatchReader> rows_;
  std::vector<int> from_;  // for each column: which one of the file's, or kFile
  int64_t file_;
  std::shared_ptr<arrow::Schema> schema_;
};

template <typename Value>
struct Range {
  Value low, high;
};

// Of the values that `value_at` reads; nothing where one is missing.
template <typename Value, typename ValueAt>
std::optional<Range<Value>> range_of(const arrow::ArrayVector& chunks, ValueAt&& value_at) {
  std::optional<Range<Value>> out;
  for (const auto& chunk : chunks) {
    for (int64_t i = 0; i < chunk->length(); ++i) {
      std::optional<Value> value = value_at(*chunk, i);
      if (!value) return {};
      if (!out) out = {*value, *value};
      out->low = std::min(out->low, *value);
      out->high = std::max(out->high, *value);
    }
  }
  return out;
}

std::optional<int32_t> date_at(const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) return {};
  return static_cast<const arrow::Date32Array&>(column).Value(row);
}

// As conditions compare them; nothing for types whose ranges are not used.
std::optional<Range<std::string>> texts_of(const arrow::ArrayVector& chunks) {
  switch (chunks[0]->type_id()) {
    case arrow::Type::INT32:
    case arrow::Type::INT64:
      if (auto range = range_of<int64_t>(chunks, number_at)) {
        return Range{std::to_string(range->low), std::to_string(range->high)};
      }
      return {};
    case arrow::Type::STRING:
      if (auto range = range_of<std::string_view>(chunks, text_at)) {
        return Range{std::string(range->low), std::string(range->high)};
      }
      return {};
    case arrow::Type::DATE32:
      if (auto range = range_of<int32_t>(chunks, date_at)) {
        return Range{format_date(range->low), format_date(range->high)};
      }
      return {};
    default: return {};
  }
}

}  // namespace

std::vector<delta::Condition> ranges_of(const Batches& rows,
                                        const std::vector<std::string>& columns) {
  std::vector<delta::Condition> out;
  for (const auto& name : columns) {
    arrow::ArrayVector chunks;
    for (const auto& batch : rows) chunks.push_back(batch->GetColumnByName(name));
    auto range = chunks.empty() ? std::nullopt : texts_of(chunks);
    if (!range) continue;
    out.push_back({name, delta::Condition::Op::GreaterEqual, std::move(range->low)});
    out.push_back({name, delta::Condition::Op::LessEqual, std::move(range->high)});
  }
  return out;
}

NumberedFiles NumberedFiles::of(const delta::Snapshot& snapshot,
                                const std::vector<delta::Condition>& conditions) {
  NumberedFiles out{.snapshot = snapshot, .files = {}};
  for (auto& file : snapshot.files()) {
    if (delta::may_match(snapshot, file, conditions)) out.files.push_back(std::move(file));
  }
  return out;
}

query::Input NumberedFiles::input(io::FileStore& store, std::string_view file_column,
                                  std::string_view place_column) const {
  query::Input out{.schema = snapshot.schema(), .parts = {}};
  for (std::string_view added : {file_column, place_column}) {
    if (!added.empty()) out.schema.fields.push_back({std::string(added), Kind::Long});
  }
  out.parts = [self = std::make_shared<const NumberedFiles>(*this), &store,
               file_name = std::string(file_column),
               place_name = std::string(place_column)](const std::vector<std::string>& columns)
      -> Result<std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>>> {
    std::vector<std::string> stored;
    for (const auto& name : columns) {
      if (name != file_name) stored.push_back(name == place_name ? delta::kRowNumber : name);
    }
    // An empty list would be all columns.
    if (stored.empty()) stored.emplace_back(delta::kRowNumber);
    std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>> parts;
    for (size_t i = 0; i < self->files.size(); ++i) {
      parts.push_back([=, &store]() -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
        auto rows = TRY(delta::read(store, self->snapshot, self->files[i], stored));
        return std::shared_ptr<arrow::RecordBatchReader>(std::make_shared<NumberedReader>(
            std::move(rows), columns, file_name, place_name, static_cast<int64_t>(i)));
      });
    }
    return parts;
  };
  return out;
}

Result<delta::RowChange> edited(io::FileStore& store, const io::Clock& clock,
                                const NumberedFiles& rows, const RowEdits& edits) {
  auto out = TRY(delta::RowChange::begin(store, clock, rows.snapshot));
  for (const auto& [index, gone] : edits.gone) {
    std::vector<delta::Touched> touched;
    for (int64_t row : gone) touched.push_back({.row = row, .deleted = true});
    TRY(out.change(rows.files[static_cast<size_t>(index)], touched));
  }
  TRY(out.insert(edits.added));
  TRY(out.finish());
  return out;
}

}  // namespace ticklake::engine
