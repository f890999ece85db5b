// Fills a topic with trade ticks for the benchmarks: bench_ticks BOOTSTRAP DIRECTORY TOPIC COUNT
// [RATE]
//
// The form that the peers were measured with: JSON of about 103 bytes, 100 symbols dealt over 4
// partitions, 1 ms of event time between ticks, a tenth of them up to 5 s late, 1 % bad (negative
// price, cut short, no symbol). The same numbers for the same COUNT. RATE: ticks a second; without
// it as fast as it goes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/time.h"
#include "broker/broker.h"
#include "io/clock.h"

namespace {

using namespace ticklake;

constexpr int64_t kFirstInstant = 1'767'623'400'000;  // 2026-01-05T14:30:00Z, in milliseconds
constexpr int kSymbols = 100;
constexpr int kPartitions = 4;

// splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
class Random {
 public:
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  int64_t below(int64_t n) { return static_cast<int64_t>(next() % static_cast<uint64_t>(n)); }

 private:
  uint64_t state_ = 42;
};

std::string instant_with_millis(int64_t ms) {
  return fmt::format("{}.{:03}Z", format_wall_time(ms / 1000 * kMicrosPerSecond), ms % 1000);
}

class Ticks {
 public:
  Ticks() {
    for (int64_t& cents : cents_) cents = 2000 + random_.below(48'000);
  }

  struct Tick {
    std::string symbol, text;
    Partition partition;
  };

  Tick make(int64_t number) {
    constexpr std::string_view kVenues[] = {"XNAS", "XNYS", "ARCX", "BATS"};
    int64_t k = random_.below(kSymbols);
    cents_[k] = std::max<int64_t>(500, cents_[k] + random_.below(11) - 5);
    int64_t late_ms = random_.below(10) == 0 ? random_.below(5000) : 0;
    int64_t fault = random_.below(100) == 0 ? 1 + random_.below(3) : 0;
    std::string symbol = fmt::format("S{:03}", k);
    std::string text = fault == 3 ? "{" : fmt::format("{{\"symbol\":\"{}\",", symbol);
    fmt::format_to(std::back_inserter(text),
                   "\"ts\":\"{}\",\"price\":{}{}.{:02},\"size\":{},\"venue\":\"{}\",\"seq\":{}}}",
                   instant_with_millis(kFirstInstant + number - late_ms), fault == 1 ? "-" : "",
                   cents_[k] / 100, cents_[k] % 100, 1 + random_.below(50) * 10,
                   kVenues[random_.below(4)], number);
    if (fault == 2) text.resize(text.size() - 15);
    return {std::move(symbol), std::move(text), Partition(static_cast<int32_t>(k % kPartitions))};
  }

 private:
  Random random_;
  int64_t cents_[kSymbols];
};

Result<void> fill(const std::string& bootstrap, const std::string& directory,
                  const std::string& topic, int64_t count, double rate) {
  io::SystemClock clock;
  auto topics = TRY(broker::open(bootstrap, directory, {}, clock));
  auto created = topics->create(topic, {.partitions = kPartitions});
  if (!created && created.error().code != Code::Conflict) return created.error();
  auto writer = TRY(topics->write(topic));
  Ticks ticks;
  constexpr double kFlushesPerSecond = 50;  // each waits for the broker's answer
  int64_t burst = std::max<int64_t>(1, static_cast<int64_t>(rate / kFlushesPerSecond));
  auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < count; ++i) {
    Ticks::Tick tick = ticks.make(i);
    broker::Record record;
    record.key = std::move(tick.symbol);
    record.value = std::move(tick.text);
    TRY(writer->append(std::move(record), tick.partition));
    if (rate > 0 && i % burst == 0) {
      TRY(writer->flush());
      std::this_thread::sleep_until(
          start + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                      std::chrono::duration<double>(static_cast<double>(i) / rate)));
    } else if (i % 50'000 == 0) {
      TRY(writer->flush());
    }
  }
  return writer->flush();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr, "usage: bench_ticks BOOTSTRAP DIRECTORY TOPIC COUNT [RATE]\n");
    return 2;
  }
  auto done =
      fill(argv[1], argv[2], argv[3], std::atoll(argv[4]), argc > 5 ? std::atof(argv[5]) : 0);
  if (!done) fmt::print(stderr, "bench_ticks: {}\n", done.error().message);
  return done ? 0 : 1;
}
