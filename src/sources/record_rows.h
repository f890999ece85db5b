// Records out of the rows that a topic's reader gives.
#pragma once

#include <vector>

#include "broker/broker.h"
#include "model/arrow.h"

namespace ticklake::sources {

// With key, value and headers. The rows are of broker::record_schema().
std::vector<broker::Record> records_of(const arrow::RecordBatch& rows);

}  // namespace ticklake::sources
