// Runs a prepared statement over a batch, in parts side by side, and, where a row raises an ANSI
// error, finds that row. Private to the folder.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/spread.h"
#include "query/query.h"

namespace ticklake::engine {

struct RowError {
  int64_t row;
  Error error;
};

struct RunAnswer {
  Batches batches;  // in the order of the input rows; "__row" counts over the whole input
  std::vector<query::DecodeError> decode_errors;  // so do these
  std::vector<RowError> row_errors;               // with all_errors: every row that raises one
};

using Statements = std::span<const std::unique_ptr<query::Prepared>>;

struct ErrorSearch {
  // Without it the first row that raises an error is an error: `row_errors` has that row only and
  // the other fields mean nothing.
  bool all = false;
  bool joined = false;  // rows meet those of tables
};

// Each of the statements, which are all the same, takes its part of the input, side by side where
// `spread` is there.
Result<RunAnswer> run_rows(Statements statements, Spread* spread, const Batches& input,
                           ErrorSearch search);

}  // namespace ticklake::engine
