// The part of delta.h that changes rows which are there; include that.
//
// Which rows are touched is the caller's business (query/query.h finds them with SQL); here is what
// becomes of their files. A file of which some rows are touched is written anew without them, or
// gets a deletion vector where the table has delta.enableDeletionVectors. What comes instead goes
// into files of its own.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "delta/delta.h"

namespace ticklake::delta {

// A row of a file, by its number (kRowNumber): deleted, or replaced by another.
struct Touched {
  int64_t row;
  bool deleted;
};

// What a change did, for operationMetrics.
struct ChangeCounts {
  int64_t inserted = 0, updated = 0, deleted = 0, copied = 0;
  int64_t files_added = 0, files_removed = 0, change_files = 0;
  int64_t bytes_added = 0, bytes_removed = 0;
  int64_t vectors_added = 0, vectors_removed = 0;
};

// One commit that changes rows. In memory are a row group on its way to a file and what is
// collected for files of new rows and of the change feed, each up to WriteOptions' limit for rows
// that wait.
class RowChange {
 public:
  // What is referred to outlives it. Unsupported: the table must not be written.
  static Result<RowChange> begin(io::FileStore& files, const io::Clock& clock,
                                 const Snapshot& snapshot, WriteOptions options = {});
  RowChange(RowChange&&) noexcept;
  ~RowChange();

  // All rows of the file go; they are not read unless the change feed wants them.
  Result<void> drop(const AddFile& file);

  // The rows for those at the places `replaced` of `touched`, which were `old_rows`: as many, with
  // the table's columns.
  using Replace = std::function<Result<BatchPtr>(const BatchPtr& old_rows,
                                                 const std::vector<size_t>& replaced)>;
  // Some rows of the file, each once, ascending.
  Result<void> change(const AddFile& file, const std::vector<Touched>& touched,
                      const Replace& replace = {});

  // New rows. After all calls of drop() and change().
  Result<void> insert(const Batches& rows);

  // Writes what waits. After it, only commit() is left.
  Result<ChangeCounts> finish();

  // Commits all of it with the rest of `transaction`, whose adds, removes and changes are empty;
  // the files touched are among those read. Where there is nothing, and no metadata and no txn, the
  // snapshot given. Errors as of commit(); nothing is left of one that lost.
  Result<Snapshot> commit(Transaction transaction);

 private:
  struct State;
  explicit RowChange(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The metadata with these columns, in this order. Columns of the table stay as they are or get a
// wider type, which their metadata then tells ("Type Widening"); new ones may be NULL. Invalid: one
// is missing, or does not widen so; Unsupported: the table has no delta.enableTypeWidening.
Result<Metadata> with_columns(const Snapshot& snapshot, const std::vector<Field>& fields);

// The snapshot as if it had the metadata: what a commit that brings it is based on.
Snapshot with_metadata(const Snapshot& snapshot, Metadata metadata);

// Whether values of one type are read as those of the other by "Type Widening".
bool widens(const Type& from, const Type& to);

// Changes of one version, as the change feed tells them.
struct ChangedRows {
  Version version;
  int64_t timestamp_ms = 0;
  BatchPtr rows;  // the table's columns and _change_type
};

// Hands on the changes of the versions `from`..`to`, both included, in their order. NotFound names
// the first version that is not there; Unsupported names the one that has no change feed, or has
// other columns than the newest version asked for.
Result<Schema> for_each_change(io::FileStore& files, const io::Path& root, Version from, Version to,
                               const std::function<Result<void>(const ChangedRows&)>& visit);

}  // namespace ticklake::delta
