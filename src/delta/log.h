// The files of _delta_log: names, listing, entries.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "delta/actions.h"
#include "io/files.h"

namespace ticklake::delta {

io::Path log_directory(const io::Path& root);
io::Path entry_path(const io::Path& root, Version version);
io::Path hint_path(const io::Path& root);                         // _last_checkpoint
io::Path checkpoint_path(const io::Path& root, Version version);  // classic, of a single file

// The files that together are one complete checkpoint.
struct CheckpointFiles {
  Version version = {};
  std::vector<io::Path> parts = {};
};

struct Listing {
  std::map<int64_t, io::FileInfo> entries = {};   // by version
  std::vector<CheckpointFiles> checkpoints = {};  // complete ones, the newest last
};

// What is in the log from `from` on. Other files than entries and checkpoints are not looked at.
Result<Listing> list_log(io::FileStore& files, const io::Path& root, Version from = Version(0));

// NotFound where the version is not there; Corrupt names the file.
Result<Entry> read_entry(io::FileStore& files, const io::Path& root, Version version);

}  // namespace ticklake::delta
