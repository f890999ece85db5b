#include "query/change_find.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/util/decimal.h>

#include <algorithm>

namespace ticklake::query {
namespace {

constexpr int64_t kRowsPerGroup = 4 << 20;  // of the table: so many pairs may be in memory
constexpr int kFileShift = 33;              // a pair names file and row in one number
constexpr int64_t kPartitionKeysMax = 1000;

using Reader = std::shared_ptr<arrow::RecordBatchReader>;

// Adds a number to the column kRowNumber of what it reads.
class ShiftedRows final : public arrow::RecordBatchReader {
 public:
  ShiftedRows(Reader rows, int column, int64_t shift)
      : rows_(std::move(rows)), column_(column), shift_(shift) {}

  std::shared_ptr<arrow::Schema> schema() const override { return rows_->schema(); }
  arrow::Status ReadNext(BatchPtr* batch) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(batch));
    if (!*batch) return arrow::Status::OK();
    const auto& numbers = static_cast<const arrow::Int64Array&>(*(*batch)->column(column_));
    arrow::Int64Builder builder;
    ARROW_RETURN_NOT_OK(builder.Reserve(numbers.length()));
    for (int64_t i = 0; i < numbers.length(); ++i) {
      builder.UnsafeAppend(numbers.Value(i) + shift_);
    }
    ARROW_ASSIGN_OR_RAISE(auto shifted, builder.Finish());
    auto field = (*batch)->schema()->field(column_);
    return (*batch)->SetColumn(column_, field, shifted).Value(batch);
  }

 private:
  Reader rows_;
  int column_;
  int64_t shift_;
};

Result<Reader> file_rows(io::FileStore& files, const delta::Snapshot& snapshot,
                         const delta::AddFile& file, std::vector<std::string> columns,
                         int64_t index) {
  int row_column = -1;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == delta::kRowNumber) row_column = static_cast<int>(i);
  }
  Reader rows = TRY(delta::read(files, snapshot, file, columns));
  if (row_column < 0) return rows;
  return Reader(std::make_shared<ShiftedRows>(std::move(rows), row_column, index << kFileShift));
}

// Clauses and places of rows come with the rows that replace_rows shows; here no query asks.
Input group_input(io::FileStore& files, const delta::Snapshot& snapshot,
                  std::shared_ptr<const std::vector<delta::AddFile>> group, int64_t rows) {
  Input out;
  out.schema = snapshot.schema();
  out.schema.fields.push_back({delta::kRowNumber, Kind::Long});
  out.rows = rows;
  out.parts = [&files, snapshot, group](const std::vector<std::string>& columns)
      -> Result<std::vector<std::function<Result<Reader>()>>> {
    std::vector<std::function<Result<Reader>()>> parts;
    // An empty list would be all columns.
    std::vector<std::string> wanted = columns;
    if (wanted.empty()) wanted.emplace_back(delta::kRowNumber);
    for (size_t i = 0; i < group->size(); ++i) {
      parts.push_back([&files, snapshot, group, wanted, i] {
        return file_rows(files, snapshot, (*group)[i], wanted, static_cast<int64_t>(i));
      });
    }
    return parts;
  };
  return out;
}

template <typename Array>
const Array& column_as(const arrow::RecordBatch& batch, int index) {
  return static_cast<const Array&>(*batch.column(index));
}

// The places of the least and the greatest value, or nothing where all are NULL.
template <typename Value>  // value(int64_t row), ordered by <
std::optional<std::pair<int64_t, int64_t>> extremes(const arrow::Array& values, Value&& value) {
  std::optional<std::pair<int64_t, int64_t>> out;
  for (int64_t i = 0; i < values.length(); ++i) {
    if (values.IsNull(i)) continue;
    if (!out) out = {i, i};
    if (value(i) < value(out->first)) out->first = i;
    if (value(out->second) < value(i)) out->second = i;
  }
  return out;
}

template <typename Array>
std::optional<std::pair<int64_t, int64_t>> extremes_of(const arrow::Array& values) {
  const auto& array = static_cast<const Array&>(values);
  return extremes(values, [&](int64_t row) { return array.GetView(row); });
}

std::optional<std::pair<int64_t, int64_t>> extremes_by(const arrow::Array& values, Kind kind) {
  switch (kind) {
    case Kind::Byte: return extremes_of<arrow::Int8Array>(values);
    case Kind::Short: return extremes_of<arrow::Int16Array>(values);
    case Kind::Integer: return extremes_of<arrow::Int32Array>(values);
    case Kind::Long: return extremes_of<arrow::Int64Array>(values);
    case Kind::Date: return extremes_of<arrow::Date32Array>(values);
    case Kind::Timestamp:
    case Kind::TimestampNtz: return extremes_of<arrow::TimestampArray>(values);
    case Kind::String: return extremes_of<arrow::StringArray>(values);
    case Kind::Decimal: {
      const auto& array = static_cast<const arrow::Decimal128Array&>(values);
      return extremes(values, [&](int64_t row) { return arrow::Decimal128(array.GetValue(row)); });
    }
    default: return std::nullopt;
  }
}

