// Columns as others wrote them as columns of our types.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>

#include "base/result.h"
#include "model/type.h"

namespace ticklake {

// The array in the type that to_arrow(type) says: fields of structs by name (missing ones NULL,
// others ignored), narrow numbers widened, other units of time, encodings and lengths of text
// normalised. Corrupt where values do not fit; Unsupported where the file's type is not one that
// can stand for the table's.
Result<std::shared_ptr<arrow::Array>> adapted(const std::shared_ptr<arrow::Array>& array,
                                              const Type& type);

// Whether values of the type may be of ours; false where adapted() always refuses.
bool can_adapt(const arrow::DataType& found, const Type& type);

}  // namespace ticklake
