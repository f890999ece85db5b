// Calendar functions on micros since 1970.
#include <cmath>

#include "base/time.h"
#include "query/by_row.h"

namespace ticklake::query {
namespace {

struct Wall {
  int64_t days;
  CivilDate date;
  int64_t micros;  // of the day

  explicit Wall(int64_t us)
      : days(floor_to(us, kMicrosPerDay) / kMicrosPerDay),
        date(civil_from_days(static_cast<int32_t>(days))),
        micros(us - days * kMicrosPerDay) {}

  int64_t month() const { return date.year * int64_t{12} + date.month - 1; }
  bool last_of_month() const { return !is_valid({date.year, date.month, date.day + 1}); }
};

// Whole months between two instants as Java counts them: of dates, the second a day nearer where
// its time of day is not reached; a month is over when the same day of the month is reached.
int64_t whole_months(int64_t from_us, int64_t to_us) {
  Wall from(from_us), to(to_us);
  if (to.days > from.days && to.micros < from.micros) {
    to = Wall(to_us - kMicrosPerDay);
  } else if (to.days < from.days && to.micros > from.micros) {
    to = Wall(to_us + kMicrosPerDay);
  }
  return (to.month() * 32 + to.date.day - from.month() * 32 - from.date.day) / 32;
}

// Spark's: months of 31 days, but whole ones where the days are equal or both the last.
double months_between(int64_t a_us, int64_t b_us, bool rounds) {
  Wall a(a_us), b(b_us);
  auto months = static_cast<double>(a.month() - b.month());
  if (a.date.day == b.date.day || (a.last_of_month() && b.last_of_month())) return months;
  int64_t seconds = (a.date.day - b.date.day) * (kMicrosPerDay / kMicrosPerSecond) +
                    a.micros / kMicrosPerSecond - b.micros / kMicrosPerSecond;
  double between = months + static_cast<double>(seconds) / (31 * 86400.0);
  return rounds ? std::floor(between * 1e8 + 0.5) / 1e8 : between;
}

// Micros of a wall clock's parts, seconds in micros; second 60 is the next minute. Nothing where a
// part is out of its range.
std::optional<int64_t> make_timestamp(int32_t year, int32_t month, int32_t day, int32_t hour,
                                      int32_t minute, int64_t second_us) {
  bool fits = year >= -290000 && year <= 290000 && month >= 1 && month <= 12 && day >= 1 &&
              is_valid({year, month, day}) && hour >= 0 && hour < 24 && minute >= 0 &&
              minute < 60 && second_us >= 0 && second_us <= kMicrosPerMinute;
  if (!fits) return std::nullopt;
  return days_from_civil({year, month, day}) * kMicrosPerDay + hour * kMicrosPerHour +
         minute * kMicrosPerMinute + second_us;
}

}  // namespace

std::vector<Native> time_natives() {
  return {
      by_row<whole_months>("ticklake_whole_months"),
      by_row<months_between>("ticklake_months_between"),
      by_row<make_timestamp>("ticklake_make_timestamp"),
  };
}

}  // namespace ticklake::query
