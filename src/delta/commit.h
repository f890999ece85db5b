// Writing entries of the log.
#pragma once

#include "delta/state.h"

namespace ticklake::delta {

inline constexpr std::string_view kEngineInfo = "ticklake/0.1.0";

enum class Written : uint8_t {
  Ours,    // the entry is in the log
  Theirs,  // another writer's entry has the version
};

// Writes one entry under its version, whole or not at all. A failure of unknown outcome is settled by reading back.
// Unavailable: the entry is not there, or it could not be found out.
Result<Written> write_entry(io::FileStore& files, const io::Path& root, Version version,
                            const Entry& entry);

// The time of the commit that this process has just made.
int64_t own_commit_time(io::FileStore& files, const State& before, const State& after,
                        const CommitInfo& info);

// Whether the version is one at which a checkpoint is due, and the attempt to write it: see commit().
State with_checkpoint_if_due(io::FileStore& files, const io::Clock& clock, State state);

}  // namespace ticklake::delta
