// Changing rows of a table: which file holds which row, and what becomes of the files. Private to
// the folder.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "delta/delta.h"
#include "query/query.h"

namespace ticklake::engine {

// The conditions that every row meets whose `columns` have values among those of the rows: ranges,
// for the types whose order is that of their text or number. May be fewer, even none.
std::vector<delta::Condition> ranges_of(const Batches& rows,
                                        const std::vector<std::string>& columns);

// Rows of a snapshot by file (an index into `files`) and place (delta::kRowNumber).
struct NumberedFiles {
  delta::Snapshot snapshot;
  std::vector<delta::AddFile> files;  // those that may hold rows that meet the conditions

  static NumberedFiles of(const delta::Snapshot& snapshot,
                          const std::vector<delta::Condition>& conditions);
  // The snapshot's columns and the two named ones, BIGINT; without those: "".
  query::Input input(io::FileStore& store, std::string_view file_column,
                     std::string_view place_column) const;
};

struct RowEdits {
  std::map<int64_t, std::vector<int64_t>> gone;  // file -> places, rising
  Batches added;
};

// They are done but for the commit. Files that lose no row are not touched.
Result<delta::RowChange> edited(io::FileStore& store, const io::Clock& clock,
                                const NumberedFiles& rows, const RowEdits& edits);

}  // namespace ticklake::engine
