// A table as a sequence of versions to be streamed from. Private to the folder.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "delta/delta.h"
#include "hub.h"
#include "io/clock.h"
#include "io/files.h"
#include "sql/sql.h"

namespace ticklake::engine {

// Rows come from the hub where it still holds them, else from the files that the log names.
class TableReader {
 public:
  struct Source {
    std::string name;  // canonical
    io::Path root;
    Schema schema;                     // that the reader relies on
    std::vector<std::string> columns;  // to be read; all where empty
    sql::TableStream stream = {};
    // Of a table that others write: tells when to look for new versions. Nothing: those that are
    // there when it is opened, and those that the hub tells of.
    const io::Clock* clock = nullptr;
  };

  // NotFound: no table there.
  static Result<TableReader> open(io::FileStore& files, const Hub& hub, Source source);

  const std::string& id() const { return snapshot_.metadata().id; }
  const std::string& name() const { return source_.name; }
  const sql::TableStream& stream() const { return source_.stream; }

  // The newest version that is worth asking for.
  Version newest() const;
  // Looks for versions that other programs have written, not too often. Invalid, Unsupported: the
  // table was made anew, or needs a feature that is not known.
  Result<void> look();

  // The version with which a stream begins that has read nothing yet; nothing: with the table as
  // it stands. NotFound: the options name one that is not there.
  Result<std::optional<Version>> first();
  // Corrupt: the table ends before `next`, which was to be read next.
  Result<void> check_place(Version next) const;
  // Versions that were passed over because they change rows.
  int64_t skipped() const { return skipped_; }

  // The table at a version, and its files in the order they were written.
  Result<delta::Snapshot> at(Version version);
  static std::vector<delta::AddFile> in_order(std::vector<delta::AddFile> files);

  // The rows of some files. NotFound: one was vacuumed; names the version, the file and the remedy.
  Result<VersionRows> read(Version version, const std::vector<delta::AddFile>& files);

  // What a version added; nothing for maintenance, nor where it is passed over. With a change feed,
  // its changes. Invalid: the version removes rows or changes the schema; names it and the remedy.
  // NotFound: it is no longer in the log, or vacuumed.
  Result<std::shared_ptr<const VersionRows>> version(Version version);

 private:
  TableReader(io::FileStore& files, const Hub& hub, Source source, delta::Snapshot snapshot)
      : files_(&files),
        hub_(&hub),
        source_(std::move(source)),
        snapshot_(snapshot),
        tip_(std::move(snapshot)) {}

  Result<void> read_file(const delta::AddFile& file, VersionRows& out);
  Result<void> check_opened() const;
  Result<void> check_metadata(const delta::Commit& commit) const;
  Result<VersionRows> changes(Version version);
  Result<BatchPtr> as_changes(const BatchPtr& rows, Version version, int64_t timestamp_ms) const;
  std::vector<std::string> stored_columns() const;
  Error changed(Version version, const std::string& what) const;
  Result<const delta::Commit*> commit(Version version);

  io::FileStore* files_;
  const Hub* hub_;
  Source source_;
  delta::Snapshot snapshot_;  // as it was opened: what its files are read as
  delta::Snapshot tip_;
  int64_t looked_us_ = 0;
  int64_t skipped_ = 0;
  std::deque<delta::Commit> ahead_;  // read from the log, not yet asked for
};

}  // namespace ticklake::engine
