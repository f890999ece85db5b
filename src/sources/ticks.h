// Made-up ticks as a function of their number: nothing to store, nothing to replay.
#pragma once

#include <cstdint>
#include <string>

#include "sources/sources.h"

namespace ticklake::sources {

struct Tick {
  const std::string* symbol;  // of the spec
  std::string json;
};

class TickMaker {
 public:
  // The spec must outlive it.
  explicit TickMaker(const SyntheticSpec& spec);

  // The tick of that number, whose place in event time is `event_us`.
  Tick make(int64_t number, int64_t event_us) const;

 private:
  double price(size_t symbol, int64_t event_us) const;

  const SyntheticSpec& spec_;
};

}  // namespace ticklake::sources
