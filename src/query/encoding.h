// to_avro(): values to payloads, as a DuckDB function. Private to this folder.
#pragma once

#include <memory>
#include <string>

#include "query/state.h"
#include "sql/sql.h"

namespace ticklake::query {

// Called with the statement's number and the value. What it made may be called from any thread.
class EncodeFunction {
 public:
  static std::unique_ptr<EncodeFunction> make(duckdb_connection connection,
                                              const Registry& registry,
                                              const sql::PayloadFunction& what, std::string name);

  const sql::PayloadFunction& what() const { return what_; }
  const std::string& name() const { return name_; }

 private:
  static void call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output);
  Result<void> encode(duckdb_data_chunk input, duckdb_vector output) const;

  const Registry* registry_ = nullptr;
  sql::PayloadFunction what_;
  std::string name_;
};

}  // namespace ticklake::query
