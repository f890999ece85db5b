// Tests of a user's project as they are written: directives, each with an indented block below it.
// docs/testing_pipelines.md describes them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace ticklake::app {

// One directive.
struct ScriptStep {
  enum class Kind : uint8_t {
    Set,
    Now,
    Wait,
    Topic,
    Produce,
    File,
    Given,
    Run,
    FullRefresh,
    RunFails,
    Table,
    Flow,
    Query,
    QueryFails,
  };
  Kind kind;
  std::string directive;                            // as written
  std::string argument = {};                        // "silver_ticks" of "table silver_ticks"
  std::map<std::string, std::string> options = {};  // partition=2; "escaped" without a value
  std::vector<std::string> block = {};              // its lines, not indented
  int line = 0;                                     // of the directive; the first is 1
  int block_line = 0;                               // where the block is, or would be
  std::string indent = "  ";                        // of the block
};

struct Script {
  std::string file;                // for messages
  std::vector<std::string> lines;  // all, as written
  std::vector<ScriptStep> steps;
};

// Invalid, naming file and line, and the nearest directive.
Result<Script> parse_script(const std::string& text, const std::string& file);

// What stands above and below the line "----" of a block.
struct CutBlock {
  std::vector<std::string> query;
  std::vector<std::string> expected;
  int expected_line = 0;
  bool is_cut = false;
};
CutBlock cut_block(const ScriptStep& step);

// "a.test:12: message".
Error at_line(const std::string& file, int line, const std::string& message,
              Code code = Code::Invalid);

// The bytes of a line in which \xNN stands for a byte.
std::string unescaped(std::string_view line);

}  // namespace ticklake::app
