#include "app/workers.h"

#include <chrono>
#include <thread>
#include <vector>

namespace ticklake::app {

namespace {

constexpr std::chrono::milliseconds kLookEvery{50};

}  // namespace

Result<void> Workers::run(int threads, const std::function<void()>& look) {
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back([this] { work(); });
  {
    std::unique_lock lock(mutex_);
    while (!over_) {
      changed_.wait_for(lock, kLookEvery, [this] { return over_; });
      lock.unlock();
      look();
      lock.lock();
    }
  }
  workers.clear();
  if (error_) return *error_;
  return {};
}

void Workers::work() {
  while (step_once()) {
  }
}

bool Workers::step_once() {
  if (signals_.stopping()) {
    end({});
    return false;
  }
  int64_t seen;
  {
    std::scoped_lock lock(mutex_);
    if (over_) return false;
    seen = works_;
  }
  auto report = pipeline_.step();
  if (!report) {
    end(report.error());
    return false;
  }
  if (!report->problem.empty()) {
    std::scoped_lock lock(mutex_);
    tell_(*report);
  }
  switch (report->kind) {
    case engine::StepReport::Kind::Finished: end({}); return false;
    case engine::StepReport::Kind::Idle: wait(seen, report->wait_us); return true;
    case engine::StepReport::Kind::Worked: break;
  }
  crash_point_.step_worked();
  std::scoped_lock lock(mutex_);
  ++works_;
  changed_.notify_all();
  return true;
}

void Workers::end(std::optional<Error> error) {
  std::scoped_lock lock(mutex_);
  over_ = true;
  if (error && !error_) error_ = std::move(error);
  changed_.notify_all();
}

void Workers::wait(int64_t seen, int64_t duration_us) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::microseconds(duration_us),
                    [&] { return over_ || works_ != seen; });
}

}  // namespace ticklake::app
