#include "watermark.h"

#include <algorithm>

namespace ticklake::engine {

void Watermark::restore(std::optional<EventTime> value, std::map<Partition, EventTime> newest) {
  value_ = value;
  newest_ = std::move(newest);
  for (const auto& entry : newest_) known_.insert(entry.first);
}

void Watermark::saw(Partition partition, EventTime event_time) {
  known_.insert(partition);
  auto [found, fresh] = newest_.emplace(partition, event_time);
  if (!fresh) found->second = std::max(found->second, event_time);
}

void Watermark::partitions(const std::set<Partition>& known, const std::set<Partition>& idle,
                           bool all) {
  if (all) known_.clear();
  known_.insert(known.begin(), known.end());
  idle_ = idle;
}

void Watermark::advance() {
  std::optional<EventTime> lowest;
  for (Partition partition : known_) {
    if (idle_.contains(partition)) continue;
    auto newest = newest_.find(partition);
    if (newest == newest_.end()) return;
    lowest = lowest ? std::min(*lowest, newest->second) : newest->second;
  }
  if (lowest) raise(*lowest);
}

void Watermark::finish() {
  std::optional<EventTime> highest;
  for (const auto& entry : newest_) {
    highest = highest ? std::max(*highest, entry.second) : entry.second;
  }
  if (highest) raise(*highest);
}

void Watermark::raise(EventTime newest) {
  EventTime next = newest - delay_us_;
  if (!value_ || *value_ < next) value_ = next;
}

}  // namespace ticklake::engine
