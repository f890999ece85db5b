#include "formats/time_pattern.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace ticklake::formats {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 7> kDays = {"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};
constexpr std::string_view kLetters = "yuMLdHhKkmsSaEXxZzDnV";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* digits(const char* at, const char* stop, int least, int most, int64_t& value) {
  value = 0;
  int count = 0;
  for (; at != stop && count < most && is_digit(*at); ++at, ++count) value = value * 10 + *at - '0';
  return count < least ? nullptr : at;
}

template <size_t N>
const char* name(const char* at, const char* stop, const std::array<std::string_view, N>& names,
                 bool whole, int64_t& index) {
  for (size_t i = 0; i < N; ++i) {
    std::string_view wanted = whole ? names[i] : names[i].substr(0, 3);
    if (static_cast<size_t>(stop - at) < wanted.size()) continue;
    if (!equal_ignoring_case({at, wanted.size()}, wanted)) continue;
    index = static_cast<int64_t>(i);
    return at + wanted.size();
  }
  return nullptr;
}

// "+02:00", "+0200" or "+02", as the count asks for; 'X' takes "Z" too.
const char* offset(const char* at, const char* stop, char letter, int count, int64_t& micros) {
  if (at == stop) return nullptr;
  if (letter == 'X' && (*at == 'Z' || *at == 'z')) {
    micros = 0;
    return at + 1;
  }
  if (*at != '+' && *at != '-') return nullptr;
  bool minus = *at++ == '-';
  bool colon = letter == 'Z' ? count == 5 : count == 3 || count == 5;
  int64_t hours = 0, minutes = 0;
  at = digits(at, stop, 2, 2, hours);
  if (at == nullptr) return nullptr;
  bool optional = letter != 'Z' && count == 1;
  const char* next = at;
  if (colon) next = at != stop && *at == ':' ? at + 1 : nullptr;
  if (next != nullptr) next = digits(next, stop, 2, 2, minutes);
  if (next == nullptr && !optional) return nullptr;
  if (next == nullptr) minutes = 0;
  if (hours > 18 || minutes > 59) return nullptr;
  micros = (hours * 60 + minutes) * kMicrosPerMinute * (minus ? -1 : 1);
  return next == nullptr ? at : next;
}

const char* zone_name(const char* at, const char* stop, int64_t& micros) {
  micros = 0;
  for (std::string_view zone : {"UTC", "GMT", "Z"}) {
    if (static_cast<size_t>(stop - at) < zone.size()) continue;
    if (equal_ignoring_case({at, zone.size()}, zone)) return at + zone.size();
  }
  return nullptr;
}

const char* fraction(const char* at, const char* stop, int most, int64_t& micros) {
  micros = 0;
  int count = 0;
  for (; at != stop && count < most && is_digit(*at); ++at, ++count) {
    if (count < 6) micros = micros * 10 + *at - '0';
  }
  for (int i = count; i < 6; ++i) micros *= 10;
  return count == 0 ? nullptr : at;
}

}  // namespace

struct TimePattern::Fields {
  int64_t year = 1970, month = 1, day = 1;
  int64_t day_of_year = 0;
  int64_t hour = 0, half_hour = -1, half = 0;  // half: 1 is PM
  int64_t minute = 0, second = 0, micros = 0;
  std::optional<int64_t> offset_us = {};
};

Result<TimePattern> TimePattern::make(std::string_view pattern) {
  TimePattern out;
  std::vector<size_t> open;
  auto unclosed = [&](std::string_view what) {
    return Error{Code::Invalid, fmt::format("'{}': {} is not closed", pattern, what)};
  };
  for (size_t at = 0; at < pattern.size();) {
    char c = pattern[at];
    if (c == '\'') {
      size_t close = pattern.find('\'', at + 1);
      if (close == std::string_view::npos) return unclosed("a quote");
      std::string text(pattern.substr(at + 1, close - at - 1));
      out.items_.push_back({.text = text.empty() ? "'" : text});
      at = close + 1;
    } else if (c == '[') {
      open.push_back(out.items_.size());
      out.items_.push_back({.letter = '['});
      ++at;
    } else if (c == ']') {
      if (open.empty()) return unclosed("a bracket");
      out.items_.push_back({.letter = ']'});
      out.items_[open.back()].end = out.items_.size();
      open.pop_back();
      ++at;
    } else if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      size_t end = pattern.find_first_not_of(c, at);
      if (end == std::string_view::npos) end = pattern.size();
      if (kLetters.find(c) == std::string_view::npos) {
        return Error{Code::Unsupported,
                     fmt::format("'{}': the letter {} is not available; there are {}", pattern, c,
                                 kLetters)};
      }
      out.items_.push_back({.letter = c, .count = static_cast<int>(end - at)});
      at = end;
    } else {
      out.items_.push_back({.text = std::string(1, c)});
      ++at;
    }
  }
  if (!open.empty()) return unclosed("a bracket");
  return out;
}

