// spark-pipeline.yml and databricks.yml as values. Private to the folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ticklake::engine {

// A text of the user's, and where its first character stands.
struct Located {
  std::string text = {};
  std::string file = {};
  int line = 1;
  int column = 1;

  std::string where() const;  // "file:line:column"
  // The place of a character of the text.
  Located at(size_t offset) const;
};

struct Spec {
  Located name;
  Located storage;
  std::vector<Located> libraries;  // plain paths and folders ending in "/**"
  std::optional<Located> catalog;
  std::optional<Located> database;
  std::map<std::string, Located> configuration;
};

// Invalid, as "file:line:column: ...".
Result<Spec> parse_spec(const std::string& text, const std::string& file);

// What a bundle says about one of its targets.
struct Bundle {
  std::string target;                            // "": none named and none is the default
  std::map<std::string, std::string> variables;  // by name; with the target's values
  std::map<std::string, Located> configuration;  // of its pipeline, the target's over the common
};

// `target` "": the one marked default. Invalid: no such target (with the nearest), not YAML.
Result<Bundle> parse_bundle(const std::string& text, const std::string& file,
                            const std::string& target);

}  // namespace ticklake::engine
