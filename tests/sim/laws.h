// What must hold of every world at its end.
#pragma once

#include <string>
#include <vector>

#include "world.h"

namespace ticklake::sim {

// The laws that are broken, a sentence each:
// 1. Every tick is in silver or in its quarantine, once, each where it belongs.
// 2. The history of a key is that of its changes in the order of their sequences.
// 3. Windows and views are what a batch over all ticks gives, each window once.
// 4. The versions of every table follow each other without a gap.
std::vector<std::string> broken_laws(World& world);

}  // namespace ticklake::sim
