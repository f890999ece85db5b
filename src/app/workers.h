// The threads that step a pipeline. Private to app.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "app/crash_point.h"
#include "app/signals.h"
#include "base/result.h"
#include "engine/engine.h"

namespace ticklake::app {

class Workers {
 public:
  // A flow's problem, told by the thread that met it; never two at a time.
  using Tell = std::function<void(const engine::StepReport&)>;

  Workers(engine::Pipeline& pipeline, const Signals& signals, CrashPoint& crash_point, Tell tell)
      : pipeline_(pipeline), signals_(signals), crash_point_(crash_point), tell_(std::move(tell)) {}

  // Steps on `threads` threads until the pipeline is finished, a signal comes or an error is left;
  // returns when all of them have ended their steps. Meanwhile calls `look` on the calling thread,
  // many times a second.
  Result<void> run(int threads, const std::function<void()>& look);

 private:
  void work();
  // False: the run is over.
  bool step_once();
  void end(std::optional<Error> error);
  // Until another thread's step has worked since `seen`, or the time is over.
  void wait(int64_t seen, int64_t duration_us);

  engine::Pipeline& pipeline_;
  const Signals& signals_;
  CrashPoint& crash_point_;
  Tell tell_;
  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  int64_t works_ = 0;
  bool over_ = false;
  std::optional<Error> error_;
};

}  // namespace ticklake::app
