// Numbers, strings, dates, timestamps and intervals.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "sql/interval.h"
#include "sql/parser.h"

namespace ticklake::sql {

namespace {

std::optional<int64_t> integer_value(std::string_view digits) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

struct IntegralRange {
  std::string_view suffix;
  Kind kind;
  int64_t max;
  std::string_view name;
};

constexpr IntegralRange kIntegralSuffixes[] = {
    {"L", Kind::Long, INT64_MAX, "BIGINT"},
    {"S", Kind::Short, INT16_MAX, "SMALLINT"},
    {"Y", Kind::Byte, INT8_MAX, "TINYINT"},
};

// Spark's type of a decimal literal: 1.50 is DECIMAL(3,2), 0.05 DECIMAL(2,2).
std::optional<Type> decimal_type_of(std::string_view digits) {
  std::string_view mantissa = digits.substr(0, digits.find_first_of("eE"));
  int64_t exponent = 0;
  if (mantissa.size() < digits.size()) {
    std::string_view text = digits.substr(mantissa.size() + 1);
    if (text.starts_with('+')) text.remove_prefix(1);
    std::optional<int64_t> value = integer_value(text);
    if (!value || std::abs(*value) > 100) return std::nullopt;
    exponent = *value;
  }
  size_t point = mantissa.find('.');
  std::string all(mantissa);
  int64_t scale = 0;
  if (point != std::string_view::npos) {
    scale = static_cast<int64_t>(mantissa.size() - point - 1);
    all.erase(point, 1);
  }
  size_t zeros = std::min(all.find_first_not_of('0'), all.size());
  auto precision = static_cast<int64_t>(std::max<size_t>(all.size() - zeros, 1));
  scale -= exponent;
  if (scale < 0) precision -= scale, scale = 0;
  precision = std::max(precision, scale);
  if (precision > 38) return std::nullopt;
  return Type::decimal(static_cast<int>(precision), static_cast<int>(scale));
}

struct SplitNumber {
  std::string digits;
  std::string suffix;
};

SplitNumber split_number(const std::string& text) {
  std::string upper = uppered(text);
  size_t end = upper.find_first_of("LSYFDB");
  if (end == std::string::npos) return {text, ""};
  return {text.substr(0, end), upper.substr(end)};
}

std::optional<double> double_value(const std::string& digits) {
  double value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  // A number too small for a double is 0, as in Java; one too large is an error.
  if (error == std::errc::result_out_of_range) value = std::strtod(digits.c_str(), nullptr);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

}  // namespace

Result<ExpressionPtr> Parser::number(bool negative, Position position) {
  if (peek().kind != Token::Kind::Number) return unexpected("a number");
  std::string written = take().text;
  SplitNumber parts = split_number(written);
  std::string text = (negative ? "-" : "") + parts.digits;
  auto out_of_range = [&](std::string_view type_name) {
    return refuse(position, fmt::format("'{}{}'", negative ? "-" : "", written),
                  fmt::format("it is out of the range of {}", type_name));
  };
  auto literal = [&](Type type, int64_t value = 0) {
    return node(position, Literal{std::move(type), text, value});
  };
  for (const IntegralRange& range : kIntegralSuffixes) {
    if (parts.suffix != range.suffix) continue;
    if (parts.digits.find_first_of(".eE") != std::string::npos) {
      return refuse(position, fmt::format("'{}'", written),
                    fmt::format("the suffix {} is for whole numbers", range.suffix));
    }
    std::optional<int64_t> value = integer_value(text);
    if (!value || *value > range.max || *value < -range.max - 1) return out_of_range(range.name);
    text = std::to_string(*value);
    return literal(range.kind, *value);
  }
  bool exponent = parts.digits.find_first_of("eE") != std::string::npos;
  if (parts.suffix == "F" || parts.suffix == "D" || (parts.suffix.empty() && exponent)) {
    bool is_float = parts.suffix == "F";
    std::optional<double> value = double_value(parts.digits);
    if (!value) return out_of_range("DOUBLE");
    if (is_float && *value > 3.4028235677973366e38) return out_of_range("FLOAT");
    return literal(is_float ? Kind::Float : Kind::Double);
  }
  if (text.find('.') == text.size() - 1) text.pop_back();
  if (size_t point = text.find('.'); point == (negative ? 1 : 0)) text.insert(point, "0");
  bool whole = parts.suffix.empty() && parts.digits.find('.') == std::string::npos;
  if (std::optional<int64_t> value = whole ? integer_value(text) : std::nullopt) {
    text = std::to_string(*value);
    bool is_int = *value >= INT32_MIN && *value <= INT32_MAX;
    return literal(is_int ? Kind::Integer : Kind::Long, *value);
  }
  std::optional<Type> decimal = decimal_type_of(parts.digits);
  if (!decimal) return out_of_range("DECIMAL(38, ..)");
  return literal(*decimal);
}

Result<ExpressionPtr> Parser::string_literal() {
  Position position = peek().position;
  std::string text = TRY(string("a text"));
  return node(position, Literal{Type(Kind::String), std::move(text)});
}

namespace {

std::optional<std::string> bytes_of_hex(std::string_view text) {
  std::string padded = (text.size() % 2 == 1 ? "0" : "") + std::string(text);
  std::string bytes;
  for (size_t i = 0; i < padded.size(); i += 2) {
    int value = 0;
    auto [end, error] = std::from_chars(&padded[i], &padded[i] + 2, value, 16);
    if (error != std::errc() || end != &padded[i] + 2 || padded[i] == '-') return std::nullopt;
    bytes += static_cast<char>(value);
  }
  return bytes;
}

// "2026-01-05 14:30:00.5": Spark's text of a timestamp.
std::string spark_timestamp(int64_t micros) {
  std::string text = format_wall_time(micros);
  size_t middle = text.find('T');
  if (middle != std::string::npos) text[middle] = ' ';
  if (text.find('.') != std::string::npos) text.erase(text.find_last_not_of('0') + 1);
  return text;
}

}  // namespace

Result<ExpressionPtr> Parser::typed_literal() {
  const Token& word = take();
  Position position = word.position;
  const std::string& type_word = word.upper;
  std::string text = take().text;
  std::string found = fmt::format("{} '{}'", type_word, printable(text, 60));
  if (type_word == "TIME") {
    return unsupported(position, found, "there is no type TIME: write TIMESTAMP '..' or a string");
  }
  if (type_word == "X") {
    std::optional<std::string> bytes = bytes_of_hex(text);
    if (!bytes) return refuse(position, found, "expected hexadecimal digits");
    return node(position, Literal{Type(Kind::Binary), std::move(*bytes)});
  }
  if (type_word == "DATE") {
    std::optional<int32_t> days = parse_date(text);
    if (!days) return refuse(position, found, "expected a date such as DATE '2026-01-05'");
    return node(position, Literal{Type(Kind::Date), format_date(*days), *days});
  }
  std::optional<ParsedTimestamp> parsed = parse_timestamp(text);
  if (!parsed) {
    return refuse(position, found,
                  "expected a timestamp such as TIMESTAMP '2026-01-05 14:30:00' or "
                  "'2026-01-05T14:30:00Z' (zones as Z or +HH:MM)");
  }
  bool no_zone = type_word == "TIMESTAMP_NTZ";
  if (no_zone && parsed->has_zone) {
    return refuse(position, found, "a TIMESTAMP_NTZ has no zone: remove it, or write TIMESTAMP");
  }
  return node(position, Literal{Type(no_zone ? Kind::TimestampNtz : Kind::Timestamp),
                                spark_timestamp(parsed->micros), parsed->micros});
}

// "interval" may be a column too: interval - 5.
bool Parser::at_interval() const {
  using TokenKind = Token::Kind;
  size_t ahead = at_any({"+", "-"}, 1) ? 2 : 1;
  TokenKind kind = peek(ahead).kind;
  if (kind == TokenKind::String) return ahead == 1 || is_interval_unit(peek(ahead + 1).upper);
  return kind == TokenKind::Number && (ahead == 1 || is_interval_unit(peek(ahead + 1).upper));
}

// INTERVAL '10 seconds', INTERVAL 1 DAY '2' HOUR, INTERVAL '1:02:03' HOUR TO SECOND.
Result<IntervalLiteral> Parser::interval() {
  using TokenKind = Token::Kind;
  Position position = peek().position;
  TRY(expect("INTERVAL"));
  auto placed = [&](Result<IntervalLiteral> result) -> Result<IntervalLiteral> {
    if (result) return result;
    return error_at(result.error().code, file_, position, result.error().message);
  };
  std::string text;
  while (true) {
    bool minus = at("-");
    size_t ahead = at_any({"+", "-"}) ? 1 : 0;
    TokenKind kind = peek(ahead).kind;
    if (kind != TokenKind::String && kind != TokenKind::Number) break;
    if (!text.empty() && !is_interval_unit(peek(ahead + 1).upper)) break;
    if (ahead == 1) take();
    std::string amount = take().text;
    if (minus) amount = amount.starts_with('-') ? amount.substr(1) : "-" + amount;
    bool unit_follows = is_interval_unit(peek().upper);
    if (!unit_follows && kind == TokenKind::String && text.empty()) {
      return placed(parse_interval(amount));
    }
    if (!unit_follows) {
      return unexpected(fmt::format("a unit of time after '{}'", printable(amount, 40)),
                        {"DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS", "MONTHS"});
    }
    std::string unit = take().upper;
    std::optional<IntervalUnit> first = interval_unit(unit);
    if (text.empty() && first && at("TO") && interval_unit(peek(1).upper)) {
      take();
      std::optional<IntervalUnit> last = interval_unit(take().upper);
      return placed(parse_interval(amount, *first, *last));
    }
    text += fmt::format("{} {} ", amount, unit);
  }
  if (text.empty()) return unexpected("a number or a string after INTERVAL");
  return placed(parse_interval(text));
}

}  // namespace ticklake::sql
