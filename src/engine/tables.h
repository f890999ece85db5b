// Makes a project's tables, checks the ones that are there, and empties those to be rebuilt.
// Private to the folder.
#pragma once

#include "flow.h"

namespace ticklake::engine {

// Every table of the graph is there with the schema of its statement afterwards. Full refreshes
// that the options ask for are done. Invalid: a stored schema differs, a table to refresh is
// unknown or leaves one that streams from it behind.
Result<void> prepare_tables(Context& context);

}  // namespace ticklake::engine
