#include "formats/scalar.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/text.h"
#include "base/time.h"

namespace ticklake::formats {
namespace {

using S = Scalar::Kind;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <typename T>
bool append_integer(Column& column, const Scalar& scalar) {
  if (scalar.kind != S::Integer) return false;
  T value;
  const char* end = scalar.text.data() + scalar.text.size();
  auto [at, error] = std::from_chars(scalar.text.data(), end, value);
  if (error != std::errc() || at != end) return false;
  column.append(value);
  return true;
}

std::optional<double> named_double(std::string_view text) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity" || text == "+Infinity" || text == "+INF") return infinity;
  if (text == "-Infinity" || text == "-INF") return -infinity;
  return {};
}

template <typename T>
bool append_real(Column& column, const Scalar& scalar) {
  if (scalar.kind == S::Integer || scalar.kind == S::Real) {
    if (auto named = named_double(scalar.text)) {
      column.append(static_cast<T>(*named));
    } else {
      // An integer has no negative zero.
      double value = to_double(scalar.text);
      column.append(static_cast<T>(scalar.kind == S::Integer ? value + 0.0 : value));
    }
    return true;
  }
  auto value = scalar.kind == S::String ? named_double(scalar.text) : std::nullopt;
  if (value) column.append(static_cast<T>(*value));
  return value.has_value();
}

bool append_decimal(Column& column, const Scalar& scalar) {
  if (scalar.kind != S::Integer && scalar.kind != S::Real && scalar.kind != S::String) return false;
  auto value = to_decimal(scalar.text, column.type().precision, column.type().scale);
  if (value) column.append(*value);
  return value.has_value();
}

bool append_string(Column& column, const Scalar& scalar) {
  switch (scalar.kind) {
    case S::Integer: column.append_bytes(scalar.text == "-0" ? "0" : scalar.text); return true;
    case S::Real: {
      auto named = named_double(scalar.text);
      double value = named ? *named : to_double(scalar.text);
      std::string text = java_double(value);
      column.append_bytes(std::isfinite(value) ? text : '"' + text + '"');
      return true;
    }
    case S::Nested: return false;
    default: column.append_bytes(scalar.text); return true;
  }
}

bool append_date(Column& column, const Scalar& scalar) {
  if (scalar.kind != S::String) return false;
  auto days = parse_date(scalar.text);
  if (!days) {
    // What is no date but a whole number counts days, as Spark 1.5 wrote them.
    int32_t number;
    const char* end = scalar.text.data() + scalar.text.size();
    auto [at, error] = std::from_chars(scalar.text.data(), end, number);
    if (error != std::errc() || at != end || scalar.text.empty()) return false;
    days = number;
  }
  column.append(*days);
  return true;
}

int two_digits(const char* at) { return (at[0] - '0') * 10 + (at[1] - '0'); }

bool all_digits(const char* at, int count) {
  for (int i = 0; i < count; ++i) {
    if (!is_digit(at[i])) return false;
  }
  return true;
}

// "2026-01-05T14:30:00.123Z", the form that nearly all feeds write, without the general parser.
std::optional<int64_t> plain_instant(std::string_view text) {
  size_t size = text.size();
  const char* t = text.data();
  if (size < 20 || size > 27 || size == 21 || t[size - 1] != 'Z') return {};
  if (t[4] != '-' || t[7] != '-' || t[10] != 'T' || t[13] != ':' || t[16] != ':') return {};
  if (!all_digits(t, 4) || !all_digits(t + 5, 2) || !all_digits(t + 8, 2) ||
      !all_digits(t + 11, 2) || !all_digits(t + 14, 2) || !all_digits(t + 17, 2)) {
    return {};
  }
  CivilDate date{two_digits(t) * 100 + two_digits(t + 2), two_digits(t + 5), two_digits(t + 8)};
  int hour = two_digits(t + 11), minute = two_digits(t + 14), second = two_digits(t + 17);
  if (!is_valid(date) || hour > 23 || minute > 59 || second > 59) return {};
  int64_t micros = 0;
  if (size > 20) {
    int digits = static_cast<int>(size) - 21;
    if (t[19] != '.' || !all_digits(t + 20, digits)) return {};
    for (int i = 0; i < 6; ++i) micros = micros * 10 + (i < digits ? t[20 + i] - '0' : 0);
  }
  return days_from_civil(date) * kMicrosPerDay + hour * kMicrosPerHour + minute * kMicrosPerMinute +
         second * kMicrosPerSecond + micros;
}

bool append_instant(Column& column, const Scalar& scalar) {
  if (scalar.kind == S::Integer) {
    auto seconds = to_int64(scalar.text);
    int64_t micros;
    if (!seconds || __builtin_mul_overflow(*seconds, kMicrosPerSecond, &micros)) return false;
    column.append(micros);
    return true;
  }
  if (scalar.kind != S::String) return false;
  if (auto micros = plain_instant(scalar.text)) {
    column.append(*micros);
    return true;
  }
  auto parsed = parse_timestamp(scalar.text);
  if (parsed) column.append(parsed->micros);
  return parsed.has_value();
}

bool append_wall_time(Column& column, const Scalar& scalar) {
  if (scalar.kind != S::String) return false;
  auto parsed = parse_timestamp(scalar.text);
  if (!parsed || parsed->has_zone) return false;
  column.append(parsed->micros);
  return true;
}

bool append_boolean(Column& column, const Scalar& scalar) {
  if (scalar.kind != S::True && scalar.kind != S::False) return false;
  column.append<uint8_t>(scalar.kind == S::True);
  return true;
}

bool append_binary(Column& column, const Scalar& scalar) {
  if (scalar.kind != S::String) return false;
  auto bytes = from_base64(scalar.text);
  if (bytes) column.append_bytes(*bytes);
  return bytes.has_value();
}

}  // namespace

bool append_scalar(Column& column, const Scalar& scalar) {
  if (scalar.kind <= S::Null) {
    column.append_null();
    return true;
  }
  switch (column.type().kind) {
    case Kind::String: return append_string(column, scalar);
    case Kind::Timestamp: return append_instant(column, scalar);
    case Kind::Double: return append_real<double>(column, scalar);
    case Kind::Long: return append_integer<int64_t>(column, scalar);
    case Kind::Integer: return append_integer<int32_t>(column, scalar);
    case Kind::Decimal: return append_decimal(column, scalar);
    case Kind::Date: return append_date(column, scalar);
    case Kind::Boolean: return append_boolean(column, scalar);
    case Kind::Float: return append_real<float>(column, scalar);
    case Kind::Short: return append_integer<int16_t>(column, scalar);
    case Kind::Byte: return append_integer<int8_t>(column, scalar);
    case Kind::TimestampNtz: return append_wall_time(column, scalar);
    case Kind::Binary: return append_binary(column, scalar);
    case Kind::Null: column.append_null(); return true;
    default: return false;
  }
}

std::string mismatch(const Type& type, const Scalar& scalar) {
  std::string text = printable(scalar.text, 60);
  if (scalar.kind == S::String) {
    if (type.is_numeric() && !to_decimal(scalar.text, 38, 0)) {
      return fmt::format("not a number: \"{}\"", text);
    }
    text = '"' + text + '"';
  }
  if (scalar.kind == S::True) text = "true";
  if (scalar.kind == S::False) text = "false";
  if (scalar.kind == S::Null) text = "null";
  std::string name = to_sql(type);
  std::string_view article = name[0] == 'I' || name[0] == 'A' ? "an" : "a";
  return fmt::format("{} is not {} {}", text, article, name);
}

}  // namespace ticklake::formats
