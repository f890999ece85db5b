// Writing entries of the log.
#pragma once

#include "delta/state.h"

namespace ticklake::delta {

inline constexpr std::string_view kEngineInfo = "ticklake/0.1.0";

enum class Written : uint8_t {
  Ours,    // the entry is in the log
  Theirs,  // another writer's entry has the version
};

// Writes one entry under its version, whole or not at all. A failure of unknown outcome is settled
// by reading back. Unavailable: the entry is not there, or it could not be found out.
Result<Written> write_entry(io::FileStore& files, const io::Path& root, Version version,
                            const Entry& entry);

// The state after the entry that this process has just written.
State after_own(io::FileStore& files, const State& before, const Entry& entry);

// The state, after an attempt to write a checkpoint of it where one is due.
State with_checkpoint_if_due(io::FileStore& files, const io::Clock& clock, State state);

}  // namespace ticklake::delta
