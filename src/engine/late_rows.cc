// Invariant: with the progress "next version n", the late rows of all versions before n are stored,
// and none of others. A replay comes to the same watermark before each version, and so to the same
// late rows: those of versions before n are left out.
#include "late_rows.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "rows.h"

namespace ticklake::engine {
namespace {

struct LateRow {
  int64_t row;  // of the version
  int64_t start_us;
  int64_t end_us;
};

Result<std::vector<LateRow>> late_of(const Batches& windows, EventTime watermark) {
  std::vector<LateRow> out;
  for (const auto& batch : windows) {
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      auto end = number_at(*batch->column(0), i);
      auto row = number_at(*batch->column(1), i);
      auto start = number_at(*batch->column(2), i);
      CHECK(end && row && start, "a row of a window has a number and a window");
      if (*end <= watermark.value) out.push_back({*row, *start, *end});
    }
  }
  std::sort(out.begin(), out.end(), [](const LateRow& a, const LateRow& b) {
    return std::tie(a.row, a.end_us) < std::tie(b.row, b.end_us);
  });
  return out;
}

// Late rows of one batch as rows of the table; `first` is the number of the batch's first row.
Result<BatchPtr> rows_of(const std::vector<LateRow>& late, const arrow::RecordBatch& batch,
                         int64_t first, EventTime watermark, const Schema& schema) {
  arrow::Int64Builder numbers;
  auto type = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  std::array<arrow::TimestampBuilder, 3> times = {
      arrow::TimestampBuilder(type, arrow::default_memory_pool()),
      arrow::TimestampBuilder(type, arrow::default_memory_pool()),
      arrow::TimestampBuilder(type, arrow::default_memory_pool())};
  for (const LateRow& one : late) {
    if (one.row < first || one.row >= first + batch.num_rows()) continue;
    TRY_STATUS(numbers.Append(one.row - first));
    TRY_STATUS(times[0].Append(one.start_us));
    TRY_STATUS(times[1].Append(one.end_us));
    TRY_STATUS(times[2].Append(watermark.value));
  }
  std::shared_ptr<arrow::Array> indices = TRY_ARROW(numbers.Finish());
  arrow::ArrayVector columns;
  for (auto& builder : times) columns.push_back(TRY_ARROW(builder.Finish()));
  for (size_t i = columns.size(); i < schema.fields.size(); ++i) {
    auto column = batch.GetColumnByName(schema.fields[i].name);
    CHECK(column, "the table of late rows has the columns of its stream");
    arrow::Datum taken = TRY_ARROW(arrow::compute::Take(arrow::Datum(column),
                                                        arrow::Datum(indices)));
    columns.push_back(taken.make_array());
  }
  return arrow::RecordBatch::Make(to_arrow(schema), indices->length(), std::move(columns));
}

}  // namespace

Result<LateRows> LateRows::open(Context& context, const Dataset& dataset) {
  CHECK(dataset.late.has_value(), "the table keeps late rows");
  io::Path root = context.project.table_path(*dataset.late);
  auto writer = TRY(TableWriter::open(context, root, *dataset.late));
  context.hub.announce(*dataset.late, writer.snapshot().version());
  return LateRows(std::move(writer));
}

Result<void> LateRows::store(const VersionRows& rows, const Batches& windows, EventTime watermark,
                             const DeltaProgressIds& ids, Timings& timings) {
  Progress stored = writer_.txns();
  auto next = stored.find(ids.version);
  if (next != stored.end() && next->second > rows.version.value) return {};
  std::vector<LateRow> late = TRY(late_of(windows, watermark));
  if (late.empty()) return {};
  Batches out;
  int64_t first = 0;
  for (const auto& piece : rows.pieces) {
    out.push_back(
        TRY(rows_of(late, *piece.rows, first, watermark, writer_.snapshot().schema())));
    first += piece.rows->num_rows();
  }
  delta::Transaction transaction;
  transaction.operation = "STREAMING UPDATE";
  transaction.txns = {{ids.version, rows.version.value + 1}, {ids.file, 0}, {ids.snapshot, 0}};
  TRY(writer_.append(pieces_of(out), {.all = {Partition(0)}}, std::move(transaction), timings));
  return {};
}

}  // namespace ticklake::engine
