#include "app/source_threads.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace ticklake::app {

namespace {

constexpr int64_t kPauseUsMin = 1'000'000;
constexpr int64_t kPauseUsMax = 60'000'000;
// While it cannot even be opened, asking costs nothing, and it goes on soon after an outage.
constexpr int64_t kClosedPauseUs = 1'000'000;
constexpr int64_t kWaitUsMax = 20'000;  // between looks at whether to stop
constexpr int kExitOfKill = 137;

void add(SourceStatus& status, const sources::Progress& progress) {
  status.sent += progress.sent;
  status.bad += progress.bad;
  status.files += progress.files;
  status.warnings += progress.warnings;
  status.finished = progress.finished;
  status.notes.insert(status.notes.end(), progress.notes.begin(), progress.notes.end());
}

bool worked(const sources::Progress& progress) { return progress.sent + progress.bad > 0; }

}  // namespace

int64_t CrashPoint::steps_from_environment() {
  const char* text = std::getenv("TICKLAKE_CRASH_AFTER_STEPS");
  return text == nullptr ? 0 : std::atoll(text);
}

void CrashPoint::step_worked() {
  if (left_.load() > 0 && left_.fetch_sub(1) == 1) _exit(kExitOfKill);
}

Result<SourceStatus> drain_source(const SourceWorld& world, const sources::SourceSpec& spec,
                                  const std::function<void(const SourceStatus&)>& progress) {
  auto& environment = world.environment;
  auto source = TRY(sources::open_source(spec, world.topics, environment.files, environment.clock,
                                         world.options));
  SourceStatus status{.name = spec.name, .topic = spec.topic};
  while (!status.finished && !world.signals.stopping()) {
    auto done = TRY(source->step());
    add(status, done);
    progress(status);
    status.notes.clear();
    if (worked(done)) world.crash_point.step_worked();
    int64_t wait_us = done.idle_until_us - environment.clock.now_us();
    if (!done.finished && wait_us > 0) world.signals.wait_ms(wait_us / 1000 + 1);
  }
  return status;
}

SourceThread::SourceThread(const SourceWorld& world, sources::SourceSpec spec)
    : world_(world),
      spec_(std::move(spec)),
      status_{.name = spec_.name, .topic = spec_.topic},
      thread_([this](const std::stop_token& over) { work(over); }) {}

SourceStatus SourceThread::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

SourceStatus SourceThread::take_notes() {
  std::lock_guard lock(mutex_);
  SourceStatus out = status_;
  status_.notes.clear();
  return out;
}

void SourceThread::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void SourceThread::work(const std::stop_token& over) {
  int64_t pause_us = kPauseUsMin;
  while (!over.stop_requested() && !world_.signals.stopping()) {
    auto source = sources::open_source(spec_, world_.topics, world_.environment.files,
                                       world_.environment.clock, world_.options);
    bool any_step = false;
    Result<void> result = source ? step_until_over(**source, over, any_step)
                                 : Result<void>(std::move(source).error());
    if (result) return;
    Code code = result.error().code;
    bool lasting = code == Code::Invalid || code == Code::Unsupported;
    note_problem(result.error().message, lasting);
    if (lasting) return;
    if (any_step) pause_us = kPauseUsMin;
    wait(source ? pause_us : kClosedPauseUs, over);
    if (source) pause_us = std::min(2 * pause_us, kPauseUsMax);
  }
}

Result<void> SourceThread::step_until_over(sources::Source& source, const std::stop_token& over,
                                           bool& any_step) {
  while (!over.stop_requested() && !world_.signals.stopping()) {
    auto progress = TRY(source.step());
    note(progress);
    any_step = any_step || worked(progress);
    if (worked(progress)) world_.crash_point.step_worked();
    if (progress.finished) return {};
    wait(progress.idle_until_us - world_.environment.clock.now_us(), over);
  }
  return {};
}

void SourceThread::wait(int64_t duration_us, const std::stop_token& over) const {
  int64_t end_us = world_.environment.clock.now_us() + duration_us;
  while (!over.stop_requested() && !world_.signals.stopping()) {
    int64_t left_us = end_us - world_.environment.clock.now_us();
    if (left_us <= 0) return;
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(left_us, kWaitUsMax)));
  }
}

void SourceThread::note(const sources::Progress& progress) {
  std::lock_guard lock(mutex_);
  add(status_, progress);
  status_.problem.clear();
  if (worked(progress)) told_.clear();
}

void SourceThread::note_problem(const std::string& problem, bool lasting) {
  std::lock_guard lock(mutex_);
  status_.problem = problem;
  status_.failed = lasting;
  if (problem == told_) return;
  told_ = problem;
  status_.notes.push_back(problem + (lasting
                                         ? " (it has stopped; correct this and start the run again)"
                                         : " (it will be tried again)"));
}

}  // namespace ticklake::app
