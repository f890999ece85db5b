#include "sources/new_york.h"

#include "base/time.h"

namespace ticklake::sources {
namespace {

constexpr int64_t kStandardUs = -5 * kMicrosPerHour;
constexpr int64_t kSummerUs = -4 * kMicrosPerHour;

// The day of the nth Sunday of a month (n >= 1), or of its last one (n = 0), since 1970.
int32_t sunday(int32_t year, int32_t month, int n) {
  // 1970-01-04 was one.
  auto back_to_sunday = [](int32_t day) { return static_cast<int32_t>(floor_to(day, 7, 3)); };
  if (n > 0) return back_to_sunday(days_from_civil({year, month, 7})) + 7 * (n - 1);
  bool december = month == 12;
  int32_t next = days_from_civil({december ? year + 1 : year, december ? 1 : month + 1, 1});
  return back_to_sunday(next - 1);
}

// The days on which clocks go forward and back, at 2 o'clock of the wall.
struct Summer {
  int32_t begin, end;
};

Summer summer_of(int32_t year) {
  if (year >= 2007) return {sunday(year, 3, 2), sunday(year, 11, 1)};
  if (year >= 1987) return {sunday(year, 4, 1), sunday(year, 10, 0)};
  if (year == 1974) return {days_from_civil({1974, 1, 6}), sunday(year, 10, 0)};
  if (year == 1975) return {days_from_civil({1975, 2, 23}), sunday(year, 10, 0)};
  return {sunday(year, 4, 0), sunday(year, 10, 0)};
}

int32_t year_of(int64_t us) {
  return civil_from_days(static_cast<int32_t>(floor_to(us, kMicrosPerDay) / kMicrosPerDay)).year;
}

}  // namespace

int64_t new_york_to_utc(int64_t wall_us) {
  Summer summer = summer_of(year_of(wall_us));
  // Up to 3 o'clock of a clock that went forward: what it never showed is read as before.
  int64_t begin = summer.begin * kMicrosPerDay + 3 * kMicrosPerHour;
  int64_t end = summer.end * kMicrosPerDay + 2 * kMicrosPerHour;
  return wall_us - (wall_us >= begin && wall_us < end ? kSummerUs : kStandardUs);
}

int64_t utc_to_new_york(int64_t instant_us) {
  Summer summer = summer_of(year_of(instant_us + kStandardUs));
  int64_t begin = summer.begin * kMicrosPerDay + 2 * kMicrosPerHour - kStandardUs;
  int64_t end = summer.end * kMicrosPerDay + 2 * kMicrosPerHour - kSummerUs;
  return instant_us + (instant_us >= begin && instant_us < end ? kSummerUs : kStandardUs);
}

}  // namespace ticklake::sources
