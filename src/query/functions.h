// ticklake's scalar functions inside DuckDB. Private to this folder.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "query/state.h"

namespace ticklake::query {

// The functions that need no statement: casts of text to times, ticklake_raise(message), which must
// stand in a cast to another type to be kept in its place, ticklake_utf8, and those of *_natives().
Result<void> register_functions(duckdb_connection connection);

// ticklake_from_json_s<n>(statement, text, row): one DuckDB function a schema, since DuckDB fixes
// the result type with the function and keeps functions forever. Statements with equal schemas
// share one. Calls of make() from one thread at a time; what it made may be called from any.
class FromJsonFunctions {
 public:
  FromJsonFunctions(duckdb_connection connection, const Registry& registry);
  ~FromJsonFunctions();

  // The name of the function for this schema.
  Result<std::string> make(const Schema& schema);

  class Function;

 private:
  duckdb_connection connection_;
  const Registry& registry_;
  std::vector<std::unique_ptr<Function>> functions_;
};

}  // namespace ticklake::query
