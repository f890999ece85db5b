#include "app/workers.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

namespace ticklake::app {

namespace {

constexpr std::chrono::milliseconds kLookEvery{50};

}  // namespace

Result<void> Workers::run(engine::Pipeline& pipeline, const std::function<void()>& look) {
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads_; ++i) workers.emplace_back([&] { work(pipeline); });
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

void Workers::each(int count, const std::function<void(int)>& part) {
  Shared shared{.part = part, .count = count};
  std::unique_lock lock(mutex_);
  shared_.push_back(&shared);
  changed_.notify_all();
  while (shared.next < shared.count) take(shared, lock);
  changed_.wait(lock, [&] { return shared.under_way == 0; });
  std::erase(shared_, &shared);
}

void Workers::take(Shared& shared, std::unique_lock<std::mutex>& lock) {
  int number = shared.next++;
  ++shared.under_way;
  lock.unlock();
  shared.part(number);
  lock.lock();
  --shared.under_way;
  if (shared.under_way == 0 && shared.next == shared.count) changed_.notify_all();
}

Workers::Shared* Workers::unfinished() {
  auto found = std::ranges::find_if(shared_, [](Shared* one) { return one->next < one->count; });
  return found == shared_.end() ? nullptr : *found;
}

void Workers::work(engine::Pipeline& pipeline) {
  while (step_once(pipeline)) {
  }
}

bool Workers::step_once(engine::Pipeline& pipeline) {
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
  auto report = pipeline.step();
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
  if (report->problem.empty()) crash_point_.step_worked();
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
                    [&] { return over_ || works_ != seen || unfinished() != nullptr; });
  while (Shared* shared = unfinished()) take(*shared, lock);
}

}  // namespace ticklake::app
