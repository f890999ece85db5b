// What a snapshot holds, and how entries of the log change it ("Action Reconciliation").
#pragma once

#include <memory>
#include <set>
#include <string>

#include "delta/actions.h"
#include "delta/delta.h"
#include "delta/log.h"
#include "delta/persistent_map.h"

namespace ticklake::delta {

// Invariant: no path with one deletion vector (or none) is in both `files` and `tombstones`. Copies
// share the maps, so a copy costs the same at any size.
//
// Tombstones of the checkpoint that the state began with stay in its file: a stream leaves one for
// each small file that was compacted, for days, and no reader of the table wants them.
struct Snapshot::State {
  io::Path root = {};
  Version version = Version(-1);
  int64_t timestamp_ms = 0;
  std::shared_ptr<const Protocol> protocol = {};
  std::shared_ptr<const Metadata> metadata = {};
  PersistentMap<std::shared_ptr<const AddFile>> files = {};         // by path
  PersistentMap<std::shared_ptr<const Tombstone>> tombstones = {};  // of entries after `base`
  PersistentMap<Txn> txns = {};
  PersistentMap<std::string> domains = {};
  int64_t checkpoint_version = 0;  // the newest checkpoint known of, or tried
  CheckpointFiles base = {};       // no parts: the state began with an empty table
  int64_t base_tombstones = 0;     // at most so many are in `base`
};

using State = Snapshot::State;

// The state after one more entry, whose file has the time `file_ms`. Its version is the next one;
// its time is the entry's own where the table says so, and always above the one before.
State advanced(State state, const Entry& entry, int64_t file_ms);

bool has_in_commit_timestamps(const Metadata& metadata);

// A boolean or a count of the table's configuration, the default where it is absent or unreadable.
bool config_flag(const Metadata& metadata, const std::string& name);
int64_t config_count(const Metadata& metadata, const std::string& name, int64_t otherwise);

// Of the live files.
int64_t total_bytes(const State& state);

Snapshot to_snapshot(State state);

}  // namespace ticklake::delta
