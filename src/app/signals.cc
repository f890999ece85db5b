#include "app/signals.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>

namespace ticklake::app {

namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kWatchMs = 100;  // between looks at whether the watch is over
constexpr int kExitOfSignal = 130;

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void block_stop_signals() {
  sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Signals::Signals() {
  block_stop_signals();
  thread_ = std::jthread([this](const std::stop_token& over) {
    sigset_t set = stop_signals();
    timespec patience{.tv_sec = 0, .tv_nsec = kWatchMs * kNanosPerMilli};
    while (!over.stop_requested()) {
      if (sigtimedwait(&set, nullptr, &patience) < 0) continue;
      if (stopping_.exchange(true)) _exit(kExitOfSignal);
    }
  });
}

Signals::~Signals() {
  thread_.request_stop();
  thread_.join();
}

void Signals::wait_ms(int64_t duration_ms) const {
  using std::chrono::steady_clock;
  auto end = steady_clock::now() + std::chrono::milliseconds(duration_ms);
  while (!stopping() && steady_clock::now() < end) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now());
    std::this_thread::sleep_for(std::min(left, std::chrono::milliseconds(20)));
  }
}

}  // namespace ticklake::app
