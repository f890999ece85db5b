#include "sources/session_clock.h"

#include <algorithm>
#include <bit>

#include "base/time.h"

namespace ticklake::sources {
namespace {

constexpr int64_t kWeek = 7 * kMicrosPerDay;
constexpr int64_t kMonday = -3 * kMicrosPerDay;  // 1969-12-29, a Monday

}  // namespace

SessionClock::SessionClock(const Session& session)
    : session_(session),
      day_us_(session.close_us - session.open_us),
      days_(std::popcount(session.days)) {}

int64_t SessionClock::open_time(int64_t instant_us) const {
  int64_t week_begin = floor_to(instant_us, kWeek, kMonday);
  int64_t in_week = instant_us - week_begin;
  int64_t today = in_week / kMicrosPerDay;
  int64_t out = (week_begin - kMonday) / kWeek * days_ * day_us_;
  unsigned before = session_.days & ((1u << today) - 1);
  out += std::popcount(before) * day_us_;
  if (session_.days >> today & 1) {
    out += std::clamp<int64_t>(in_week % kMicrosPerDay - session_.open_us, 0, day_us_);
  }
  return out;
}

int64_t SessionClock::instant(int64_t open_time_us) const {
  int64_t week_us = days_ * day_us_;
  int64_t week_begin = floor_to(open_time_us, week_us);
  int64_t rest = open_time_us - week_begin;
  int64_t sessions = rest / day_us_;
  int64_t day = 0;
  while (true) {
    if (session_.days >> day & 1) {
      if (sessions == 0) break;
      --sessions;
    }
    ++day;
  }
  return kMonday + week_begin / week_us * kWeek + day * kMicrosPerDay + session_.open_us +
         rest % day_us_;
}

}  // namespace ticklake::sources
