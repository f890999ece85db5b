#include <charconv>
#include <limits>

#include "base/text.h"
#include "base/time.h"
#include "formats/scalar.h"

namespace ticklake::formats {
namespace {

using S = Scalar::Kind;

std::pair<int64_t, int64_t> range_of(Kind kind) {
  switch (kind) {
    case Kind::Byte: return {INT8_MIN, INT8_MAX};
    case Kind::Short: return {INT16_MIN, INT16_MAX};
    case Kind::Integer: return {INT32_MIN, INT32_MAX};
    default: return {INT64_MIN, INT64_MAX};
  }
}

bool append_integer(std::string& out, Kind kind, std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  auto value = to_int64(text);
  auto [least, most] = range_of(kind);
  if (!value || *value < least || *value > most) return false;
  out += std::to_string(*value);
  return true;
}

bool append_real(std::string& out, std::string_view text) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") {
    append_json_string(out, text);
    return true;
  }
  if (text.starts_with('+')) text.remove_prefix(1);
  bool real;
  const char* end = text.data() + text.size();
  if (scan_number(text.data(), end, real) == end) {
    out += text;
    return true;
  }
  // ".5", "5.", "007": numbers, but not as JSON writes them.
  double value;
  auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return false;
  out += java_double(value);
  return true;
}

bool append_decimal(std::string& out, const Type& type, std::string_view text) {
  auto value = to_decimal(text, type.precision, type.scale);
  if (!value) return false;
  std::string digits = value->ToIntegerString();
  bool negative = digits[0] == '-';
  if (negative) digits.erase(0, 1);
  size_t scale = type.scale;
  if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
  if (scale > 0) digits.insert(digits.size() - scale, 1, '.');
  out += negative ? "-" + digits : digits;
  return true;
}

bool append_time(std::string& out, Kind kind, std::string_view text) {
  std::optional<std::string> iso;
  if (kind == Kind::Date) {
    if (auto days = parse_date(text)) iso = format_date(*days);
  } else if (auto parsed = parse_timestamp(text)) {
    bool wall = kind == Kind::TimestampNtz;
    if (!wall || !parsed->has_zone) {
      iso = wall ? format_wall_time(parsed->micros) : format_instant(parsed->micros);
    }
  }
  if (iso) append_json_string(out, *iso);
  return iso.has_value();
}

bool append_boolean(std::string& out, std::string_view text) {
  std::string word = lowered(text);
  if (word != "true" && word != "false") return false;
  out += word;
  return true;
}

bool append_checked(std::string& out, const Type& type, std::string_view text) {
  switch (type.kind) {
    case Kind::Boolean: return append_boolean(out, text);
    case Kind::Byte:
    case Kind::Short:
    case Kind::Integer:
    case Kind::Long: return append_integer(out, type.kind, text);
    case Kind::Float:
    case Kind::Double: return append_real(out, text);
    case Kind::Decimal: return append_decimal(out, type, text);
    case Kind::Date:
    case Kind::Timestamp:
    case Kind::TimestampNtz: return append_time(out, type.kind, text);
    default: return false;
  }
}

}  // namespace

std::string append_cell_as_json(std::string& out, const Type& type, std::string_view cell) {
  if (cell.empty()) {
    out += "null";
    return "";
  }
  if (type.kind == Kind::String) {
    append_json_string(out, cell);
    return "";
  }
  std::string_view text = trimmed(cell);
  if (append_checked(out, type, text)) return "";
  return mismatch(type, {S::String, cell});
}

}  // namespace ticklake::formats
