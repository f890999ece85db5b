// Time as a seam: the system's clock, and one that tests turn.
#pragma once

#include <atomic>
#include <cstdint>

namespace ticklake::io {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t now_us() const = 0;  // microseconds since 1970-01-01 UTC; any thread
  int64_t now_ms() const { return now_us() / 1000; }
};

class SystemClock final : public Clock {
 public:
  int64_t now_us() const override;
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t now_us) : now_us_(now_us) {}
  int64_t now_us() const override { return now_us_; }
  void advance_us(int64_t by) { now_us_ += by; }

 private:
  std::atomic<int64_t> now_us_;
};

}  // namespace ticklake::io
