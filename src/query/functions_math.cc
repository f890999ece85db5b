// Functions over numbers: Java's Math, rounding of decimal digits, shifts.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "query/by_row.h"

namespace ticklake::query {
namespace {

enum class Rounding : int32_t { HalfEven, Up, Down, HalfUp };  // up and down: ceil and floor

// What the digits that are cut off are compared with one half.
bool away(Rounding mode, bool negative, char last_kept, std::string_view cut) {
  bool some = cut.find_first_not_of('0') != std::string_view::npos;
  if (mode == Rounding::Up) return some && !negative;
  if (mode == Rounding::Down) return some && negative;
  if (cut.empty() || cut[0] != '5') return !cut.empty() && cut[0] > '5';
  bool half = cut.find_first_not_of('0', 1) == std::string_view::npos;
  return !half || mode == Rounding::HalfUp || (last_kept - '0') % 2 == 1;
}

void increment(std::string& digits) {
  size_t at = digits.size();
  while (at > 0 && digits[at - 1] == '9') digits[--at] = '0';
  if (at == 0) {
    digits.insert(digits.begin(), '1');
  } else {
    ++digits[at - 1];
  }
}

// "-12.345" with so many digits behind the point, or before it so many zeros.
std::string rounded(std::string_view text, int32_t digits, Rounding mode) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  size_t point = std::min(text.find('.'), text.size());
  std::string all(text.substr(0, point));
  all += text.substr(std::min(point + 1, text.size()));
  int64_t kept = static_cast<int64_t>(point) + digits;
  if (kept < 0) {
    all.insert(0, static_cast<size_t>(-kept), '0');
    point += static_cast<size_t>(-kept);
    kept = 0;
  }
  auto count = static_cast<size_t>(kept);
  if (count > all.size()) all.resize(count, '0');
  std::string cut = all.substr(count);
  all.resize(count);
  if (away(mode, negative, all.empty() ? '0' : all.back(), cut)) increment(all);
  if (digits < 0) all.append(static_cast<size_t>(-static_cast<int64_t>(digits)), '0');
  auto fraction = static_cast<size_t>(std::max(digits, 0));
  if (all.size() <= fraction) all.insert(0, fraction + 1 - all.size(), '0');
  std::string out = negative ? "-" : "";
  out += all.substr(0, all.size() - fraction);
  if (fraction > 0) out += "." + all.substr(all.size() - fraction);
  return out;
}

std::string round_digits(std::string_view text, int32_t digits, int32_t mode) {
  return rounded(text, digits, static_cast<Rounding>(mode));
}

// Of the shortest digits that print the number, as Java's BigDecimal(Double.toString(x)).
template <typename T>
T round_floating(T value, int32_t digits, int32_t mode) {
  constexpr int32_t kDigitsMax = 400;  // beyond, any double is whole or 0
  if (!std::isfinite(value) || value == 0) return value;
  char shortest[1200];
  auto printed =
      std::to_chars(shortest, shortest + sizeof(shortest), value, std::chars_format::fixed);
  std::string_view text(shortest, static_cast<size_t>(printed.ptr - shortest));
  std::string out =
      rounded(text, std::clamp(digits, -kDigitsMax, kDigitsMax), static_cast<Rounding>(mode));
  T result = 0;
  std::from_chars(out.data(), out.data() + out.size(), result);
  return result == 0 ? T{0} : result;
}

// As Java's Formatter prints %.2f: of the shortest digits, half up.
std::string fixed(double value, int32_t digits) {
  if (value != value) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char shortest[1200];
  auto printed =
      std::to_chars(shortest, shortest + sizeof(shortest), value, std::chars_format::fixed);
  std::string_view text(shortest, static_cast<size_t>(printed.ptr - shortest));
  return rounded(text, digits, Rounding::HalfUp);
}

// "-5" as "-0005".
std::string zero_padded(std::string_view number, int32_t width) {
  std::string out(number);
  size_t sign = number.starts_with('-') ? 1 : 0;
  auto wanted = static_cast<size_t>(width);
  if (out.size() < wanted) out.insert(sign, wanted - out.size(), '0');
  return out;
}

double hypotenuse(double a, double b) { return std::hypot(a, b); }
double atan2_of(double a, double b) { return std::atan2(a, b); }

int32_t shift_left_int(int32_t value, int32_t by) {
  return static_cast<int32_t>(static_cast<uint32_t>(value) << (by & 31));
}
int64_t shift_left_long(int64_t value, int32_t by) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) << (by & 63));
}
int32_t shift_right_int(int32_t value, int32_t by) { return value >> (by & 31); }
int64_t shift_right_long(int64_t value, int32_t by) { return value >> (by & 63); }
int32_t shift_unsigned_int(int32_t value, int32_t by) {
  return static_cast<int32_t>(static_cast<uint32_t>(value) >> (by & 31));
}
int64_t shift_unsigned_long(int64_t value, int32_t by) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) >> (by & 63));
}

}  // namespace

std::vector<Native> math_natives() {
  return {
      by_row<[](double v) { return std::sin(v); }>("ticklake_sin"),
      by_row<[](double v) { return std::cos(v); }>("ticklake_cos"),
      by_row<[](double v) { return std::tan(v); }>("ticklake_tan"),
      by_row<[](double v) { return std::asin(v); }>("ticklake_asin"),
      by_row<[](double v) { return std::acos(v); }>("ticklake_acos"),
      by_row<[](double v) { return std::atan(v); }>("ticklake_atan"),
      by_row<[](double v) { return std::sinh(v); }>("ticklake_sinh"),
      by_row<[](double v) { return std::cosh(v); }>("ticklake_cosh"),
      by_row<[](double v) { return std::tanh(v); }>("ticklake_tanh"),
      by_row<[](double v) { return std::asinh(v); }>("ticklake_asinh"),
      by_row<[](double v) { return std::acosh(v); }>("ticklake_acosh"),
      by_row<[](double v) { return std::atanh(v); }>("ticklake_atanh"),
      by_row<[](double v) { return std::cbrt(v); }>("ticklake_cbrt"),
      by_row<[](double v) { return std::expm1(v); }>("ticklake_expm1"),
      by_row<[](double v) { return std::log1p(v); }>("ticklake_log1p"),
      by_row<[](double v) { return std::nearbyint(v); }>("ticklake_rint"),
      by_row<atan2_of>("ticklake_atan2"),
      by_row<hypotenuse>("ticklake_hypot"),
      by_row<round_digits>("ticklake_round_digits"),
      by_row<round_floating<double>>("ticklake_round_double"),
      by_row<round_floating<float>>("ticklake_round_float"),
      by_row<fixed>("ticklake_fixed"),
      by_row<zero_padded>("ticklake_zero_padded"),
      by_row<shift_left_int>("ticklake_shift_left_int"),
      by_row<shift_left_long>("ticklake_shift_left_long"),
      by_row<shift_right_int>("ticklake_shift_right_int"),
      by_row<shift_right_long>("ticklake_shift_right_long"),
      by_row<shift_unsigned_int>("ticklake_shift_unsigned_int"),
      by_row<shift_unsigned_long>("ticklake_shift_unsigned_long"),
  };
}

}  // namespace ticklake::query
