// Delta Lake tables: open, read, append, commit, maintain. The authority is PROTOCOL.md of
// delta-io/delta; section names in this folder's comments are its.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "io/clock.h"
#include "io/files.h"
#include "model/arrow.h"
#include "model/type.h"

namespace ticklake::delta {

struct Protocol {
  int32_t min_reader = 1;
  int32_t min_writer = 2;
  std::vector<std::string> reader_features = {};
  std::vector<std::string> writer_features = {};
};

struct Metadata {
  std::string id;  // a UUID; empty: create() makes one
  std::string name = {};
  std::string description = {};
  Schema schema;
  std::vector<std::string> partition_columns = {};
  std::map<std::string, std::string> configuration = {};
  int64_t created_ms = 0;
};

// "Deletion Vector Descriptor Schema": where to find which rows of a file are no longer there.
struct DeletionVector {
  char storage = 'u';  // 'u': a file named by a UUID, 'p': by a path, 'i': `place` holds the rows
  std::string place;
  std::optional<int32_t> offset = {};
  int32_t size_bytes = 0;
  int64_t cardinality = 0;  // rows that are gone
  std::string id() const;   // tells it apart from others of the same file
};

// "Add File": one Parquet file of the table.
struct AddFile {
  std::string path;  // decoded; relative to the table's root, or absolute
  std::map<std::string, std::optional<std::string>> partition_values = {};
  int64_t size = 0;
  int64_t modified_ms = 0;
  bool data_change = true;
  std::string stats = {};  // JSON as in the log, or ""
  std::map<std::string, std::string> tags = {};
  std::optional<DeletionVector> deletion_vector = {};
  std::optional<int64_t> records() const;  // rows that are there: numRecords without deleted ones
};

struct RemoveFile {
  std::string path;
  int64_t deleted_ms = 0;
  bool data_change = true;
};

// "Add CDC File": rows that a commit changed, with a column _change_type.
struct ChangeFile {
  std::string path;
  std::map<std::string, std::optional<std::string>> partition_values = {};
  int64_t size = 0;
};

// A table as it stood at one version. Immutable and cheap to copy; threads may share it.
class Snapshot {
 public:
  const io::Path& root() const;
  Version version() const;
  int64_t timestamp_ms() const;  // of the commit
  const Protocol& protocol() const;
  const Metadata& metadata() const;
  const Schema& schema() const { return metadata().schema; }
  std::vector<AddFile> files()
      const;  // sorted by (partition values, path): one order for one content
  int64_t file_count() const;
  std::optional<int64_t> txn(const std::string& app_id) const;  // "Transaction Identifiers"
  std::map<std::string, int64_t> txns() const;
  std::map<std::string, std::string> domains() const;  // "Domain Metadata"

