// Changing rows of a table: which file holds which row, and files written anew without some of
// their rows. Private to the folder.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "delta/delta.h"
#include "query/query.h"
#include "table_writer.h"

namespace ticklake::engine {

// The conditions that every row meets whose `columns` have values among those of the rows: ranges,
// for the types whose order is that of their text or number. May be fewer, even none.
std::vector<delta::Condition> ranges_of(const Batches& rows,
                                        const std::vector<std::string>& columns);

// Rows of a snapshot by file (an index into `files`) and place (counted from 0).
struct NumberedFiles {
  delta::Snapshot snapshot;
  std::vector<delta::AddFile> files;  // those that may hold rows that meet the conditions

  static NumberedFiles of(const delta::Snapshot& snapshot,
                          const std::vector<delta::Condition>& conditions);
  // The snapshot's columns and the two named ones, BIGINT.
  query::Input input(io::FileStore& store, std::string_view file_column,
                     std::string_view place_column) const;
};

struct RowEdits {
  std::map<int64_t, std::vector<int64_t>> gone;  // file -> places, rising
  Batches added;
};

// What a commit needs to do them: the files that lose rows are read, a bounded piece at a time, and
// written anew without these; others are not touched.
Result<delta::Transaction> edited(io::FileStore& store, const io::Clock& clock, TableWriter& writer,
                                  const NumberedFiles& rows, const RowEdits& edits);

}  // namespace ticklake::engine
