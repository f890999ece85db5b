#include "query/series.h"

#include <algorithm>

namespace ticklake::query {

Series::Values Series::values(const Indicator& indicator, std::span<const double> parameters) {
  std::scoped_lock lock(mutex_);
  for (const Known& known : known_) {
    if (known.indicator == &indicator && std::ranges::equal(known.parameters, parameters))
      return known.values;
  }
  auto values = std::make_shared<const std::vector<double>>(indicator.over(rows_, parameters));
  known_.push_back({&indicator, {parameters.begin(), parameters.end()}, values});
  return values;
}

bool SeriesSet::reserve(int64_t bytes) {
  std::scoped_lock lock(mutex_);
  bytes_ += bytes;
  return bytes_ <= bytes_max_;
}

int64_t SeriesSet::add(std::vector<double> rows) {
  std::scoped_lock lock(mutex_);
  series_.push_back(std::make_shared<Series>(std::move(rows)));
  return static_cast<int64_t>(series_.size()) - 1;
}

std::shared_ptr<Series> SeriesSet::find(int64_t number) const {
  std::scoped_lock lock(mutex_);
  auto index = static_cast<size_t>(number);
  return index < series_.size() ? series_[index] : nullptr;
}

void SeriesSet::clear() {
  std::scoped_lock lock(mutex_);
  series_.clear();
  bytes_ = 0;
}

}  // namespace ticklake::query
