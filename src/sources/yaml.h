// A YAML file as plain values that know where they stand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ticklake::sources {

struct Yaml {
  enum class Kind : uint8_t { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  int line = 0, column = 0;          // of the value; the first is 1
  int key_line = 0, key_column = 0;  // of its key, in a map
  std::string text = {};
  std::vector<Yaml> items = {};                          // of a list
  std::vector<std::pair<std::string, Yaml>> entries = {};  // of a map, in the file's order

  const Yaml* find(std::string_view key) const;
};

// Invalid: "file:line:column: what is wrong"; a key given twice is wrong too.
Result<Yaml> parse_yaml(std::string_view text, const std::string& file);

}  // namespace ticklake::sources
