// Finds the files that read_files() means. Private to the folder.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "file_arguments.h"
#include "io/files.h"

namespace ticklake::engine {

// `*`, `?`, `[a-z]`, `[^a]`; '{a,b}' must be expanded before.
bool matches_pattern(std::string_view text, std::string_view pattern);
// The patterns without braces that one with braces stands for.
std::vector<std::string> without_braces(std::string_view pattern);

// One look at all that is there, directory by directory. What a path with a pattern matches is read
// with all below it; hidden files and directories (".x", "_x" without '=') are left out.
class FileListing {
 public:
  FileListing(io::FileStore& files, const FileArguments& arguments);

  // Files of some more directories, until there are about `files_max`. NotFound: there is nothing
  // at the path where it has no pattern.
  Result<std::vector<io::FileInfo>> next(int64_t files_max);
  bool done() const { return open_.empty(); }

 private:
  struct Place {
    io::Path directory;
    std::vector<std::string> rest;  // patterns of what is below it; empty: everything
    int depth = 0;
  };

  Result<void> look(const Place& place, std::vector<io::FileInfo>& out);
  Result<void> look_up(const Place& place, std::vector<io::FileInfo>& out);
  bool wanted(const io::FileInfo& file) const;

  io::FileStore& files_;
  const FileArguments& arguments_;
  std::deque<Place> open_;
  bool exact_ = false;  // the path has no pattern
};

// Everything at once, sorted by time, then path.
Result<std::vector<io::FileInfo>> all_files(io::FileStore& files, const FileArguments& arguments);

void sort_by_time(std::vector<io::FileInfo>& files);

// The value of `name` in ".../name=value/...", decoded; nothing: there is none, or it is NULL.
std::optional<std::string> partition_value(const io::Path& path, const std::string& name);
// The names of ".../a=1/b=2/x.csv", in their order.
std::vector<std::string> partition_names(const io::Path& path);

// "file:///data/a%20b.csv"
std::string uri_of(const io::Path& path);

}  // namespace ticklake::engine
