// A table of this project as a sequence of versions to be streamed from. Private to the folder.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "delta/delta.h"
#include "hub.h"
#include "io/files.h"

namespace ticklake::engine {

// Rows come from the hub where it still holds them, else from the files that the log names.
class TableReader {
 public:
  struct Source {
    std::string name;  // canonical
    io::Path root;
    Schema schema;                     // that the reader relies on
    std::vector<std::string> columns;  // to be read; all where empty
  };

  // NotFound: no table there.
  static Result<TableReader> open(io::FileStore& files, const Hub& hub, Source source);

  const std::string& id() const { return snapshot_.metadata().id; }
  const std::string& name() const { return source_.name; }

  // The newest version that is worth asking for.
  Version newest() const;

  // The table at a version, and its files in the order they were written.
  Result<delta::Snapshot> at(Version version);
  static std::vector<delta::AddFile> in_order(std::vector<delta::AddFile> files);

  // The rows of some files. NotFound: one was vacuumed; names the version, the file and the remedy.
  Result<VersionRows> read(Version version, const std::vector<delta::AddFile>& files);

  // What a version added; nothing for maintenance. Invalid: the version removes rows or changes the
  // schema; names it and the remedy. NotFound: it is no longer in the log, or vacuumed.
  Result<std::shared_ptr<const VersionRows>> version(Version version);

 private:
  TableReader(io::FileStore& files, const Hub& hub, Source source, delta::Snapshot snapshot)
      : files_(&files), hub_(&hub), source_(std::move(source)), snapshot_(std::move(snapshot)) {}

  Result<void> read_file(const delta::AddFile& file, VersionRows& out);
  Result<const delta::Commit*> commit(Version version);

  io::FileStore* files_;
  const Hub* hub_;
  Source source_;
  delta::Snapshot snapshot_;
  std::deque<delta::Commit> ahead_;  // read from the log, not yet asked for
};

}  // namespace ticklake::engine
