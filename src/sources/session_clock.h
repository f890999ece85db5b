// Time that passes only while a market is open.
#pragma once

#include <cstdint>

#include "sources/sources.h"

namespace ticklake::sources {

class SessionClock {
 public:
  explicit SessionClock(const Session& session);

  // How long the market has been open from a fixed instant up to `instant_us`; grows with it.
  int64_t open_time(int64_t instant_us) const;
  // The instant at which it has been open for so long; the other way round. Where the market is
  // closed for a while, the instant at which it opens again.
  int64_t instant(int64_t open_time_us) const;

 private:
  Session session_;
  int64_t day_us_;       // of one session
  int64_t days_ = 0;     // sessions a week
};

}  // namespace ticklake::sources
