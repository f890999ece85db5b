// Ctrl-C and SIGTERM: the first asks to stop, the second ends the process at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace ticklake::app {

// Blocks both signals for the calling thread and those it starts later. Called first thing, before
// any thread is made.
void block_stop_signals();

// While it lives, its own thread receives the signals. One at a time.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  // Waits, but no longer than until a signal comes.
  void wait_ms(int64_t duration_ms) const;

 private:
  std::atomic<bool> stopping_ = false;
  std::jthread thread_;
};

}  // namespace ticklake::app