const char* TimePattern::read_one(const Item& item, const char* at, const char* stop,
                                  Fields& out) const {
  int least = item.count, most = item.count == 1 ? 2 : item.count;
  auto number = [&](int64_t& value) { return digits(at, stop, least, most, value); };
  switch (item.letter) {
    case '\0': {
      size_t size = item.text.size();
      bool same = static_cast<size_t>(stop - at) >= size &&
                  equal_ignoring_case({at, size}, item.text);
      return same ? at + size : nullptr;
    }
    case 'y':
    case 'u': {
      if (item.count == 2) {
        at = digits(at, stop, 2, 2, out.year);
        out.year += 2000;
        return at;
      }
      return digits(at, stop, item.count == 1 ? 1 : 4, 4, out.year);
    }
    case 'M':
    case 'L': {
      if (item.count <= 2) return number(out.month);
      int64_t index = 0;
      at = name(at, stop, kMonths, item.count == 4, index);
      out.month = index + 1;
      return at;
    }
    case 'd': return number(out.day);
    case 'D': return digits(at, stop, item.count, 3, out.day_of_year);
    case 'H': return number(out.hour);
    case 'k':
      at = number(out.hour);
      out.hour %= 24;
      return at;
    case 'h':
    case 'K': {
      at = number(out.half_hour);
      int64_t least_hour = item.letter == 'h' ? 1 : 0;
      bool fits = out.half_hour >= least_hour && out.half_hour < 12 + least_hour;
      out.half_hour %= 12;
      return fits ? at : nullptr;
    }
    case 'm': return number(out.minute);
    case 's': return number(out.second);
    case 'S': return fraction(at, stop, item.count, out.micros);
    case 'n': {
      int64_t nanos = 0;
      at = digits(at, stop, 1, 9, nanos);
      out.micros = nanos / 1000;
      return at;
    }
    case 'a': return name(at, stop, std::array<std::string_view, 2>{"am", "pm"}, true, out.half);
    case 'E': {
      int64_t ignored = 0;
      return name(at, stop, kDays, item.count >= 4, ignored);
    }
    case 'z':
    case 'V': {
      int64_t zone = 0;
      at = zone_name(at, stop, zone);
      out.offset_us = zone;
      return at;
    }
    default: {
      int64_t zone = 0;
      at = offset(at, stop, item.letter, item.count, zone);
      out.offset_us = zone;
      return at;
    }
  }
}

const char* TimePattern::read(size_t item, size_t end, const char* at, const char* stop,
                              Fields& out) const {
  for (; item < end && at != nullptr; ++item) {
    const Item& one = items_[item];
    if (one.letter == ']') continue;
    if (one.letter != '[') {
      at = read_one(one, at, stop, out);
      continue;
    }
    Fields before = out;
    const char* after = read(item + 1, one.end, at, stop, out);
    if (after == nullptr) out = before;
    at = after == nullptr ? at : after;
    item = one.end - 1;
  }
  return at;
}

std::optional<ParsedTimestamp> TimePattern::parse(std::string_view text) const {
  Fields found;
  const char* stop = text.data() + text.size();
  if (read(0, items_.size(), text.data(), stop, found) != stop) return {};
  if (found.day_of_year > 0) found.month = found.day = 1;
  CivilDate date{static_cast<int32_t>(found.year), static_cast<int32_t>(found.month),
                 static_cast<int32_t>(found.day)};
  if (found.half_hour >= 0) found.hour = found.half_hour + 12 * found.half;
  bool fits = is_valid(date) && found.hour < 24 && found.minute < 60 && found.second < 60;
  if (!fits) return {};
  int64_t days = days_from_civil(date);
  if (found.day_of_year > 0) days += found.day_of_year - 1;
  ParsedTimestamp out;
  out.micros = days * kMicrosPerDay + found.hour * kMicrosPerHour +
               found.minute * kMicrosPerMinute + found.second * kMicrosPerSecond + found.micros -
               found.offset_us.value_or(0);
  out.has_zone = found.offset_us.has_value();
  return out;
}

}  // namespace ticklake::formats