  struct State;
  explicit Snapshot(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const { return *state_; }

 private:
  std::shared_ptr<const State> state_;
};

// The newest version, one version, or the newest not younger than a time. NotFound: no table there,
// or no such version. Corrupt: a gap in the log, an unreadable entry. Unsupported: names every
// reader feature that ticklake does not know.
Result<Snapshot> open(io::FileStore& files, const io::Path& root);
Result<Snapshot> open_version(io::FileStore& files, const io::Path& root, Version version);
Result<Snapshot> open_timestamp(io::FileStore& files, const io::Path& root, int64_t timestamp_ms);

// The newest version, reading only what was committed since `snapshot`.
Result<Snapshot> refresh(io::FileStore& files, const Snapshot& snapshot);

// Invalid or Unsupported: a column, partition column or property that a table of ours may not have.
Result<void> check_metadata(const Metadata& metadata);

// Makes version 0. Conflict: there is a table. TimestampNtz columns turn the timestampNtz feature
// on. Invalid: a name or type that Delta refuses, a partition column that is not in the schema.
// Refused: delta.setTransactionRetentionDuration.
Result<Snapshot> create(io::FileStore& files, const io::Clock& clock, const io::Path& root,
                        Metadata metadata);

// What one commit does.
struct Transaction {
  std::string operation;  // "WRITE", "STREAMING UPDATE", ... for commitInfo
  std::map<std::string, std::string> parameters = {};  // operationParameters
  std::vector<AddFile> adds = {};
  std::vector<RemoveFile> removes = {};  // with the deletion vector that the file has
  std::vector<ChangeFile> changes = {};
  std::optional<Metadata> metadata = {};     // a new one
  std::map<std::string, int64_t> txns = {};  // appId -> version, to be set
  // Compare and set: each named txn must have this value (nothing: be absent) before the commit and
  // again after every lost race; otherwise Conflict and nothing is written.
  std::map<std::string, std::optional<int64_t>> expected_txns = {};
  std::map<std::string, std::string> metrics = {};  // operationMetrics beside the usual ones
  // The commit was decided on the content of the table (overwrite): any data committed meanwhile is
  // a Conflict.
  bool reads_table = false;
  // It was decided on the rows of some files, by path, and would have read files for which
  // `would_read` holds: Conflict where one of the former lost rows meanwhile, or one of the latter
  // came. Those of a blind append count only where delta.isolationLevel is Serializable.
  std::set<std::string> read_files = {};
  std::function<bool(const AddFile&)> would_read = {};
};

// Adds one version on top of `base`; a race lost to a commit that does not touch what this one
// relies on is retried on top of it. Conflict: the race mattered (metadata or protocol changed, a
// file removed twice, expected_txns, reads_table). When the outcome of the write is unknown, it is
// settled by reading back. Costs O(what is committed), not O(table). Writes a checkpoint every
// delta.checkpointInterval (10) versions; a failed checkpoint does not fail the commit.
Result<Snapshot> commit(io::FileStore& files, const io::Clock& clock, const Snapshot& base,
                        Transaction transaction);

// A condition that must be true of each row: "CHECK Constraints", "Column Invariants".
struct Constraint {
  std::string name;
  std::string condition;  // Spark SQL
};
std::vector<Constraint> constraints(const Metadata& metadata);

struct WriteOptions {
  int64_t target_file_bytes = 128 << 20;
  std::map<std::string, std::string> tags = {};  // of each AddFile
  // Invalid where a row of the batch, which has the table's columns, breaks one of the table's
  // constraints. Must be there where the table has any (query/query.h makes one).
  std::function<Result<void>(const BatchPtr& rows)> check = {};
};

// Writes the batches into new Parquet files, one or more for each partition, with
// statistics, in the order given, and returns what to commit. Schema enforcement: Invalid where a
// column is missing, unknown, of another type, or NULL where NOT NULL. Nothing is visible until
// committed. No files for no rows.
Result<std::vector<AddFile>> write(io::FileStore& files, const io::Clock& clock,
                                   const Snapshot& snapshot, const Batches& batches,
                                   const WriteOptions& options = {});

// Reads one file's rows: the named columns of the table's schema (all: empty) in that order,
// partition values filled in, columns that the file lacks NULL, in batches of at most 64 Ki rows.
// Rows that its deletion vector takes out are left out. A column kRowNumber may be asked for, too:
// the row's number in the file, from 0, in which deleted rows count.
inline constexpr const char* kRowNumber = "__ticklake_row";
Result<std::shared_ptr<arrow::RecordBatchReader>> read(
    io::FileStore& files, const Snapshot& snapshot, const AddFile& file,
    const std::vector<std::string>& columns = {});

// A condition on one column, for pruning: column <op> literal, as text in the form of partition
// values.
struct Condition {
  enum class Op : uint8_t { Equal, Less, LessEqual, Greater, GreaterEqual, IsNull, IsNotNull };
  std::string column;
  Op op;
  std::string literal = {};
};

// False where partition values or statistics prove that no row of the file meets all conditions.
bool may_match(const Snapshot& snapshot, const AddFile& file,
               const std::vector<Condition>& conditions);

// A value as a condition's literal. Nothing: NULL, or an empty string.
Result<std::optional<std::string>> literal_text(const arrow::Array& values, int64_t row,
                                                const Type& type);

// One commit, for streaming from a table and for history.
struct Commit {
  Version version;
  int64_t timestamp_ms = 0;
  std::string operation;
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> metrics;
  std::string engine_info;
  std::string user_metadata;
  std::vector<AddFile> adds;
  std::vector<RemoveFile> removes;
  std::vector<ChangeFile> changes;
  std::map<std::string, int64_t> txns;
  std::optional<Metadata> metadata;
};

// The commits `from`..`to`, both included. NotFound names the first version that is no longer
// there.
Result<std::vector<Commit>> commits(io::FileStore& files, const io::Path& root, Version from,
                                    Version to);

// Newest first, at most `limit`.
Result<std::vector<Commit>> history(io::FileStore& files, const io::Path& root, int64_t limit);

// Writes the classic single-file checkpoint of the snapshot's version and then _last_checkpoint.
Result<void> checkpoint(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot);

}  // namespace ticklake::delta

#include "delta/change.h"
#include "delta/maintenance.h"
