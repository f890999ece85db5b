// Names in a table's directory: URI encoding of paths in the log, Hive's escaping of partition
// directories, UUIDs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/files.h"

namespace ticklake::delta {

// A path as the log writes it, percent-encoded once; and back. What is not an escape stays as it
// is.
std::string uri_encoded(std::string_view path);
std::string uri_decoded(std::string_view path);

// Where the file of an action lies: `path` decoded, relative to the root or absolute ("/x",
// "file:/x", "s3://b/x").
io::Path file_location(const io::Path& root, const std::string& path);

// "a=1/b=__HIVE_DEFAULT_PARTITION__/" or "" where there are no partition columns. Names only help
// people: the log says which values a file has. So a value too long for a directory's name is cut
// and told apart by a hash.
std::string partition_directory(const std::vector<std::string>& columns,
                                const std::map<std::string, std::optional<std::string>>& values);

}  // namespace ticklake::delta
