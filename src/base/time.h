// Calendar arithmetic in the proleptic Gregorian calendar, on microseconds since
// 1970-01-01T00:00:00 UTC. Days and dates follow the civil-calendar algorithms published by Howard
// Hinnant
// ("chrono-Compatible Low-Level Date Algorithms").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ticklake {

inline constexpr int64_t kMicrosPerMilli = 1'000;
inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
inline constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;
inline constexpr int64_t kMicrosPerDay = 24 * kMicrosPerHour;

struct CivilDate {
  int32_t year = 1970;
  int32_t month = 1;  // 1..12
  int32_t day = 1;    // 1..31
};

// Days since 1970-01-01 of a valid date, and back.
int32_t days_from_civil(CivilDate date);
CivilDate civil_from_days(int32_t days);
bool is_valid(CivilDate date);

// "2026-01-05": years 0000 to 9999; outside, Spark's form with a sign ("+10000-01-01").
std::string format_date(int32_t days);

// "2026-01-05T14:30:00Z", with ".ffffff" before the Z where the fraction is not zero.
std::string format_instant(int64_t micros);
// The same without the Z: wall-clock time.
std::string format_wall_time(int64_t micros);

// Spark's cast of a string to DATE ("2026", "2026-1", "2026-01-05", and what follows a 'T' or a
// blank is ignored); surrounding blanks are ignored. Days since 1970-01-01; nothing where the text
// is not a date.
std::optional<int32_t> parse_date(std::string_view text);

struct ParsedTimestamp {
  int64_t micros = 0;     // of the instant where a zone was given, else of the wall clock
  bool has_zone = false;  // 'Z', "+HH:MM", "UTC", "GMT+1" were seen; region names are not accepted
};

// Spark's cast of a string to TIMESTAMP: date, then optionally 'T' or ' ' and "HH[:MM[:SS[.f..]]]",
// then optionally a zone offset. Digits of the fraction beyond six are cut. Nothing where the text
// is not a timestamp.
std::optional<ParsedTimestamp> parse_timestamp(std::string_view text);

// Largest multiple of `step` that is <= value, counted from `origin`; right for negative values
// too. step > 0.
constexpr int64_t floor_to(int64_t value, int64_t step, int64_t origin = 0) {
  int64_t rest = (value - origin) % step;
  return value - rest - (rest < 0 ? step : 0);
}

}  // namespace ticklake
