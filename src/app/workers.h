// The threads that step a pipeline. Private to app.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "app/crash_point.h"
#include "app/signals.h"
#include "base/result.h"
#include "base/spread.h"
#include "engine/engine.h"

namespace ticklake::app {

// A thread without a step to make takes part in what another one's step spreads.
class Workers final : public Spread {
 public:
  // A flow's problem, told by the thread that met it; never two at a time.
  using Tell = std::function<void(const engine::StepReport&)>;

  Workers(int threads, const Signals& signals, CrashPoint& crash_point, Tell tell)
      : threads_(threads), signals_(signals), crash_point_(crash_point), tell_(std::move(tell)) {}

  // Steps on its threads until the pipeline is finished, a signal comes or an error is left;
  // returns when all of them have ended their steps. Meanwhile calls `look` on the calling thread,
  // many times a second.
  Result<void> run(engine::Pipeline& pipeline, const std::function<void()>& look);

  int width() const override { return threads_; }
  void each(int count, const std::function<void(int)>& part) override;

 private:
  struct Shared {
    const std::function<void(int)>& part;
    int count;
    int next = 0;
    int under_way = 0;
  };

  void work(engine::Pipeline& pipeline);
  // False: the run is over.
  bool step_once(engine::Pipeline& pipeline);
  // Does the next part; the lock is not held meanwhile.
  void take(Shared& shared, std::unique_lock<std::mutex>& lock);
  Shared* unfinished();
  void end(std::optional<Error> error);
  // Until another thread's step has worked since `seen`, or the time is over. Helps meanwhile.
  void wait(int64_t seen, int64_t duration_us);

  const int threads_;
  const Signals& signals_;
  CrashPoint& crash_point_;
  Tell tell_;
  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  int64_t works_ = 0;
  bool over_ = false;
  std::optional<Error> error_;
  std::vector<Shared*> shared_;  // oldest first; each lives in each()
};

}  // namespace ticklake::app
