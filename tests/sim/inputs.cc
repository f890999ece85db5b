#include "inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace ticklake::sim {
namespace {

constexpr int64_t kStart = 1'767'623'400;  // 2026-01-05T14:30:00Z
const std::vector<std::string> kSymbols = {"AAPL", "IBM", "NVDA", "TSLA"};

int64_t below(std::mt19937_64& random, int64_t end) {
  return static_cast<int64_t>(random() % static_cast<uint64_t>(end));
}

Tick made_tick(std::mt19937_64& random, int64_t id, int64_t now_s) {
  Tick out{.id = id,
           .symbol = kSymbols[random() % kSymbols.size()],
           .time_s = now_s - (random() % 4 == 0 ? below(random, kDisorderSeconds + 1) : 0),
           .price = std::to_string(1 + below(random, 1000)),
           .good = true};
  if (random() % 10 != 0) return out;
  const std::vector<std::string> bad = {"-1", "0", "abc", "99999999999999999999"};
  out.price = bad[random() % bad.size()];
  out.good = false;
  return out;
}

// The lines in files of about the same length, a header before each.
std::vector<std::string> in_files(std::mt19937_64& random, const std::string& header,
                                  const std::vector<std::string>& lines) {
  std::vector<std::string> out;
  size_t longest = 1 + lines.size() / static_cast<size_t>(2 + below(random, 4));
  for (size_t at = 0; at < lines.size(); at += longest) {
    out.push_back(header + "\n");
    for (size_t i = at; i < std::min(lines.size(), at + longest); ++i)
      out.back() += lines[i] + "\n";
  }
  return out;
}

std::vector<Change> made_changes(std::mt19937_64& random) {
  std::vector<Change> out;
  int64_t count = 10 + below(random, 40);
  std::map<std::string, int64_t> last;
  for (int64_t i = 0; i < count; ++i) {
    std::string key = fmt::format("k{}", below(random, 5));
    last[key] += 1 + below(random, 3);
    std::optional<int64_t> value = below(random, 4);
    if (random() % 6 == 0) value.reset();
    out.push_back({key, last[key], value});
  }
  std::ranges::shuffle(out, random);
  return out;
}

}  // namespace

Inputs made_inputs(std::mt19937_64& random) {
  Inputs out;
  int64_t now_s = kStart, count = 40 + below(random, 120);
  std::vector<std::string> lines;
  for (int64_t id = 0; id < count; ++id) {
    now_s += below(random, 5) + (random() % 40 == 0 ? below(random, 300) : 0);
    const Tick& tick = out.ticks.emplace_back(made_tick(random, id, now_s));
    lines.push_back(fmt::format("{},{},{},{}", tick.id, tick.symbol, tick.time_s, tick.price));
  }
  out.tick_files = in_files(random, "id,symbol,time_s,price", lines);
  out.changes = made_changes(random);
  lines.clear();
  for (const auto& change : out.changes) {
    auto value = change.value ? std::to_string(*change.value) : "";
    lines.push_back(fmt::format("{},{},{},{}", change.key, change.sequence, value,
                                change.value ? "upsert" : "delete"));
  }
  out.change_files = in_files(random, "k,n,v,op", lines);
  return out;
}

}  // namespace ticklake::sim
