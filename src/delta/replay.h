// From the files of the log to a state.
#pragma once

#include <functional>

#include "delta/log.h"
#include "delta/state.h"

namespace ticklake::delta {

// The state of one checkpoint; its tombstones are left where they are. Corrupt or NotFound where
// the checkpoint is not whole.
Result<State> read_checkpoint(io::FileStore& files, const io::Path& root,
                              const CheckpointFiles& checkpoint);

// Visits every tombstone of the state, those in its base's files included, in bounded memory.
Result<void> for_each_tombstone(io::FileStore& files, const State& state,
                                const std::function<Result<void>(const Tombstone&)>& visit);

// What `_last_checkpoint` says, or nothing where it says nothing that can be used: it is only a
// hint. `single`: the checkpoint is one classic file.
struct Hint {
  Version version;
  bool single = true;
};
std::optional<Hint> checkpoint_hint(io::FileStore& files, const io::Path& root);

// The state with the entries after it; the time of each from its file.
Result<State> caught_up(io::FileStore& files, State state);

// "Remove File": tombstones older than the table's retention are no longer kept in checkpoints.
int64_t tombstones_expire_ms(const Metadata& metadata, int64_t now_ms);

// Writes the checkpoint of the state and the hint to it; the state then has it as its base.
Result<State> checkpointed(io::FileStore& files, const io::Clock& clock, State state);

// The times of the commits of a listing, as "Time travel" by file times needs them: each above the
// one before.
std::map<int64_t, int64_t> commit_times(const Listing& listing);

}  // namespace ticklake::delta
