// Prometheus' text format 0.0.4, by its naming conventions: docs/live_page.md lists the names.
// Private to the folder.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "serving/serving.h"

namespace ticklake::serving {

struct ProcessState {
  double cpu_seconds = 0;
  int64_t resident_bytes = 0;
  double start_seconds = 0;  // since 1970; 0: unknown
};
ProcessState process_state();

struct ServerCounts {
  std::map<unsigned, int64_t> requests;  // by status
  int64_t connections = 0;               // open now
  int64_t streams = 0;
  int64_t events_sent = 0;
};

std::string metrics_text(const PipelineState& state, const ProcessState& process,
                         const ServerCounts& counts, int64_t now_us);

}  // namespace ticklake::serving
