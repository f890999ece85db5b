// What a flow keeps of its open sessions in files beside its table's. Private to the folder.
#pragma once

#include <string>

#include "base/result.h"
#include "io/files.h"
#include "model/arrow.h"
#include "model/type.h"

namespace ticklake::engine {

// Numbered files "<table>/_ticklake/<owner>/<prefix>-<number>.arrow", with hashes of what they are
// called by; readers of the table ignore them. A commit names the one that it goes with, so that a
// file that was written for a commit that failed means nothing.
class StateFiles {
 public:
  // `owner`: the flow and what it reads, in all generations. `prefix`: of the progress that names
  // the files.
  StateFiles(io::FileStore& files, const io::Path& table, const std::string& owner,
             const std::string& prefix);

  // Durable before it returns. Replaces what a failed commit left.
  Result<void> write(int64_t number, const Batches& rows, const Schema& schema);
  // NotFound: it is gone.
  Result<Batches> read(int64_t number);
  // Removes the owner's other files, of other prefixes too.
  Result<void> keep_only(int64_t number);

 private:
  std::string name(int64_t number) const;

  io::FileStore* files_;
  io::Path folder_;
  std::string start_;
};

}  // namespace ticklake::engine
