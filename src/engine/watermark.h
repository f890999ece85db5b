// How far event time has come, for sure, over the partitions of the original topic.
// Private to the folder.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/ids.h"

namespace ticklake::engine {

class Watermark {
 public:
  explicit Watermark(int64_t delay_us) : delay_us_(delay_us) {}

  // What storage says: the watermark, and each partition's newest event time.
  void restore(std::optional<EventTime> value, std::map<Partition, EventTime> newest);

  void saw(Partition partition, EventTime event_time);
  // Partitions, and those of them that are at their end and stay there for now. `all`: there are no
  // others, any more.
  void partitions(const std::set<Partition>& known, const std::set<Partition>& idle,
                  bool all = false);

  // To the minimum over the partitions that are not idle, less the delay; never back. One that has
  // given no event time yet, and all being idle, hold it.
  void advance();
  // Nothing more will come: to the maximum over all partitions, less the delay.
  void finish();

  std::optional<EventTime> value() const { return value_; }
  const std::map<Partition, EventTime>& newest() const { return newest_; }

 private:
  void raise(EventTime newest);

  int64_t delay_us_;
  std::optional<EventTime> value_;
  std::map<Partition, EventTime> newest_;
  std::set<Partition> known_, idle_;
};

}  // namespace ticklake::engine
