#include "formats/csv_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "formats/scalar.h"

namespace ticklake::formats {
namespace {

std::string_view without_plus(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
  return text;
}

template <typename T>
bool append_integer(Column& column, std::string_view text) {
  text = without_plus(text);
  T value;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || at != end) return false;
  column.append(value);
  return true;
}

// As Java's Double.parseDouble, with Spark's names of what is not finite.
std::optional<double> real(std::string_view text) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  text = trimmed(text);
  if (text == "NaN" || text == "+NaN" || text == "-NaN") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (text == "Infinity" || text == "+Infinity" || text == "Inf") return infinity;
  if (text == "-Infinity" || text == "-Inf") return -infinity;
  text = without_plus(text);
  if (text.ends_with('d') || text.ends_with('D') || text.ends_with('f') || text.ends_with('F')) {
    text.remove_suffix(1);
  }
  bool plain = text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  if (text.empty() || !plain) return {};
  double value = 0;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, value);
  if (at != end || error == std::errc::invalid_argument) return {};
  if (error == std::errc::result_out_of_range) return to_double(text);
  return value;
}

std::optional<bool> boolean(std::string_view text) {
  if (equal_ignoring_case(text, "true")) return true;
  if (equal_ignoring_case(text, "false")) return false;
  return {};
}

bool is_integer(std::string_view text, int64_t least, int64_t most) {
  text = without_plus(text);
  int64_t value = 0;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, value);
  return !text.empty() && error == std::errc() && at == end && value >= least && value <= most;
}

// A whole number that no BIGINT holds, with its digits.
std::optional<Type> whole_decimal(std::string_view text) {
  text = without_plus(text);
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
  size_t zeros = std::min(text.find_first_not_of('0'), text.size() - 1);
  size_t size = text.size() - zeros;
  if (size > 38) return {};
  return Type::decimal(static_cast<int>(size), 0);
}

// Without a pattern only the whole form is a date: Spark takes "2026-1-5" as an instant.
bool looks_like_date(std::string_view text, const TimePatterns& patterns) {
  if (patterns.date_pattern) return patterns.date(text).has_value();
  return text.size() == 10 && text[4] == '-' && text[7] == '-' && parse_date(text).has_value();
}

// Spark asks from the type seen so far on; what fits none of them is STRING.
Type type_of(Kind from, std::string_view text, const TimePatterns& patterns) {
  bool number = from == Kind::Null || from == Kind::Integer || from == Kind::Long ||
                from == Kind::Decimal || from == Kind::Double;
  if (number) {
    if (from <= Kind::Integer && is_integer(text, INT32_MIN, INT32_MAX)) return Kind::Integer;
    if (from <= Kind::Long && is_integer(text, INT64_MIN, INT64_MAX)) return Kind::Long;
    bool decimal = from != Kind::Double;
    if (auto whole = decimal ? whole_decimal(text) : std::nullopt) return *whole;
    if (real(text)) return Kind::Double;
  }
  if ((number || from == Kind::Date) && looks_like_date(text, patterns)) return Kind::Date;
  if (from != Kind::Boolean) {
    if (patterns.timestamp(text)) return Kind::Timestamp;
  }
  return boolean(text) ? Type(Kind::Boolean) : Type(Kind::String);
}

Type common(const Type& a, const Type& b, const TimePatterns& patterns) {
  if (a == b || b.kind == Kind::Null) return a;
  if (a.kind == Kind::Null) return b;
  auto both = [&](auto&& test) { return test(a.kind) && test(b.kind); };
  if (both([](Kind k) { return k == Kind::Integer || k == Kind::Long; })) return Kind::Long;
  auto exact = [](Kind k) { return k == Kind::Integer || k == Kind::Long || k == Kind::Decimal; };
  if (both(exact)) {
    auto digits_of = [](const Type& type) {
      return type.kind == Kind::Integer ? 10 : type.kind == Kind::Long ? 20 : int{type.precision};
    };
    return Type::decimal(std::max(digits_of(a), digits_of(b)), 0);
  }
  if (both([&](Kind k) { return exact(k) || k == Kind::Double; })) return Kind::Double;
  auto time = [](Kind k) { return k == Kind::Date || k == Kind::Timestamp; };
  if (both(time) && !patterns.timestamp_pattern) return Kind::Timestamp;
  return Kind::String;
}

}  // namespace

Result<TimePatterns> TimePatterns::make(const FileFormat& format) {
  TimePatterns out;
  if (!format.date_format.empty()) out.date_pattern = TRY(TimePattern::make(format.date_format));
  if (!format.timestamp_format.empty()) {
    out.timestamp_pattern = TRY(TimePattern::make(format.timestamp_format));
  }
  return out;
}

std::optional<int32_t> TimePatterns::date(std::string_view text) const {
  if (!date_pattern) return parse_date(text);
  auto parsed = date_pattern->parse(text);
  if (!parsed) return {};
  return static_cast<int32_t>(floor_to(parsed->micros, kMicrosPerDay) / kMicrosPerDay);
}

std::optional<ParsedTimestamp> TimePatterns::timestamp(std::string_view text) const {
  return timestamp_pattern ? timestamp_pattern->parse(text) : parse_timestamp(text);
}

bool append_csv_value(Column& column, std::string_view text, const TimePatterns& patterns) {
  switch (column.type().kind) {
    case Kind::String: column.append_bytes(text); return true;
    case Kind::Byte: return append_integer<int8_t>(column, text);
    case Kind::Short: return append_integer<int16_t>(column, text);
    case Kind::Integer: return append_integer<int32_t>(column, text);
    case Kind::Long: return append_integer<int64_t>(column, text);
    case Kind::Float:
    case Kind::Double: {
      auto value = real(text);
      if (!value) return false;
      if (column.type().kind == Kind::Double) column.append(*value);
      else column.append(static_cast<float>(*value));
      return true;
    }
    case Kind::Decimal: {
      auto value = to_decimal(without_plus(text), column.type().precision, column.type().scale);
      if (value) column.append(*value);
      return value.has_value();
    }
    case Kind::Boolean: {
      auto value = boolean(text);
      if (value) column.append(static_cast<uint8_t>(*value));
      return value.has_value();
    }
    case Kind::Date: {
      auto days = patterns.date(text);
      if (days) column.append(*days);
      return days.has_value();
    }
    case Kind::Timestamp:
    case Kind::TimestampNtz: {
      auto parsed = patterns.timestamp(text);
      bool fits = parsed && (column.type().kind == Kind::Timestamp || !parsed->has_zone);
      if (fits) column.append(parsed->micros);
      return fits;
    }
    case Kind::Binary: column.append_bytes(text); return true;
    default: return false;
  }
}

Type csv_type(const Type& before, std::string_view text, const TimePatterns& patterns) {
  if (before.kind == Kind::String) return before;
  return common(before, type_of(before.kind, text, patterns), patterns);
}

}  // namespace ticklake::formats
