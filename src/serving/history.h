// Closed candles from the Delta table. Private to the folder. Any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "delta/delta.h"
#include "serving/serving.h"
#include "store.h"

namespace ticklake::serving {

// Asked before each file; true ends the reading as Unavailable.
using Stopping = std::function<bool()>;

// Reads the table's files, the newest candles first, and gives a chunk of files at a time, until
// `bars_max` are given, or those of one file more, or all is read. `from_us` of a chunk: all bars
// at or after it have been given by then.
Result<void> read_newest_first(
    io::FileStore& files, const CandleTable& table, size_t bars_max, const Stopping& stopping,
    const std::function<void(std::vector<SymbolBar> bars, int64_t from_us)>& give);

// The newest `range.bars_max` bars of the table's own interval in a range, in time order.
Result<std::vector<ShownBar>> read_bars(io::FileStore& files, const CandleTable& table,
                                        const std::string& symbol, const BarRange& range,
                                        const Stopping& stopping);

}  // namespace ticklake::serving
