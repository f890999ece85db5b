// Numbers, base64 and JSON strings as text.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "formats/scalar.h"

namespace ticklake::formats {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Exact by one division where the digits are a whole number below 2^53 (Clinger): what prices are.
std::optional<double> simple_double(std::string_view number) {
  const char* at = number.data();
  const char* end = at + number.size();
  bool negative = *at == '-';
  if (negative) ++at;
  if (end - at > 16) return {};
  uint64_t digits = 0;
  const char* dot = nullptr;
  for (; at != end; ++at) {
    if (is_digit(*at)) {
      digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    } else if (*at == '.') {
      dot = at;
    } else {
      return {};
    }
  }
  auto value = static_cast<double>(digits);
  if (digits > (uint64_t{1} << 53)) return {};
  if (dot) value /= kPowersOfTen[end - dot - 1];
  return negative ? -value : value;
}

struct Digits {
  bool negative = false;
  std::string digits;    // without leading zeros
  int64_t exponent = 0;  // value = digits * 10^exponent
};

std::optional<Digits> digits_of(std::string_view text) {
  Digits out;
  size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) out.negative = text[at++] == '-';
  bool any = false, dot = false;
  for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !dot)); ++at) {
    if (text[at] == '.') {
      dot = true;
      continue;
    }
    any = true;
    if (dot) --out.exponent;
    if (text[at] != '0' || !out.digits.empty()) out.digits += text[at];
  }
  if (!any) return {};
  if (at == text.size()) return out;
  if (text[at] != 'e' && text[at] != 'E') return {};
  if (++at < text.size() && text[at] == '+') ++at;
  int32_t exponent;
  auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), exponent);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  out.exponent += exponent;
  return out;
}

}  // namespace

const char* scan_number(const char* at, const char* end, bool& real) {
  real = false;
  auto digits = [&] {
    const char* begin = at;
    while (at != end && is_digit(*at)) ++at;
    return at != begin;
  };
  if (at != end && *at == '-') ++at;
  if (at != end && *at == '0') {
    ++at;
  } else if (!digits()) {
    return nullptr;
  }
  if (at != end && *at == '.') {
    real = true;
    ++at;
    if (!digits()) return nullptr;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    real = true;
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    if (!digits()) return nullptr;
  }
  return at;
}

double to_double(std::string_view number) {
  if (auto value = simple_double(number)) return *value;
  double value = 0;
  auto [at, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc()) return value;
  auto digits = digits_of(number);
  bool large = digits && digits->exponent + static_cast<int64_t>(digits->digits.size()) > 0;
  value = large ? std::numeric_limits<double>::infinity() : 0.0;
  return number[0] == '-' ? -value : value;
}

std::optional<int64_t> to_int64(std::string_view text) {
  int64_t value;
  auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || at != text.data() + text.size()) return {};
  return value;
}

std::optional<arrow::Decimal128> to_decimal(std::string_view text, int precision, int scale) {
  auto parts = digits_of(text);
  if (!parts) return {};
  if (parts->digits.empty()) return arrow::Decimal128(0);
  // The digits that stay: all down to the last of the scale.
  int64_t kept = static_cast<int64_t>(parts->digits.size()) + parts->exponent + scale;
  if (kept > precision) return {};
  if (kept < 0) return arrow::Decimal128(0);
  auto count = static_cast<size_t>(kept);
  bool up = count < parts->digits.size() && parts->digits[count] >= '5';
  parts->digits.resize(count, '0');
  if (parts->digits.empty()) parts->digits.push_back('0');
  auto number = arrow::Decimal128::FromString(parts->digits);
  if (!number.ok()) return {};
  arrow::Decimal128 value = *number;
  if (up) value += arrow::Decimal128(1);
  if (!value.FitsInPrecision(precision)) return {};
  return parts->negative ? -value : value;
}

std::string java_double(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  char buffer[400];
  double size = std::fabs(value);
  bool plain = size >= 1e-3 && size < 1e7;
  auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value, format);
  std::string text(buffer, end);
  size_t mark = plain ? text.size() : text.find('e');
  std::string mantissa = text.substr(0, mark);
  if (mantissa.find('.') == std::string::npos) mantissa += ".0";
  if (plain) return mantissa;
  int exponent = 0;
  std::from_chars(text.data() + mark + 2, text.data() + text.size(), exponent);
  return fmt::format("{}E{}{}", mantissa, text[mark + 1] == '-' ? "-" : "", exponent);
}

namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_value(char c) {
  const char* found = c == 0 ? nullptr : std::strchr(kBase64, c);
  return found ? static_cast<int>(found - kBase64) : -1;
}

}  // namespace

std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  size_t at = 0;
  while (true) {
    while (at < text.size() && static_cast<unsigned char>(text[at]) <= ' ') ++at;
    if (at == text.size()) return out;
    if (text.size() - at < 4) return {};
    int filled = text[at + 3] != '=' ? 3 : text[at + 2] != '=' ? 2 : 1;
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) {
      int value = i > filled ? 0 : base64_value(text[at + static_cast<size_t>(i)]);
      if (value < 0) return {};
      bits = bits << 6 | static_cast<uint32_t>(value);
    }
    for (int i = 0; i < filled; ++i) out += static_cast<char>(bits >> (16 - 8 * i) & 0xFF);
    at += 4;
    if (filled < 3 && at < text.size()) return {};
  }
}

void append_base64(std::string& out, std::string_view bytes) {
  for (size_t at = 0; at < bytes.size(); at += 3) {
    size_t count = std::min<size_t>(3, bytes.size() - at);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      out += i <= count ? kBase64[bits >> (18 - 6 * i) & 63] : '=';
    }
  }
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  out += '"';
  size_t from = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') [[likely]] continue;
    out.append(text, from, at - from);
    from = at + 1;
    out += '\\';
    switch (c) {
      case '\n': out += 'n'; break;
      case '\t': out += 't'; break;
      case '\r': out += 'r'; break;
      case '\b': out += 'b'; break;
      case '\f': out += 'f'; break;
      case '"':
      case '\\': out += static_cast<char>(c); break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, from, text.size() - from);
  out += '"';
}

}  // namespace ticklake::formats
