// DuckDB's errors as ours. Private to this folder.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "query/handles.h"

namespace ticklake::query {

// What our own functions raise inside DuckDB: error_from gives back exactly this message.
std::string marked(std::string_view message);

// DuckDB's words without its prefixes and SQL; overflow, division by zero and failed casts get
// Spark's error classes.
Error error_from(duckdb_error_type type, std::string_view message);

Result<void> run_sql(duckdb_connection connection, const char* sql);

}  // namespace ticklake::query
