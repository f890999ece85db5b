#include "sources/ticks.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/time.h"

namespace ticklake::sources {
namespace {

// splitmix64: well mixed bits for any input.
uint64_t mixed(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// In [0, 1).
double share(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

// A price moves as a sum of paths, each straight between random points; the points of each path lie
// four times as far apart as those of the one before and are twice as high, as in a random walk.
constexpr int kPaths = 12;
constexpr int64_t kShortestUs = kMicrosPerSecond;
constexpr double kYearUs = 365.0 * 86400e6;

}  // namespace

TickMaker::TickMaker(const SyntheticSpec& spec) : spec_(spec) {}

double TickMaker::price(size_t symbol, int64_t event_us) const {
  uint64_t own = mixed(spec_.seed * 0x100000001B3u + symbol);
  double base = 20 * std::exp(share(own) * 3.2);  // 20 to 490
  double log_move = 0;
  int64_t span = kShortestUs;
  for (int path = 0; path < kPaths; ++path, span *= 4) {
    int64_t point = floor_to(event_us, span) / span;
    double between = static_cast<double>(event_us - point * span) / static_cast<double>(span);
    auto height = [&](int64_t at) {
      uint64_t place = static_cast<uint64_t>(at) * 64 + static_cast<uint64_t>(path);
      return 2 * share(mixed(own ^ mixed(place))) - 1;
    };
    double here = height(point) * (1 - between) + height(point + 1) * between;
    log_move += here * std::sqrt(static_cast<double>(span) / kYearUs);
  }
  return base * std::exp(spec_.volatility * log_move);
}

Tick TickMaker::make(int64_t number, int64_t event_us) const {
  static constexpr std::string_view kVenues[] = {"XNAS", "XNYS", "ARCX", "BATS"};
  uint64_t state = mixed(spec_.seed ^ mixed(static_cast<uint64_t>(number)));
  auto draw = [&] { return state = mixed(state); };
  size_t symbol = draw() % spec_.symbols.size();
  bool late = share(draw()) < spec_.late_share;
  uint64_t lateness = draw() % static_cast<uint64_t>(spec_.lateness_us_max + 1);
  bool bad = share(draw()) < spec_.bad_share;
  uint64_t rest = draw();
  uint64_t fault = bad ? 1 + rest % 3 : 0;
  int64_t jitter = static_cast<int64_t>(rest / 3 % 5) - 2;
  int64_t cents = std::max<int64_t>(1, std::llround(price(symbol, event_us) * 100) + jitter);
  uint64_t size = 1 + rest / 15 % 50 * 10;
  int64_t at_ms = (event_us - (late ? static_cast<int64_t>(lateness) : 0)) / 1000;
  int64_t day = floor_to(at_ms, 86'400'000) / 86'400'000;
  int64_t ms = at_ms - day * 86'400'000;
  CivilDate date = civil_from_days(static_cast<int32_t>(day));

  Tick out{&spec_.symbols[symbol], "{"};
  auto end = std::back_inserter(out.json);
  if (fault != 1) {
    fmt::format_to(end, FMT_COMPILE("\"symbol\":\"{}\","), *out.symbol);
  }
  fmt::format_to(end, FMT_COMPILE("\"ts\":\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\","),
                 date.year, date.month, date.day, ms / 3'600'000, ms / 60'000 % 60,
                 ms / 1000 % 60, ms % 1000);
  fmt::format_to(end,
                 FMT_COMPILE("\"price\":{}{}.{:02},\"size\":{},\"venue\":\"{}\",\"seq\":{}}}"),
                 fault == 2 ? "-" : "", cents / 100, cents % 100, size, kVenues[rest >> 62],
                 number);
  if (fault == 3) out.json.resize(out.json.size() - 15);
  return out;
}

}  // namespace ticklake::sources
