// read_files() as others see it: a part of engine.h.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "io/files.h"
#include "query/query.h"
#include "sql/sql.h"

namespace ticklake::engine {

struct Project;

// For the analyzer: the columns of read_files(), declared, recorded in the project's storage
// (streams; unless it is ""), or inferred. Relative paths are below `directory`. May be asked by
// several threads; the file store outlives it.
sql::FileColumns file_columns(io::FileStore& files, const io::Path& directory,
                              const io::Path& storage);

// The rows of a read_files() that is no stream: of the files that are there now.
Result<query::Input> file_input(io::FileStore& files, const Project& project,
                                const sql::PlanInput& input);

// Files that a flow has met and not read yet, and what happened to others.
struct FileLag {
  int64_t files = 0;
  int64_t bytes = 0;
  int64_t changed = 0;  // differ from what was read of them; not read again
  int64_t skipped = 0;  // gone or damaged, and passed over as was asked for
};

}  // namespace ticklake::engine
