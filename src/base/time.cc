#include "base/time.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ticklake {

int32_t days_from_civil(CivilDate date) {
  int64_t y = date.month <= 2 ? int64_t{date.year} - 1 : date.year;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t shifted_month = date.month > 2 ? date.month - 3 : date.month + 9;
  int64_t day_of_year = (153 * shifted_month + 2) / 5 + date.day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return static_cast<int32_t>(era * 146097 + day_of_era - 719468);
}

CivilDate civil_from_days(int32_t days) {
  int64_t z = int64_t{days} + 719468;
  int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  int64_t day_of_era = z - era * 146097;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t shifted_month = (5 * day_of_year + 2) / 153;
  CivilDate out;
  out.day = static_cast<int32_t>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  out.month = static_cast<int32_t>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  out.year = static_cast<int32_t>(year_of_era + era * 400 + (out.month <= 2 ? 1 : 0));
  return out;
}

bool is_valid(CivilDate date) {
  if (date.month < 1 || date.month > 12 || date.day < 1) return false;
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
  return date.day <= kDays[date.month - 1] + (date.month == 2 && leap ? 1 : 0);
}

std::string format_date(int32_t days) {
  CivilDate date = civil_from_days(days);
  if (date.year > 9999) return fmt::format("+{}-{:02}-{:02}", date.year, date.month, date.day);
  if (date.year < 0) return fmt::format("-{:04}-{:02}-{:02}", -date.year, date.month, date.day);
  return fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
}

std::string format_wall_time(int64_t micros) {
  int64_t day_start = floor_to(micros, kMicrosPerDay);
  int64_t rest = micros - day_start;
  int64_t seconds = rest / kMicrosPerSecond;
  std::string out = fmt::format("{}T{:02}:{:02}:{:02}",
                                format_date(static_cast<int32_t>(day_start / kMicrosPerDay)),
                                seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (int64_t fraction = rest % kMicrosPerSecond) out += fmt::format(".{:06}", fraction);
  return out;
}

std::string format_instant(int64_t micros) { return format_wall_time(micros) + "Z"; }

namespace {

// Reads from the front of a text; every read says whether it found what it wanted.
struct Reader {
  std::string_view rest;

  bool literal(char c) {
    if (rest.empty() || rest[0] != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  // Between min_digits and max_digits digits.
  bool number(int min_digits, int max_digits, int32_t& value) {
    int digits = 0;
    int64_t read = 0;
    while (digits < max_digits && !rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
      read = read * 10 + (rest[0] - '0');
      rest.remove_prefix(1);
      ++digits;
    }
    value = static_cast<int32_t>(read);
    return digits >= min_digits;
  }
};

// The date at the front: [+-]yyyy*[-M[M][-d[d]]].
bool read_date(Reader& in, CivilDate& date) {
  int sign = in.literal('-') ? -1 : 1;
  if (sign == 1) (void)in.literal('+');
  if (!in.number(4, 6, date.year)) return false;
  date.year *= sign;
  if (in.literal('-')) {
    if (!in.number(1, 2, date.month)) return false;
    if (in.literal('-') && !in.number(1, 2, date.day)) return false;
  }
  return is_valid(date);
}

bool read_time(Reader& in, int64_t& micros) {
  int32_t hour = 0, minute = 0, second = 0;
  if (!in.number(1, 2, hour)) return false;
  int64_t fraction = 0;
  if (in.literal(':')) {
    if (!in.number(1, 2, minute)) return false;
    if (in.literal(':')) {
      if (!in.number(1, 2, second)) return false;
      if (in.literal('.')) {
        int64_t unit = 100'000;
        while (!in.rest.empty() && in.rest[0] >= '0' && in.rest[0] <= '9') {
          fraction += (in.rest[0] - '0') * unit;
          unit /= 10;
          in.rest.remove_prefix(1);
        }
      }
    }
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  micros = ((hour * 60 + minute) * int64_t{60} + second) * kMicrosPerSecond + fraction;
  return true;
}

// Z | [UTC|GMT|UT][+-]h[h][:mm[:ss]] | [+-]hhmm. Offset in microseconds east of UTC.
bool read_zone(std::string_view text, int64_t& offset) {
  offset = 0;
  if (text == "Z") return true;
  for (std::string_view name : {"UTC", "GMT", "UT"}) {
    if (text.starts_with(name)) {
      text.remove_prefix(name.size());
      break;
    }
  }
  if (text.empty()) return true;
  Reader in{text};
  int sign = in.literal('-') ? -1 : 1;
  if (sign == 1 && !in.literal('+')) return false;
  int32_t hours = 0, minutes = 0, seconds = 0;
  if (in.rest.size() == 4 && in.rest.find(':') == std::string_view::npos) {
    if (!in.number(2, 2, hours) || !in.number(2, 2, minutes)) return false;
  } else {
    if (!in.number(1, 2, hours)) return false;
    if (in.literal(':') && !in.number(1, 2, minutes)) return false;
    if (in.literal(':') && !in.number(2, 2, seconds)) return false;
  }
  if (!in.rest.empty() || hours > 18 || minutes > 59 || seconds > 59) return false;
  offset = sign * ((hours * 60 + minutes) * int64_t{60} + seconds) * kMicrosPerSecond;
  return true;
}

}  // namespace

std::optional<int32_t> parse_date(std::string_view text) {
  Reader in{trimmed(text)};
  CivilDate date;
  if (!read_date(in, date)) return std::nullopt;
  if (!in.rest.empty() && in.rest[0] != 'T' && in.rest[0] != ' ') return std::nullopt;
  return days_from_civil(date);
}

std::optional<ParsedTimestamp> parse_timestamp(std::string_view text) {
  Reader in{trimmed(text)};
  CivilDate date;
  if (!read_date(in, date)) return std::nullopt;
  ParsedTimestamp out;
  int64_t days = days_from_civil(date);
  constexpr int64_t kDaysMax = INT64_MAX / kMicrosPerDay - 2;  // room for a time and a zone
  if (days > kDaysMax || days < -kDaysMax) return std::nullopt;
  out.micros = days * kMicrosPerDay;
  if (in.rest.empty()) return out;
  if (!in.literal('T') && !in.literal(' ')) return std::nullopt;
  int64_t time_of_day = 0;
  if (!read_time(in, time_of_day)) return std::nullopt;
  out.micros += time_of_day;
  std::string_view zone = trimmed(in.rest);
  if (zone.empty()) return out;
  int64_t offset = 0;
  if (!read_zone(zone, offset)) return std::nullopt;
  out.micros -= offset;
  out.has_zone = true;
  return out;
}

}  // namespace ticklake
