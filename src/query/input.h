// ticklake_input('<statement>/<name>'): the table function through which SQL reads batches and
// snapshots. Private to this folder.
#pragma once

#include "query/state.h"

namespace ticklake::query {

inline constexpr const char* kInputFunction = "ticklake_input";

// The registry must outlive the database.
void register_input(duckdb_connection connection, const Registry& registry);

}  // namespace ticklake::query
