// A JSON scalar and what it is as a value of a column.
#pragma once

#include <arrow/util/decimal.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "formats/column.h"
#include "formats/formats.h"
#include "model/type.h"

namespace ticklake::formats {

struct Scalar {
  enum class Kind : uint8_t { Missing, Null, True, False, String, Integer, Real, Nested };
  Kind kind = Kind::Missing;
  std::string_view text = {};  // String: without quotes and escapes; else as written
};

// Appends the value to a column that is not nested. False: it does not match the type and nothing
// was appended.
bool append_scalar(Column& column, const Scalar& scalar);

// Why a scalar does not match: "not a number: \"abc\"", "1.5 is not a BIGINT".
std::string mismatch(const Type& type, const Scalar& scalar);

// The end of the number that begins at `at` by JSON's grammar, or nullptr where there is none.
// `real` is set where it has a fraction or an exponent.
const char* scan_number(const char* at, const char* end, bool& real);

// Of a text that is a JSON number. Beyond the range: infinity.
double to_double(std::string_view number);
// Digits, dot and exponent, exactly, rounded half up to the scale; nothing where it does not fit or
// is no number.
std::optional<arrow::Decimal128> to_decimal(std::string_view text, int precision, int scale);
std::optional<int64_t> to_int64(std::string_view text);

// As Java's Double.toString: "1.5", "1.0E20", "Infinity".
std::string java_double(double value);

std::optional<std::string> from_base64(std::string_view text);
void append_base64(std::string& out, std::string_view bytes);

}  // namespace ticklake::formats
