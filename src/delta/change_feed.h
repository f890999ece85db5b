// Files of the change feed being written.
#pragma once

#include "delta/data_file.h"

namespace ticklake::delta {

inline constexpr const char* kChangeType = "_change_type";

// Below _change_data, for rows of the table with _change_type behind their columns.
DataFilePlan change_feed_plan(io::FileStore& files, const io::Clock& clock,
                              const Snapshot& snapshot);

// The rows (further columns are dropped) with _change_type.
Result<BatchPtr> with_change_type(const Schema& schema, const BatchPtr& rows,
                                  const char* change_type);

}  // namespace ticklake::delta
