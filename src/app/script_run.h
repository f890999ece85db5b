// One test of a project, run in a folder of its own: tables, topics and files are made there, and
// nothing else is touched. The clock stands still unless the test moves it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/script.h"
#include "app/signals.h"

namespace ticklake::app {

struct ScriptOptions {
  ProjectOptions project;
  bool keep = false;    // the folder, where the test fails
  bool update = false;  // rows that are not as expected become the expected ones
};

struct ScriptProblem {
  int line = 0;
  std::string text;  // begins with file:line; more lines show rows side by side
};

struct ScriptOutcome {
  std::vector<ScriptProblem> problems;  // none: it passed
  std::optional<std::string> updated;   // the whole file, where it changed
  io::Path kept;                        // the folder, where it was kept
  int64_t duration_us = 0;
};

ScriptOutcome run_script(Environment& environment, const Script& script,
                         const ScriptOptions& options, const Signals& signals);

}  // namespace ticklake::app
