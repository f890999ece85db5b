// A YAML file as plain values that know their lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ticklake::sources {

struct Yaml {
  enum class Kind : uint8_t { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  int line = 0;  // the first is 1
  std::string text = {};
  std::vector<Yaml> items = {};                          // of a list
  std::vector<std::pair<std::string, Yaml>> entries = {};  // of a map, in the file's order

  const Yaml* find(std::string_view key) const;
};

// Invalid: "file:line: what is wrong"; a key given twice is wrong too.
Result<Yaml> parse_yaml(std::string_view text, const std::string& file);

}  // namespace ticklake::sources
