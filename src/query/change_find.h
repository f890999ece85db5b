// Which rows of which files a statement touches. Private to this folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "query/change.h"

namespace ticklake::query {

// A row of a file, with the row of the source that it matches (-1: none) and the clause for them
// (-1: none).
struct Pair {
  int64_t row;
  int64_t source;
  int32_t clause;
};

// Rows of a source in memory, with their number as a further column.
struct SourceRows {
  BatchPtr rows;  // one batch
  int64_t count() const { return rows ? rows->num_rows() : 0; }
};
Result<SourceRows> numbered(const Batches& batches, const Schema& schema);

// A check that each row of the schema meets the conditions; `broken` begins what it says of one
// that does not.
Result<RowCheck> check_of(const std::vector<delta::Constraint>& rules, const Schema& schema,
                          int64_t now_us, const std::string& broken);

// Runs a query over groups of the table's files. Its answer has the columns of sql::EditPlan's
// `find`.
class Finder {
 public:
  // `request` lacks the input `target_id`.
  static Result<std::unique_ptr<Finder>> make(io::FileStore& files, const delta::Snapshot& snapshot,
                                              Database& database, Request request,
                                              const std::string& target_id,
                                              std::vector<delta::AddFile> candidates);

  // The next files and the pairs in each, by row; empty: there are none left.
  struct FilePairs {
    delta::AddFile file;
    std::vector<Pair> pairs;
  };
  Result<std::vector<FilePairs>> next();

 private:
  Finder() = default;

  std::vector<delta::AddFile> candidates_;
  size_t at_ = 0;
  std::shared_ptr<std::vector<delta::AddFile>> group_;
  std::unique_ptr<Prepared> prepared_;
};

// Whether a file may hold a row with one of the keys: bounds of each key column, and the values of
// those by which the table is partitioned.
class KeyRange {
 public:
  static Result<KeyRange> of(const delta::Snapshot& snapshot,
                             const std::vector<std::string>& columns,
                             const std::vector<std::shared_ptr<arrow::Array>>& values,
                             bool null_is_a_key);
  bool may_have(const delta::Snapshot& snapshot, const delta::AddFile& file) const;

 private:
  // For each column one of these must hold.
  std::vector<std::vector<std::vector<delta::Condition>>> columns_;
};

}  // namespace ticklake::query
