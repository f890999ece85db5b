// What a table's expectations say about rows. Private to the folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "model/arrow.h"

namespace ticklake::engine {

struct Violation {
  int64_t row;         // of the batch
  size_t expectation;  // that drops
};

struct Checked {
  std::vector<bool> keep;  // empty: all rows are kept
  int64_t dropped = 0;
  std::vector<ExpectationCount> counts;  // in the statement's order
  std::vector<Violation> violations;     // by row
  std::optional<Violation> fatal;  // the first row that fails an expectation that fails the flow
};

// Column `first_column` + i of the batch is BOOLEAN: whether the row meets expectation i; NULL is a
// violation.
Checked check_expectations(const std::vector<sql::Expectation>& expectations,
                           const arrow::RecordBatch& batch, int first_column);

std::vector<ExpectationCount> no_counts(const std::vector<sql::Expectation>& expectations);
void add_counts(std::vector<ExpectationCount>& total, const std::vector<ExpectationCount>& more);

// The rows of an answer that the dataset's expectations let pass, with the visible columns; batches
// without rows are left out. What the expectations say is added to `counts` and `dropped`. Invalid:
// a row fails one that fails the flow.
Result<Batches> passing_rows(const Dataset& dataset, const Batches& answer,
                             std::vector<ExpectationCount>& counts, int64_t& dropped);

// "expectation valid_price failed: price > 0"
std::string describe(const sql::Expectation& expectation);

}  // namespace ticklake::engine
