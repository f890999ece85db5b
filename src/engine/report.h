// What a pipeline tells of its steps. Part of engine.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"

namespace ticklake::engine {

// What one step did: at most one commit of one flow (before it, one of its quarantine table).
struct StepReport {
  enum class Kind : uint8_t { Worked, Idle, Finished };
  Kind kind = Kind::Idle;
  std::string flow = {};  // that worked: its dataset's name
  int64_t rows_in = 0;
  int64_t rows_out = 0;
  std::optional<Version> version = {};  // committed
  int64_t wait_us = 0;       // Idle: nothing is due sooner unless data arrive; at most 10 ms
  std::string problem = {};  // the flow was dropped: why, and whether it will be tried again
};

struct ExpectationCount {
  std::string name;
  int64_t passed = 0;
  int64_t failed = 0;  // dropped too where the expectation drops
  bool drops = false;
};

// Time spent by stage, for finding out where it goes.
struct Timings {
  int64_t consume_ns = 0;  // Kafka, or Parquet where a flow reads a table's files
  int64_t sql_ns = 0;      // decoding is in it
  int64_t parquet_ns = 0;
  int64_t state_ns = 0;  // windows: partials kept, merged, closed
  int64_t commit_ns = 0;
};

}  // namespace ticklake::engine
