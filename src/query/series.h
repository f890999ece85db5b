// The rows of one partition of a window, in its order, for the market functions over them. Private
// to this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "model/indicators.h"

namespace ticklake::query {

// Any thread.
class Series {
 public:
  // `rows`: the values of a row after those of the row before; NaN: NULL.
  explicit Series(std::vector<double> rows) : rows_(std::move(rows)) {}

  // Of all rows, worked out when first asked for.
  using Values = std::shared_ptr<const std::vector<double>>;
  Values values(const Indicator& indicator, std::span<const double> parameters);

 private:
  struct Known {
    const Indicator* indicator;
    std::vector<double> parameters;
    Values values;
  };
  const std::vector<double> rows_;
  std::mutex mutex_;
  std::vector<Known> known_;
};

// Those of one statement, by number. A run makes them and they go when it has ended. Any thread.
class SeriesSet {
 public:
  explicit SeriesSet(int64_t bytes_max) : bytes_max_(bytes_max) {}

  bool reserve(int64_t bytes);  // false: all together would take more than bytes_max()
  int64_t bytes_max() const { return bytes_max_; }
  int64_t add(std::vector<double> rows);
  std::shared_ptr<Series> find(int64_t number) const;  // nullptr: no such
  void clear();

 private:
  const int64_t bytes_max_;
  mutable std::mutex mutex_;
  int64_t bytes_ = 0;
  std::vector<std::shared_ptr<Series>> series_;
};

}  // namespace ticklake::query
