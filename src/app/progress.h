// What a run shows while it goes: on a terminal one block that is drawn again and again, into a
// pipe plain lines every few seconds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/source_threads.h"
#include "engine/engine.h"

namespace ticklake::app {

class Progress {
 public:
  explicit Progress(Environment& environment);

  // True when it is time to show() again.
  bool due() const;
  void show(const std::vector<SourceStatus>& sources, const std::vector<engine::FlowStatus>& flows);
  // A sentence that stays.
  void say(const std::string& text);

 private:
  struct Seen {
    int64_t count = 0;
    int64_t at_us = 0;
  };
  int64_t rate(const std::string& name, int64_t count);
  void clear_block();
  std::string block(const std::vector<SourceStatus>& sources,
                    const std::vector<engine::FlowStatus>& flows);
  std::string lines(const std::vector<SourceStatus>& sources,
                    const std::vector<engine::FlowStatus>& flows);

  Environment& environment_;
  int64_t started_us_;
  int64_t shown_us_;
  size_t block_lines_ = 0;
  std::map<std::string, Seen> seen_;
};

// The counters of a flow for --output.
Object flow_object(const engine::FlowStatus& status);
Object source_object(const SourceStatus& status);

}  // namespace ticklake::app
