// From the files of the log to a state.
#pragma once

#include "delta/log.h"
#include "delta/state.h"

namespace ticklake::delta {

// Adds the files of one checkpoint to an empty state. Corrupt or NotFound where the checkpoint is
// not whole.
Result<State> read_checkpoint(io::FileStore& files, const io::Path& root,
                              const CheckpointFiles& checkpoint);

// What `_last_checkpoint` says, or nothing where it says nothing that can be used: it is only a
// hint.
std::optional<Version> checkpoint_hint(io::FileStore& files, const io::Path& root);

// The state with the entries after it; the time of each from its file.
Result<State> caught_up(io::FileStore& files, State state);

// "Remove File": tombstones older than the table's retention are no longer kept in checkpoints.
int64_t tombstones_expire_ms(const Metadata& metadata, int64_t now_ms);
PersistentMap<std::shared_ptr<const Tombstone>> without_expired(
    const PersistentMap<std::shared_ptr<const Tombstone>>& tombstones, int64_t before_ms);

// The times of the commits of a listing, as "Time travel" by file times needs them: each above the
// one before.
std::map<int64_t, int64_t> commit_times(const Listing& listing);

}  // namespace ticklake::delta
