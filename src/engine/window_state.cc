// Invariant: a window is open iff its end > watermark, for rows as for output: so a row is late iff
// its window's result is out already.
#include "window_state.h"

#include <arrow/array.h>

#include <algorithm>

#include "rows.h"

namespace ticklake::engine {
namespace {

// Below this, merging costs more than it saves.
constexpr int64_t kRowsBeforeMerge = 10'000;

const arrow::TimestampArray& ends_of(const arrow::RecordBatch& rows) {
  CHECK(rows.column(0)->type_id() == arrow::Type::TIMESTAMP, "partial rows begin with window_end");
  return static_cast<const arrow::TimestampArray&>(*rows.column(0));
}

int64_t input_rows(const arrow::RecordBatch& rows, int64_t row) {
  return number_at(*rows.column(1), row).value_or(0);
}

EventTime first_end_of(const arrow::RecordBatch& rows) {
  EventTime out = EventTime::max();
  const auto& ends = ends_of(rows);
  for (int64_t i = 0; i < ends.length(); ++i) {
    if (ends.IsValid(i)) out = std::min(out, EventTime(ends.Value(i)));
  }
  return out;
}

// Parts a batch at the watermark.
struct Parted {
  BatchPtr open;    // or nullptr
  BatchPtr closed;  // or nullptr
};
Result<Parted> part(const BatchPtr& batch, EventTime watermark) {
  const auto& ends = ends_of(*batch);
  std::vector<bool> open(static_cast<size_t>(ends.length()));
  size_t count = 0;
  for (int64_t i = 0; i < ends.length(); ++i) {
    // A NULL end has no window; Spark drops such rows.
    bool is_open = ends.IsValid(i) && ends.Value(i) > watermark.value;
    open[static_cast<size_t>(i)] = is_open;
    count += is_open ? 1 : 0;
  }
  if (count == open.size()) return Parted{batch, nullptr};
  if (count == 0) return Parted{nullptr, batch};
  Parted out;
  out.open = TRY(filtered(batch, open));
  open.flip();
  out.closed = TRY(filtered(batch, open));
  return out;
}

}  // namespace

Result<int64_t> WindowState::add(const Batches& partials, EventTime watermark) {
  int64_t late = 0;
  for (const auto& batch : partials) {
    if (batch->num_rows() == 0) continue;
    Parted parted = TRY(part(batch, watermark));
    if (parted.open) {
      first_end_ = std::min(first_end_, first_end_of(*parted.open));
      rows_.push_back(std::move(parted.open));
    }
    if (!parted.closed) continue;
    const auto& ends = ends_of(*parted.closed);
    for (int64_t i = 0; i < ends.length(); ++i) {
      if (ends.IsValid(i)) late += input_rows(*parted.closed, i);
    }
  }
  return late;
}

Result<void> WindowState::shrink(const Merge& to_merge) {
  int64_t now = rows();
  if (now < kRowsBeforeMerge || now <= 2 * merged_rows_) return {};
  return merge(to_merge);
}

Result<void> WindowState::merge(const Merge& to_merge) {
  rows_ = TRY(to_merge(rows_));
  merged_rows_ = rows();
  return {};
}

Result<Batches> WindowState::close(EventTime watermark) {
  Batches closed, open;
  if (first_end_ > watermark) return closed;
  first_end_ = EventTime::max();
  for (const auto& batch : rows_) {
    Parted parted = TRY(part(batch, watermark));
    if (parted.open) {
      first_end_ = std::min(first_end_, first_end_of(*parted.open));
      open.push_back(std::move(parted.open));
    }
    if (parted.closed) closed.push_back(std::move(parted.closed));
  }
  rows_ = std::move(open);
  merged_rows_ = std::min(merged_rows_, rows());
  return closed;
}

}  // namespace ticklake::engine