// Nothing where the bounds cannot be said for sure.
Result<std::optional<std::pair<std::string, std::string>>> bounds(const arrow::Array& values,
                                                                  const Type& type) {
  std::optional<std::pair<std::string, std::string>> none;
  auto places = extremes_by(values, type.kind);
  if (!places) return none;
  auto low = TRY(delta::literal_text(values, places->first, type));
  auto high = TRY(delta::literal_text(values, places->second, type));
  if (!low || !high) return none;
  return std::optional(std::pair(*low, *high));
}

}  // namespace

Result<SourceRows> numbered(const Batches& batches, const Schema& schema) {
  auto table = TRY_ARROW(arrow::Table::FromRecordBatches(to_arrow(schema), batches));
  SourceRows out;
  if (table->num_rows() == 0) {
    out.rows = empty_batch(schema);
  } else {
    out.rows = TRY_ARROW(table->CombineChunksToBatch());
  }
  arrow::Int64Builder builder;
  TRY_STATUS(builder.Reserve(out.rows->num_rows()));
  for (int64_t i = 0; i < out.rows->num_rows(); ++i) builder.UnsafeAppend(i);
  auto numbers = TRY_ARROW(builder.Finish());
  out.rows = TRY_ARROW(out.rows->AddColumn(out.rows->num_columns(), sql::kSourceRow, numbers));
  return out;
}

Result<std::unique_ptr<Finder>> Finder::make(io::FileStore& files, const delta::Snapshot& snapshot,
                                             Database& database, Request request,
                                             const std::string& target_id,
                                             std::vector<delta::AddFile> candidates) {
  std::unique_ptr<Finder> out(new Finder);
  out->candidates_ = std::move(candidates);
  out->group_ = std::make_shared<std::vector<delta::AddFile>>();
  int64_t rows = 0;
  for (const auto& file : out->candidates_) rows += file.records().value_or(kRowsPerGroup);
  request.inputs.emplace(target_id,
                         group_input(files, snapshot, out->group_, std::min(rows, kRowsPerGroup)));
  out->prepared_ = TRY(database.prepare(std::move(request)));
  return out;
}

Result<std::vector<Finder::FilePairs>> Finder::next() {
  std::vector<FilePairs> out;
  group_->clear();
  for (int64_t rows = 0; at_ < candidates_.size() && rows < kRowsPerGroup; ++at_) {
    rows += candidates_[at_].records().value_or(kRowsPerGroup);
    group_->push_back(candidates_[at_]);
    out.push_back({candidates_[at_], {}});
  }
  if (out.empty()) return out;
  Answer answer = TRY(prepared_->run({}));
  constexpr int64_t kRowMask = (int64_t{1} << kFileShift) - 1;
  for (const BatchPtr& batch : answer.batches) {
    const auto& rows = column_as<arrow::Int64Array>(*batch, 0);
    const auto& sources = column_as<arrow::Int64Array>(*batch, 1);
    const auto& clauses = column_as<arrow::Int32Array>(*batch, 2);
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      auto file = static_cast<size_t>(rows.Value(i) >> kFileShift);
      int64_t source = sources.IsNull(i) ? -1 : sources.Value(i);
      out[file].pairs.push_back({rows.Value(i) & kRowMask, source, clauses.Value(i)});
    }
  }
  for (FilePairs& file : out) {
    std::sort(file.pairs.begin(), file.pairs.end(), [](const Pair& a, const Pair& b) {
      return a.row != b.row ? a.row < b.row : a.source < b.source;
    });
  }
  return out;
}

Result<KeyRange> KeyRange::of(const delta::Snapshot& snapshot,
                              const std::vector<std::string>& columns,
                              const std::vector<std::shared_ptr<arrow::Array>>& values,
                              bool null_is_a_key) {
  using Op = delta::Condition::Op;
  KeyRange out;
  const auto& partitions = snapshot.metadata().partition_columns;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string& name = columns[i];
    const Type& type =
        snapshot.schema().fields[static_cast<size_t>(snapshot.schema().find(name))].type;
    std::vector<std::vector<delta::Condition>> any;
    if (values[i]->null_count() > 0 && null_is_a_key) any.push_back({{name, Op::IsNull}});
    bool partition = std::find(partitions.begin(), partitions.end(), name) != partitions.end();
    auto unique = partition ? TRY_ARROW(arrow::compute::Unique(arrow::Datum(values[i]->data())))
                            : std::shared_ptr<arrow::Array>();
    if (unique && unique->length() <= kPartitionKeysMax) {
      for (int64_t row = 0; row < unique->length(); ++row) {
        auto text = TRY(delta::literal_text(*unique, row, type));
        if (text) any.push_back({{name, Op::Equal, *text}});
      }
    } else if (auto range = TRY(bounds(*values[i], type))) {
      any.push_back({{name, Op::GreaterEqual, range->first}, {name, Op::LessEqual, range->second}});
    } else if (values[i]->null_count() < values[i]->length()) {
      any.push_back({});
    }
    out.columns_.push_back(std::move(any));
  }
  return out;
}

bool KeyRange::may_have(const delta::Snapshot& snapshot, const delta::AddFile& file) const {
  return std::all_of(columns_.begin(), columns_.end(), [&](const auto& any) {
    return std::any_of(any.begin(), any.end(), [&](const auto& conditions) {
      return delta::may_match(snapshot, file, conditions);
    });
  });
}

}  // namespace ticklake::query
