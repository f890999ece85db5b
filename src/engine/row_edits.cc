#include "row_edits.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

#include <algorithm>
#include <optional>

#include "base/time.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

// Rows that are written anew before they are let go of; each such piece is a file of its own, which
// compaction merges.
constexpr int64_t kPieceBytesMax = 64 << 20;

// Adds to each batch of a file which file it is of, and where its rows stand in it.
class NumberedReader final : public arrow::RecordBatchReader {
 public:
  NumberedReader(std::shared_ptr<arrow::RecordBatchReader> rows, std::vector<std::string> columns,
                 std::string file_column, std::string place_column, int64_t file)
      : rows_(std::move(rows)),
        columns_(std::move(columns)),
        file_column_(std::move(file_column)),
        place_column_(std::move(place_column)),
        file_(file) {
    arrow::FieldVector fields;
    for (const auto& name : columns_) {
      auto field = rows_->schema()->GetFieldByName(name);
      fields.push_back(field ? field : arrow::field(name, arrow::int64()));
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
    for (const auto& name : columns_) {
      auto column = read->GetColumnByName(name);
      if (name == file_column_) {
        ARROW_ASSIGN_OR_RAISE(column, numbers(read->num_rows(), file_, 0));
      } else if (name == place_column_) {
        ARROW_ASSIGN_OR_RAISE(column, numbers(read->num_rows(), place_, 1));
      }
      columns.push_back(std::move(column));
    }
    place_ += read->num_rows();
    *batch = arrow::RecordBatch::Make(schema_, read->num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

 private:
  static arrow::Result<std::shared_ptr<arrow::Array>> numbers(int64_t count, int64_t first,
                                                              int64_t step) {
    arrow::Int64Builder builder;
    ARROW_RETURN_NOT_OK(builder.Reserve(count));
    for (int64_t i = 0; i < count; ++i) builder.UnsafeAppend(first + i * step);
    return builder.Finish();
  }

  std::shared_ptr<arrow::RecordBatchReader> rows_;
  std::vector<std::string> columns_;
  std::string file_column_;
  std::string place_column_;
  int64_t file_;
  int64_t place_ = 0;
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

// The rows of a file that stay, written as they were.
Result<std::vector<delta::AddFile>> without(io::FileStore& store, TableWriter& writer,
                                            const delta::Snapshot& snapshot,
                                            const delta::AddFile& file,
                                            const std::vector<int64_t>& gone) {
  std::vector<delta::AddFile> out;
  std::vector<Piece> pieces;
  int64_t bytes = 0, place = 0;
  auto write = [&]() -> Result<void> {
    for (auto& added : TRY(writer.write(pieces, {.all = {Partition(0)}}))) {
      out.push_back(std::move(added));
    }
    pieces.clear();
    bytes = 0;
    return {};
  };
  auto next = gone.begin();
  auto rows = TRY(delta::read(store, snapshot, file));
  while (true) {
    BatchPtr batch;
    TRY_STATUS(rows->ReadNext(&batch));
    if (!batch) break;
    std::vector<bool> keep(static_cast<size_t>(batch->num_rows()), true);
    for (; next != gone.end() && *next < place + batch->num_rows(); ++next) {
      keep[static_cast<size_t>(*next - place)] = false;
    }
    place += batch->num_rows();
    BatchPtr kept = TRY(filtered(batch, keep));
    if (kept->num_rows() == 0) continue;
    bytes += arrow::util::TotalBufferSize(*kept);
    pieces.push_back({Partition(0), std::move(kept)});
    if (bytes >= kPieceBytesMax) TRY(write());
  }
  TRY(write());
  return out;
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
  out.schema.fields.push_back({std::string(file_column), Kind::Long});
  out.schema.fields.push_back({std::string(place_column), Kind::Long});
  out.parts = [self = std::make_shared<const NumberedFiles>(*this), &store,
               file_name = std::string(file_column),
               place_name = std::string(place_column)](const std::vector<std::string>& columns)
      -> Result<std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>>> {
    std::vector<std::string> stored;
    for (const auto& name : columns) {
      if (name != file_name && name != place_name) stored.push_back(name);
    }
    // Of a file without columns no rows could be counted.
    if (stored.empty()) stored.push_back(self->snapshot.schema().fields[0].name);
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

Result<delta::Transaction> edited(io::FileStore& store, const io::Clock& clock, TableWriter& writer,
                                  const NumberedFiles& rows, const RowEdits& edits) {
  delta::Transaction out;
  int64_t now_ms = clock.now_ms();
  for (const auto& [index, gone] : edits.gone) {
    const auto& file = rows.files[static_cast<size_t>(index)];
    for (auto& added : TRY(without(store, writer, rows.snapshot, file, gone))) {
      out.adds.push_back(std::move(added));
    }
    out.removes.push_back({.path = file.path, .deleted_ms = now_ms});
  }
  for (auto& added : TRY(writer.write(pieces_of(edits.added), {.all = {Partition(0)}}))) {
    out.adds.push_back(std::move(added));
  }
  return out;
}

}  // namespace ticklake::engine
