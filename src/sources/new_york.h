// The clock of New York, which US exchanges keep: wall time to instants and back, by the rules of
// 1967 and after.
#pragma once

#include <cstdint>

namespace ticklake::sources {

// Both in microseconds since 1970, of the wall clock and UTC. A wall time that comes twice (clocks
// go back) is its first; one that never comes (clocks go forward) is read by the clock before.
int64_t new_york_to_utc(int64_t wall_us);
int64_t utc_to_new_york(int64_t instant_us);

}  // namespace ticklake::sources
