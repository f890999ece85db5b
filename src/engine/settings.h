// What configuration and TBLPROPERTIES say about running a flow. Private to the folder.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ticklake::engine {

struct QuarantineRule {
  bool undecodable = false;
  bool errors = false;
  bool expectations = false;
  bool any() const { return undecodable || errors || expectations; }
};

struct Settings {
  int64_t pace_us = 1'000'000;
  int64_t refresh_us = 10'000'000;
  int64_t rows_per_step_max = 250'000;
  std::optional<int> parallelism = {};  // of the project; nothing: one thread a core
  QuarantineRule quarantine = {};
  bool keeps_late = false;  // rows that come too late for their window
};

// "100 ms", "1 s", "2 minutes", "500ms"; microseconds.
std::optional<int64_t> parse_duration(std::string_view text);

// TBLPROPERTIES over configuration. Invalid: an unknown ticklake.* name (with the nearest), a value
// that does not fit.
Result<Settings> settings_of(const std::map<std::string, std::string>& configuration,
                             const std::map<std::string, std::string>& properties);

// Invalid or Unsupported: an unknown ticklake.* name, a Spark setting whose meaning differs here.
Result<void> check_configuration(const std::map<std::string, std::string>& configuration);

}  // namespace ticklake::engine
