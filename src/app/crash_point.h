// For tests: ends the process, as a kill would, after a number of steps that worked.
#pragma once

#include <atomic>
#include <cstdint>

namespace ticklake::app {

class CrashPoint {
 public:
  // From TICKLAKE_CRASH_AFTER_STEPS; unset: never.
  static int64_t steps_from_environment();

  explicit CrashPoint(int64_t steps) : left_(steps) {}
  void step_worked();  // any thread

 private:
  std::atomic<int64_t> left_;  // 0 or less: never
};

}  // namespace ticklake::app
