// Actions from the rows of a checkpoint's Parquet file.
#pragma once

#include <arrow/type_fwd.h>

#include "delta/actions.h"

namespace ticklake::delta {

// Adds the actions of the batch's rows to `entry`. Columns and fields that are not known are
// ignored. Corrupt where one that is needed is missing or of another type.
Result<void> append_rows(const arrow::RecordBatch& batch, Entry& entry);

}  // namespace ticklake::delta
