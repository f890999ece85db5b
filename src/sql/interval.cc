#include "sql/interval.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "base/time.h"

namespace ticklake::sql {

namespace {

struct Unit {
  std::string_view name;
  IntervalUnit field;
  int64_t size;  // months or micros
};

constexpr std::array<Unit, 9> kUnits = {{
    {"YEAR", IntervalUnit::Year, 12},
    {"MONTH", IntervalUnit::Month, 1},
    {"WEEK", IntervalUnit::Day, 7 * kMicrosPerDay},
    {"DAY", IntervalUnit::Day, kMicrosPerDay},
    {"HOUR", IntervalUnit::Hour, kMicrosPerHour},
    {"MINUTE", IntervalUnit::Minute, kMicrosPerMinute},
    {"SECOND", IntervalUnit::Second, kMicrosPerSecond},
    {"MILLISECOND", IntervalUnit::Second, kMicrosPerMilli},
    {"MICROSECOND", IntervalUnit::Second, 1},
}};

const Unit* find_unit(std::string_view word) {
  std::string upper = uppered(word);
  if (upper.ends_with('S')) upper.pop_back();
  for (const Unit& unit : kUnits) {
    if (unit.name == upper) return &unit;
  }
  return nullptr;
}

bool is_months(IntervalUnit unit) { return unit <= IntervalUnit::Month; }

IntervalUnit first_unit(const Type& type) {
  return type.precision == 0 ? IntervalUnit::Day : static_cast<IntervalUnit>(type.precision - 1);
}

IntervalUnit last_unit(const Type& type) {
  return type.scale == 0 ? IntervalUnit::Second : static_cast<IntervalUnit>(type.scale - 1);
}

Error invalid(std::string message) { return Error{Code::Invalid, std::move(message)}; }

Error out_of_range(std::string_view text) {
  return invalid(fmt::format("the interval '{}' is out of range", printable(text, 60)));
}

std::optional<int64_t> whole_number(std::string_view digits) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  bool all = error == std::errc() && end == digits.data() + digits.size();
  return all && !digits.empty() && digits[0] != '-' ? std::optional(value) : std::nullopt;
}

// Micros of a fraction of a second; digits beyond the sixth are cut.
std::optional<int64_t> fraction_micros(std::string_view digits) {
  std::string six(digits.substr(0, 6));
  six.resize(6, '0');
  bool all = std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  return all && digits.size() <= 9 ? whole_number(six) : std::nullopt;
}

// "12" of any unit, "1.5" of seconds, without a sign; in months or micros.
Result<int64_t> amount(std::string_view number, const Unit& unit) {
  size_t point = number.find('.');
  std::string_view whole_text = number.substr(0, point);
  std::optional<int64_t> whole = whole_text.empty() ? 0 : whole_number(whole_text);
  std::optional<int64_t> fraction = 0;
  if (point != std::string_view::npos) {
    if (unit.name != "SECOND") {
      return invalid(fmt::format("'{}' has a fraction of a {}; only seconds may have one", number,
                                 lowered(unit.name)));
    }
    fraction = fraction_micros(number.substr(point + 1));
  }
  if (!whole || !fraction || number == ".") {
    return invalid(fmt::format("'{}' is not a number of {}s", printable(number, 40),
                               lowered(unit.name)));
  }
  int64_t result = 0;
  if (__builtin_mul_overflow(*whole, unit.size, &result) ||
      __builtin_add_overflow(result, *fraction, &result)) {
    return out_of_range(number);
  }
  return result;
}

// A sum of amounts that knows its first and last field.
class Sum {
 public:
  Result<void> add(std::string_view text, int64_t value, const Unit& unit) {
    if (seen_ && is_months(unit.field) != is_months(sum_.first)) {
      return invalid(fmt::format("the interval '{}' mixes years or months with shorter units; "
                                 "write two intervals",
                                 printable(trimmed(text), 60)));
    }
    int64_t& total = is_months(unit.field) ? months_ : sum_.micros;
    if (__builtin_add_overflow(total, value, &total)) return out_of_range(text);
    sum_.first = seen_ ? std::min(sum_.first, unit.field) : unit.field;
    sum_.last = seen_ ? std::max(sum_.last, unit.field) : unit.field;
    seen_ = true;
    return {};
  }

  Result<IntervalLiteral> finish(std::string_view text) {
    if (!seen_) {
      return invalid(fmt::format("'{}' is not an interval; write a number and a unit, such as "
                                 "'10 seconds'",
                                 printable(text, 60)));
    }
    if (months_ > INT32_MAX || months_ < INT32_MIN) return out_of_range(text);
    sum_.months = static_cast<int32_t>(months_);
    return sum_;
  }

