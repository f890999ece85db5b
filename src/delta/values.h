// Values of columns as text: "Partition Value Serialization", and the literals of conditions.
#pragma once

#include <arrow/type_fwd.h>
#include <arrow/util/decimal.h>

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "delta/delta.h"
#include "model/type.h"

namespace ticklake::delta {

// The value of row `row`, nothing where it is NULL (or an empty string, which the protocol does not
// tell from NULL).
inline Result<std::optional<std::string>> partition_text(const arrow::Array& array, int64_t row,
                                                         const Type& type) {
  return literal_text(array, row, type);
}

// One value of `type`, a NULL of it for nothing. Invalid where the text is not such a value.
Result<std::shared_ptr<arrow::Scalar>> partition_scalar(const std::optional<std::string>& text,
                                                        const Type& type);

// The unscaled number of a decimal of the scale; nothing where it does not fit 38 digits exactly.
std::optional<arrow::Decimal128> exact_decimal(std::string_view text, int scale);

// The shortest text that reads back as the same number; "NaN", "Infinity", "-Infinity".
std::string float_text(double value);
std::string float_text(float value);
std::optional<double> parse_float(std::string_view text);

}  // namespace ticklake::delta
