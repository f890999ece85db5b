// The table that a flow fills: files written, then committed with progress that is compared and
// set. Private to the folder.
#pragma once

#include <string>
#include <vector>

#include "delta/delta.h"
#include "feed.h"
#include "flow.h"
#include "partition_tag.h"

namespace ticklake::engine {

class TableWriter {
 public:
  // `flow`: the canonical name of the flow whose progress the table carries.
  static Result<TableWriter> open(const Context& context, const io::Path& root,
                                  const std::string& flow);

  const delta::Snapshot& snapshot() const { return snapshot_; }
  Progress txns() const { return snapshot_.txns(); }

  // Writes rows in their order. The pieces' partitions are told in the files' tags.
  Result<std::vector<delta::AddFile>> write(const std::vector<Piece>& pieces,
                                            const std::set<Partition>& partitions,
                                            const std::set<Partition>& idle,
                                            const std::set<Partition>& ended = {});

  // One version with all of it. Each txn must still be as this object last saw it: Conflict
  // otherwise.
  Result<Version> commit(delta::Transaction transaction);

  // One bounded piece of maintenance, where some is due; the version that it made.
  Result<std::optional<Version>> keep_healthy(bool busy);

 private:
  TableWriter(io::FileStore& files, const io::Clock& clock, delta::Snapshot snapshot,
              delta::Health health)
      : files_(&files),
        clock_(&clock),
        snapshot_(std::move(snapshot)),
        health_(std::move(health)) {}

  Result<std::vector<delta::AddFile>> write_in_order(const std::vector<Piece>& pieces,
                                                     const PartitionTag& all);

  io::FileStore* files_;
  const io::Clock* clock_;
  delta::Snapshot snapshot_;
  delta::Health health_;
};

// "ticklake/<pipeline>/<flow>/"
std::string flow_prefix(const Context& context, const std::string& flow);
// The same with the generation that a full refresh bumps:
// "ticklake/<pipeline>/<flow>/<generation>/"
std::string progress_prefix(const Context& context, const std::string& flow,
                            const Progress& stored);
std::string generation_id(const Context& context, const std::string& flow);

}  // namespace ticklake::engine
