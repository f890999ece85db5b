// What bounds the memory of a pipeline, whatever the rates of its flows; docs/limits.md tells the
// whole. Private to the folder.
#pragma once

#include <cstdint>

namespace ticklake::engine {

// Rows handed on in memory, of all tables: beyond it the oldest go, and are read from files.
inline constexpr int64_t kHubBytesMax = 96 << 20;

// Rows of one table that wait for those who read it: at it, the table's flow pauses. A feed that
// holds half a batch commits it without regard to the pace, so the pause ends.
inline constexpr int64_t kAheadBytesMax = 32 << 20;
inline constexpr int64_t kDeltaBatchBytesMax = 32 << 20;
static_assert(kDeltaBatchBytesMax / 2 < kAheadBytesMax);

// Records that one batch takes from a topic: keys, values and headers.
inline constexpr int64_t kKafkaBatchBytesMax = 64 << 20;

// Rows of what a stream is joined with that a flow keeps in memory.
inline constexpr int64_t kJoinedBytesMax = 256 << 20;

// Rows that are worth a thread of their own, where one is idle.
inline constexpr int64_t kRowsPerPartMin = 8'192;

}  // namespace ticklake::engine
