// What read_files() was asked for. Private to the folder.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/formats.h"
#include "io/files.h"
#include "model/type.h"

namespace ticklake::engine {

using Arguments = std::map<std::string, std::string>;  // as written; "path" is the first one

struct FileArguments {
  enum class Evolution : uint8_t { AddNewColumns, Rescue, FailOnNewColumns, None };

  io::Path path;  // absolute; may hold a pattern
  formats::FileFormat format;
  std::optional<Schema> schema;  // declared
  Schema hints;
  Evolution evolution = Evolution::AddNewColumns;
  int64_t files_max = 1000;          // of a batch
  std::optional<int64_t> bytes_max;  // of a batch's files, about
  bool include_existing = true;
  bool allow_overwrites = false;
  bool ignore_missing = false;
  bool ignore_corrupt = false;
  bool recursive = true;
  std::string name_pattern;  // "": every name
  std::optional<int64_t> modified_after_ms;
  std::optional<int64_t> modified_before_ms;
  std::optional<std::vector<std::string>> partition_columns;  // nothing: those that are found
  std::string key;  // of what an inferred schema depends on
};

// Relative paths are below `directory`. Invalid: an option that is unknown (with the nearest) or
// has a bad value; Unsupported: one that is not available, a format or a scheme of paths likewise.
Result<FileArguments> file_arguments(const Arguments& arguments, const io::Path& directory);

// Without "." and, where it can be known, "..".
io::Path normalized(const io::Path& path);

}  // namespace ticklake::engine
