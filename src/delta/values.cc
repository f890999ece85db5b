#include "delta/values.h"

#include <arrow/array.h>
#include <arrow/scalar.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "model/arrow.h"

namespace ticklake::delta {
namespace {

template <typename Number>
std::string shortest(Number value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

template <typename Array>
const Array& as(const arrow::Array& array) {
  return static_cast<const Array&>(array);
}

template <typename Number>
std::optional<Number> whole(std::string_view text) {
  Number value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool good = error == std::errc() && end == text.data() + text.size();
  return good ? std::optional(value) : std::nullopt;
}

using MadeScalar = Result<std::shared_ptr<arrow::Scalar>>;

template <typename Scalar, typename Number>
MadeScalar made(const std::optional<Number>& value) {
  if (!value) return std::shared_ptr<arrow::Scalar>();
  return std::shared_ptr<arrow::Scalar>(std::make_shared<Scalar>(*value));
}

MadeScalar decimal_scalar(std::string_view text, const Type& type) {
  auto value = exact_decimal(text, type.scale);
  if (!value || !value->FitsInPrecision(type.precision)) return std::shared_ptr<arrow::Scalar>();
  return std::shared_ptr<arrow::Scalar>(
      std::make_shared<arrow::Decimal128Scalar>(*value, to_arrow(type)));
}

MadeScalar time_scalar(std::string_view text, const Type& type) {
  auto time = parse_timestamp(text);
  if (!time) return std::shared_ptr<arrow::Scalar>();
  return std::shared_ptr<arrow::Scalar>(
      std::make_shared<arrow::TimestampScalar>(time->micros, to_arrow(type)));
}

// A null pointer where the text is not a value of the type.
MadeScalar scalar_or_null(const std::string& text, const Type& type) {
  switch (type.kind) {
    case Kind::Boolean: {
      std::string word = lowered(text);
      if (word != "true" && word != "false") return std::shared_ptr<arrow::Scalar>();
      return made<arrow::BooleanScalar>(std::optional(word == "true"));
    }
    case Kind::Byte: return made<arrow::Int8Scalar>(whole<int8_t>(text));
    case Kind::Short: return made<arrow::Int16Scalar>(whole<int16_t>(text));
    case Kind::Integer: return made<arrow::Int32Scalar>(whole<int32_t>(text));
    case Kind::Long: return made<arrow::Int64Scalar>(whole<int64_t>(text));
    case Kind::Float: {
      auto value = parse_float(text);
      return made<arrow::FloatScalar>(value ? std::optional(static_cast<float>(*value))
                                            : std::nullopt);
    }
    case Kind::Double: return made<arrow::DoubleScalar>(parse_float(text));
    case Kind::Decimal: return decimal_scalar(text, type);
    case Kind::String: return made<arrow::StringScalar>(std::optional(text));
    case Kind::Binary:
      return std::shared_ptr<arrow::Scalar>(
          std::make_shared<arrow::BinaryScalar>(arrow::Buffer::FromString(text)));
    case Kind::Date: return made<arrow::Date32Scalar>(parse_date(text));
    case Kind::Timestamp:
    case Kind::TimestampNtz: return time_scalar(text, type);
    default: return std::shared_ptr<arrow::Scalar>();
  }
}

}  // namespace

std::string float_text(double value) { return shortest(value); }
std::string float_text(float value) { return shortest(value); }

std::optional<double> parse_float(std::string_view text) {
  std::string word = lowered(text);
  if (word == "nan") return std::nan("");
  if (word == "infinity" || word == "inf") return HUGE_VAL;
  if (word == "-infinity" || word == "-inf") return -HUGE_VAL;
  return whole<double>(text);
}

std::optional<arrow::Decimal128> exact_decimal(std::string_view text, int scale) {
  constexpr int kDigitsMax = 38;
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int64_t exponent = 0;
  if (size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view power = text.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    auto parsed = whole<int32_t>(power);
    if (!parsed) return std::nullopt;
    exponent = *parsed;
    text = text.substr(0, e);
  }
  std::string digits;
  bool fraction = false;
  for (char c : text) {
    if (c == '.' && !fraction) {
      fraction = true;
    } else if (c >= '0' && c <= '9') {
      digits += c;
      if (fraction) --exponent;
    } else {
      return std::nullopt;
    }
  }
  if (digits.empty()) return std::nullopt;
  int64_t shift = exponent + scale;
  while (shift < 0 && !digits.empty()) {
    if (digits.back() != '0') return std::nullopt;
    digits.pop_back();
    ++shift;
  }
  size_t start = std::min(digits.find_first_not_of('0'), digits.size());
  digits.erase(0, start);
  if (digits.empty()) return arrow::Decimal128(0);
  if (shift > kDigitsMax) return std::nullopt;
  digits.append(static_cast<size_t>(std::max<int64_t>(shift, 0)), '0');
  if (digits.size() > kDigitsMax) return std::nullopt;
  auto value = arrow::Decimal128::FromString((negative ? "-" : "") + digits);
  return value.ok() ? std::optional(*value) : std::nullopt;
}

Result<std::optional<std::string>> literal_text(const arrow::Array& array, int64_t row,
                                                const Type& type) {
  using Text = std::optional<std::string>;
  if (array.IsNull(row)) return Text();
  switch (type.kind) {
    case Kind::Boolean: return Text(as<arrow::BooleanArray>(array).Value(row) ? "true" : "false");
    case Kind::Byte: return Text(std::to_string(as<arrow::Int8Array>(array).Value(row)));
    case Kind::Short: return Text(std::to_string(as<arrow::Int16Array>(array).Value(row)));
    case Kind::Integer: return Text(std::to_string(as<arrow::Int32Array>(array).Value(row)));
    case Kind::Long: return Text(std::to_string(as<arrow::Int64Array>(array).Value(row)));
    case Kind::Float: return Text(float_text(as<arrow::FloatArray>(array).Value(row)));
    case Kind::Double: return Text(float_text(as<arrow::DoubleArray>(array).Value(row)));
    case Kind::Decimal: return Text(as<arrow::Decimal128Array>(array).FormatValue(row));
    case Kind::Date: return Text(format_date(as<arrow::Date32Array>(array).Value(row)));
    case Kind::Timestamp: return Text(format_instant(as<arrow::TimestampArray>(array).Value(row)));
    case Kind::TimestampNtz: {
      std::string text = format_wall_time(as<arrow::TimestampArray>(array).Value(row));
      if (size_t t = text.find('T'); t != std::string::npos) text[t] = ' ';
      return Text(std::move(text));
    }
    case Kind::String: {
      auto view = as<arrow::StringArray>(array).GetView(row);
      return view.empty() ? Text() : Text(std::string(view));
    }
    default: break;
  }
  return Error{Code::Unsupported, "a table cannot be partitioned by " + to_sql(type)};
}

Result<std::shared_ptr<arrow::Scalar>> partition_scalar(const std::optional<std::string>& text,
                                                        const Type& type) {
  if (!text || text->empty()) return arrow::MakeNullScalar(to_arrow(type));
  std::shared_ptr<arrow::Scalar> scalar = TRY(scalar_or_null(*text, type));
  if (!scalar) {
    return Error{Code::Invalid,
                 fmt::format("'{}' is not a value of type {}", printable(*text), to_sql(type))};
  }
  return scalar;
}

}  // namespace ticklake::delta
