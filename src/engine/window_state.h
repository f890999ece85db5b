// The open windows of a flow: partial aggregates as Arrow rows, merged when they grow.
// Private to the folder.
#pragma once

#include <functional>
#include <vector>

#include "base/ids.h"
#include "model/arrow.h"

namespace ticklake::engine {

// Rows of Windowed::partial_schema: column 0 is window_end, column 1 counts input rows.
class WindowState {
 public:
  using Merge = std::function<Result<Batches>(const Batches&)>;

  // Takes partial rows whose windows are open at `watermark`; returns how many input rows were
  // late.
  Result<int64_t> add(const Batches& partials, EventTime watermark);
  // Merges if the rows kept are more than twice what the last merge left.
  Result<void> shrink(const Merge& to_merge);
  // Merges: one row a (window, keys) afterwards.
  Result<void> merge(const Merge& to_merge);
  // Removes and returns the rows of windows that `watermark` closes.
  Result<Batches> close(EventTime watermark);

  int64_t rows() const { return row_count(rows_); }
  const Batches& batches() const { return rows_; }
  // The smallest window_end, or EventTime::max() where nothing is open.
  EventTime first_end() const { return first_end_; }

 private:
  Batches rows_;
  EventTime first_end_ = EventTime::max();
  int64_t merged_rows_ = 0;
};

}  // namespace ticklake::engine
