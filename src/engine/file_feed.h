// Rows of the files that arrive at a path, each file once. Private to the folder.
#pragma once

#include <memory>

#include "feed.h"
#include "file_arguments.h"
#include "io/files.h"

namespace ticklake::engine {

struct FileFeedOptions {
  FileArguments arguments;
  Schema input;          // the plan's
  io::Path project;      // paths below it are listed relative to it
  io::Path storage;      // where inferred schemas are recorded
  io::Path list;         // directory of the list of files
  int64_t rows_max = 250'000;
  bool once = false;
  ProgressPlace place;
};

// `stored` are the flow's txns. Corrupt: the list of files is damaged, or behind the progress.
Result<std::unique_ptr<Feed>> open_file_feed(io::FileStore& files, const io::Clock& clock,
                                             FileFeedOptions options, const Progress& stored);

}  // namespace ticklake::engine
