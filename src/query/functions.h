// ticklake's scalar functions inside DuckDB. Private to this folder.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "query/encoding.h"
#include "query/state.h"

namespace ticklake::query {

// The functions that need no statement: casts of text to times, ticklake_raise(message), which must
// stand in a cast to another type to be kept in its place, ticklake_utf8, and those of *_natives().
Result<void> register_functions(duckdb_connection connection);

// For each indicator of model/indicators.h the functions by which SQL has it over a window.
void register_market_functions(duckdb_connection connection, const Registry& registry);

// ticklake_payload_s<n>(statement, payload, row): one DuckDB function for each way of decoding,
// since DuckDB fixes the result type with the function and keeps functions forever. Statements that
// ask for the same share one. Calls of make() from one thread at a time; what it made may be called
// from any.
class PayloadFunctions {
 public:
  PayloadFunctions(duckdb_connection connection, const Registry& registry);
  ~PayloadFunctions();

  // The name of the function.
  Result<std::string> make(const sql::PayloadFunction& what);

  class Function;

 private:
  duckdb_connection connection_;
  const Registry& registry_;
  std::vector<std::unique_ptr<Function>> functions_;
  std::vector<std::unique_ptr<EncodeFunction>> encoders_;
};

}  // namespace ticklake::query