 private:
  IntervalLiteral sum_;
  int64_t months_ = 0;
  bool seen_ = false;
};

std::string_view next_word(std::string_view& rest) {
  rest = trimmed(rest);
  size_t end = std::min(rest.find_first_of(" \t\r\n\v\f"), rest.size());
  std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

// The fields of '1 02:03:04.5', most significant first, without the sign.
std::vector<std::string_view> split_fields(std::string_view text) {
  std::vector<std::string_view> fields;
  while (true) {
    size_t end = text.find_first_of(" :-");
    fields.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return fields;
    text.remove_prefix(end + 1);
  }
}

std::string_view separators(IntervalUnit first, IntervalUnit last) {
  if (first == IntervalUnit::Year) return "-";
  std::string_view all = " ::";  // between day, hour, minute and second
  auto begin = static_cast<size_t>(first) - static_cast<size_t>(IntervalUnit::Day);
  return all.substr(begin, static_cast<size_t>(last) - static_cast<size_t>(first));
}

bool separated_by(std::string_view text, std::string_view wanted) {
  std::string found;
  for (char c : text) {
    if (c == ' ' || c == ':' || c == '-') found += c;
  }
  return found == wanted;
}

const Unit& unit_of(IntervalUnit field) {
  return *std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& unit) {
    return unit.field == field && unit.name != "WEEK";
  });
}

Error not_in_form(std::string_view text, IntervalUnit first, IntervalUnit last) {
  constexpr std::array<std::string_view, 6> kForms = {"y", "m", "d", "h", "m", "s"};
  std::string form(kForms[static_cast<size_t>(first)]);
  for (char separator : separators(first, last)) {
    auto field = static_cast<size_t>(first) + (form.size() + 1) / 2;
    form += separator;
    form += kForms[field];
  }
  return invalid(fmt::format("'{}' is not an interval {} TO {}; write '{}'", printable(text, 60),
                             unit_of(first).name, unit_of(last).name, form));
}

}  // namespace

std::optional<IntervalUnit> interval_unit(std::string_view word) {
  const Unit* unit = find_unit(word);
  if (!unit || unit_of(unit->field).name != unit->name) return std::nullopt;
  return unit->field;
}

bool is_interval_unit(std::string_view word) { return find_unit(word) != nullptr; }

Type interval_type(IntervalUnit first, IntervalUnit last) {
  Type type(Kind::Interval);
  if (first == IntervalUnit::Day && last == IntervalUnit::Second) return type;
  type.precision = static_cast<uint8_t>(static_cast<int>(first) + 1);
  type.scale = static_cast<uint8_t>(static_cast<int>(last) + 1);
  return type;
}

bool is_months(const Type& type) {
  return type.kind == Kind::Interval && type.precision > 0 && is_months(first_unit(type));
}

std::optional<Type> common_interval(const Type& a, const Type& b) {
  if (is_months(a) != is_months(b)) return std::nullopt;
  return interval_type(std::min(first_unit(a), first_unit(b)),
                       std::max(last_unit(a), last_unit(b)));
}

Result<IntervalLiteral> parse_interval(std::string_view text) {
  std::string_view rest = text;
  Sum sum;
  std::string_view word = next_word(rest);
  if (equal_ignoring_case(word, "interval")) word = next_word(rest);
  for (; !word.empty(); word = next_word(rest)) {
    bool negative = word[0] == '-';
    if (word[0] == '-' || word[0] == '+') word.remove_prefix(1);
    if (word.empty()) word = next_word(rest);
    std::string_view unit_word = next_word(rest);
    const Unit* unit = find_unit(unit_word);
    if (!unit) {
      return invalid(fmt::format(
          "'{}' has no unit of time after '{}'; write year, month, week, day, hour, minute, "
          "second, millisecond or microsecond",
          printable(trimmed(text), 60), printable(word, 20)));
    }
    int64_t value = TRY(amount(word, *unit));
    TRY(sum.add(text, negative ? -value : value, *unit));
  }
  return sum.finish(text);
}

Result<IntervalLiteral> parse_interval(std::string_view text, IntervalUnit first,
                                       IntervalUnit last) {
  if (first >= last || is_months(first) != is_months(last)) {
    return invalid(fmt::format("there is no interval {} TO {}; write YEAR TO MONTH, or DAY, HOUR "
                               "or MINUTE TO a shorter one",
                               unit_of(first).name, unit_of(last).name));
  }
  std::string_view body = trimmed(text);
  bool negative = body.starts_with('-');
  if (negative || body.starts_with('+')) body.remove_prefix(1);
  if (!separated_by(body, separators(first, last))) return not_in_form(text, first, last);
  constexpr std::array<int64_t, 6> kLimits = {0, 11, 0, 23, 59, 59};
  Sum sum;
  auto field = static_cast<size_t>(first);
  for (std::string_view part : split_fields(body)) {
    const Unit& unit = unit_of(static_cast<IntervalUnit>(field));
    Result<int64_t> value = amount(part, unit);
    if (!value) return not_in_form(text, first, last);
    bool leading = field == static_cast<size_t>(first);
    if (!leading && *value / unit.size > kLimits[field]) {
      return invalid(fmt::format("'{}' has more than {} {}s", printable(text, 60), kLimits[field],
                                 lowered(unit.name)));
    }
    TRY(sum.add(text, negative ? -*value : *value, unit));
    ++field;
  }
  return sum.finish(text);
}

}  // namespace ticklake::sql
