// What `ticklake doctor` looks at. A check is a row in checks(); docs/kafka.md shows the output.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/brokers.h"
#include "app/commands.h"
#include "engine/engine.h"
#include "sources/sources.h"

namespace ticklake::app {

struct Finding {
  bool ok = true;
  std::string text;  // a sentence; where not ok, it says what to do
};
using Findings = std::vector<Finding>;

// What the checks see. Filled in as they go: a check that finds what it needs missing has nothing
// to say, because an earlier one has said why.
struct Patient {
  Environment& environment;
  const ProjectOptions& options;
  std::optional<engine::Project> project = {};
  std::vector<sources::SourceSpec> specs = {};
  std::optional<engine::Graph> graph = {};
};

struct Check {
  std::string name;
  std::function<Findings(Patient&)> look;
};

// In the order in which they are made.
std::vector<Check> checks();

}  // namespace ticklake::app
