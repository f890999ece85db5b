// Where a preview begins: one cut through the tables and the topic that they came from. Private to
// the folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "delta/delta.h"
#include "feed.h"
#include "flow.h"

namespace ticklake::engine {

// From a topic to a windowed table: each reads the one before it, and nothing else.
struct Chain {
  std::vector<const Dataset*> stages;  // streaming tables; the first reads the topic
  const Dataset* target = nullptr;     // the windowed table
  KafkaArguments kafka;
};

// Unsupported, with the reason: the table is not windowed, or what it reads is not such a chain.
Result<Chain> find_chain(const Graph& graph, const Dataset& target);

// `rows` holds exactly the results of the records before `next`: the txns of each table say which
// version of the one before it, and at last which offsets, it has come to.
struct Base {
  delta::Snapshot target;
  delta::Snapshot rows;  // of the last stage
  std::map<Partition, Offset> next;
  int64_t gap_rows = 0;                     // records from `next` to the topic's end
  std::optional<EventTime> watermark = {};  // that the target's commits have come to
  std::optional<int64_t> oldest_us = {};    // no open window begins before it
};

// Unavailable: the tables are between two cuts now (a first snapshot half read); a later try helps.
Result<Base> find_base(Context& context, const Chain& chain, broker::Topics& topics);

// How far the target's commits have closed windows.
std::optional<EventTime> stored_watermark(const Context& context, const Dataset& target,
                                          const Progress& stored, const std::string& input_id);

}  // namespace ticklake::engine
