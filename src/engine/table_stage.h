// What the flows that fill one table share: its newest snapshot, its maintenance, and what is known
// of the partitions that its rows come from. One flow at a time (the pipeline sees to it).
// Private to the folder.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/ids.h"
#include "delta/delta.h"

namespace ticklake::engine {

struct KnownPartitions {
  std::set<Partition> all = {};
  std::set<Partition> idle = {};   // of those, the ones that hold back no watermark
  std::set<Partition> ended = {};  // read to their end
};

// Invariant: no partition of one flow is one of another flow's, whatever flows come and go: a
// watermark over the table's rows waits for the slowest of all.
class TableStage {
 public:
  // `flows`: the names of all that fill the table.
  TableStage(delta::Snapshot newest, delta::Health health, const std::set<std::string>& flows);

  // The number of a flow's partition among those of the table: its own where the flow is alone.
  Partition partition_of(const std::string& flow, Partition own) const;

  // A flow is about to commit rows of these partitions of its own: those of all flows.
  KnownPartitions tell(const std::string& flow, const KnownPartitions& own);
  // The flow has nothing to add for now, or for ever.
  void rests(const std::string& flow);
  void finished(const std::string& flow);

  delta::Snapshot snapshot;
  delta::Health health;

 private:
  struct Source {
    KnownPartitions known;
    bool rests = false;
    int silent = 0;  // commits of others since
  };
  std::map<std::string, Source> sources_;
};

}  // namespace ticklake::engine
