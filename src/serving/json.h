// The bodies of the API and the data of events, as JSON text. Times are milliseconds since 1970.
// Private to the folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serving/serving.h"
#include "store.h"

namespace ticklake::serving {

std::string json_text(std::string_view text);

// [[start, open, high, low, close, volume, 1 where closed else 0], ..]
std::string bars_json(const std::vector<ShownBar>& bars);

// {"symbol": .., "bars": [..], "at": ..}
std::string bar_event(const std::string& symbol, const std::vector<ShownBar>& bars, int64_t now_us);

// [{"symbol": .., "last": .., "change": .., "at": ..}, ..]
std::string quotes_json(const std::vector<Quote>& quotes);

// What follows the topic besides the tables, and why not.
struct PreviewState {
  std::string table;     // of the candles; "": none
  std::string no_table;  // why there is none
  int64_t interval_us = 0;
  std::string waiting;     // why the open bars do not move
  int64_t changed_us = 0;  // when an open bar moved last
};

std::string pipeline_json(const PipelineState& state, const PreviewState& preview, int64_t now_us);

}  // namespace ticklake::serving
