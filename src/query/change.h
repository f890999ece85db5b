// The part of query.h that changes rows of Delta tables with SQL: DELETE, UPDATE, MERGE, and rows
// replaced by their keys; include that.
//
// Files that partition values and statistics rule out are not read; of the others only the columns
// that the conditions need, until it is known which rows are touched. In memory are the source, the
// places of the rows touched in a group of files, and what delta::RowChange holds.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "query/query.h"

namespace ticklake::query {

struct ChangeOptions {
  // How to read a table that the statement reads besides the one it changes.
  std::function<Result<Input>(const sql::PlanInput&)> open = {};
  int threads = 1;
  int64_t memory_bytes_max = int64_t{1} << 30;  // of the query engine
  int64_t source_bytes_max = int64_t{1} << 30;  // of MERGE's source: Invalid where it is larger
  io::Path spill_directory = {};
};

struct Changed {
  delta::Snapshot snapshot;  // the one given where no row was touched
  delta::ChangeCounts counts;
  int64_t source_rows = 0;  // of MERGE
};

// One commit. Invalid: several rows of MERGE's source match one row of the table, an ANSI error, a
// row that breaks a constraint. Conflict: what another writer committed meanwhile has to do with
// the rows read; open the table again and repeat. `transaction` may bring txns and expected_txns.
Result<Changed> change(io::FileStore& files, const io::Clock& clock,
                       const delta::Snapshot& snapshot, const sql::EditPlan& plan,
                       const ChangeOptions& options, delta::Transaction transaction = {});

// Rows by their keys. NULL equals NULL, as <=> has it; keys are not of nested types.
struct KeyedRows {
  std::vector<std::string> keys;  // columns of the table
  Batches gone = {};  // rows with these keys go; at least the key columns, as in the table
  Batches rows = {};  // come; all columns of the table. Rows with their keys stay, unless
                      // `gone` names these, too
};

// One commit (MERGE) that takes rows out and puts rows in; where there are neither, one with only
// the txns of `transaction`. Its operation, parameters, txns and expected_txns are kept. Errors as
// of change().
Result<Changed> replace_by_key(io::FileStore& files, const io::Clock& clock,
                               const delta::Snapshot& snapshot, const KeyedRows& rows,
                               const ChangeOptions& options, delta::Transaction transaction);

// delta::WriteOptions::check for the constraints of the table; nothing where it has none.
// Unsupported where one is not understood. Outlives nothing it is given; one thread at a time.
using RowCheck = std::function<Result<void>(const BatchPtr& rows)>;
Result<RowCheck> constraint_check(const delta::Snapshot& snapshot, int64_t now_us);

}  // namespace ticklake::query
