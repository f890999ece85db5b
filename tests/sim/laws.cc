#include "laws.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

namespace ticklake::sim {
namespace {

using Json = nlohmann::json;

constexpr int64_t kWindow = 60, kDelay = 10, kGap = 20;  // seconds

class Court {
 public:
  explicit Court(World& world) : world_(world) {}

  std::vector<std::string> judge() {
    every_tick_once();
    histories();
    windows("candles", kWindow);
    windows("sliding", 25);
    sessions();
    moments();
    views();
    for (const char* table :
         {"bronze", "silver", "silver__quarantine", "candles", "sliding", "sessions", "moments",
          "joined", "by_symbol", "changes", "history", "history__cdc", "seen"}) {
      versions_follow(table);
    }
    return std::move(broken_);
  }

 private:
  std::vector<Json> rows(const std::string& table) {
    auto lines = world_.rows(table);
    if (!lines) {
      broken_.push_back(fmt::format("{} cannot be read: {}", table, lines.error().message));
      return {};
    }
    std::vector<Json> out;
    for (const auto& line : *lines) out.push_back(Json::parse(line));
    return out;
  }

  template <typename Value>
  void equal(const std::string& what, const Value& found, const Value& expected) {
    if (found == expected) return;
    broken_.push_back(
        fmt::format("{}: found {}, expected {}", what, Json(found).dump(), Json(expected).dump()));
  }

  void every_tick_once() {
    std::multiset<int64_t> silver, aside, good, bad;
    for (const auto& row : rows("silver")) silver.insert(row["id"].get<int64_t>());
    for (const auto& row : rows("silver__quarantine")) {
      aside.insert(Json::parse(row["raw"].get<std::string>())["id"].get<int64_t>());
    }
    for (const auto& tick : world_.inputs().ticks) (tick.good ? good : bad).insert(tick.id);
    std::multiset<int64_t> joined;
    for (const auto& row : rows("joined")) joined.insert(row["id"].get<int64_t>());
    equal("ticks in silver", silver, good);
    equal("ticks joined with the history", joined, good);
    equal("ticks in the quarantine of silver", aside, bad);
  }

  // (key, value, from, to); a row without an end is the one that holds.
  using Span = std::tuple<std::string, int64_t, int64_t, int64_t>;

  void histories() {
    constexpr int64_t kOpen = INT64_MAX;
    std::multiset<Span> found, expected;
    for (const auto& row : rows("history")) {
      found.emplace(row["k"], row["v"], row["__START_AT"],
                    row["__END_AT"].is_null() ? kOpen : row["__END_AT"].get<int64_t>());
    }
    auto changes = world_.inputs().changes;
    std::ranges::sort(changes, {}, [](const Change& c) { return std::tuple(c.key, c.sequence); });
    for (size_t i = 0; i < changes.size(); ++i) {
      const auto& change = changes[i];
      if (!change.value) continue;
      bool same_key = i > 0 && changes[i - 1].key == change.key;
      if (same_key && changes[i - 1].value == change.value) continue;  // says what held already
      size_t end = i + 1;
      while (end < changes.size() && changes[end].key == change.key &&
             changes[end].value == change.value) {
        ++end;
      }
      bool ends = end < changes.size() && changes[end].key == change.key;
      expected.emplace(change.key, *change.value, change.sequence,
                       ends ? changes[end].sequence : kOpen);
    }
    equal("rows of the history", found, expected);
  }

  // The newest moment of good ticks: the watermark is the delay before it.
  int64_t newest() const {
    int64_t out = 0;
    for (const auto& tick : world_.inputs().ticks) {
      if (tick.good) out = std::max(out, tick.time_s);
    }
    return out;
  }

  // The starts of the windows that a moment is in.
  static std::vector<int64_t> starts(int64_t time_s, int64_t slide) {
    std::vector<int64_t> out;
    int64_t last = time_s / slide * slide;
    for (int64_t start = last; start > time_s - kWindow; start -= slide) out.push_back(start);
    return out;
  }

  void windows(const std::string& table, int64_t slide) {
    struct Sums {
      int64_t n = 0, total = 0;
      std::set<int64_t> prices;
    };
    std::map<std::pair<std::string, int64_t>, Sums> sums;
    for (const auto& tick : world_.inputs().ticks) {
      if (!tick.good) continue;
      for (int64_t start : starts(tick.time_s, slide)) {
        auto& sum = sums[{tick.symbol, start}];
        sum.n += 1;
        sum.total += std::stoll(tick.price);
        sum.prices.insert(std::stoll(tick.price));
      }
    }
    using Row = std::tuple<std::string, int64_t, int64_t, int64_t, size_t>;
    std::multiset<Row> found, expected;
    for (const auto& [key, sum] : sums) {
      if (key.second + kWindow > newest() - kDelay) continue;  // open
      expected.emplace(key.first, key.second, sum.n, sum.total, sum.prices.size());
    }
    for (const auto& row : rows(table)) {
      found.emplace(row["symbol"], row["start_s"], row["n"], row["total"], row["prices"]);
    }
    equal("windows of " + table, found, expected);
  }

  void sessions() {
    std::map<std::string, std::vector<int64_t>> times;
    for (const auto& tick : world_.inputs().ticks) {
      if (!tick.good) continue;
      times[tick.symbol].push_back(tick.time_s);
    }
    using Row = std::tuple<std::string, int64_t, int64_t, int64_t>;
    std::multiset<Row> found, expected;
    for (auto& [symbol, moments] : times) {
      std::ranges::sort(moments);
      for (size_t i = 0, begin = 0; i < moments.size(); ++i) {
        int64_t end = moments[i] + kGap;
        if (i + 1 < moments.size() && moments[i + 1] <= end) continue;
        if (end <= newest() - kDelay) {
          expected.emplace(symbol, moments[begin], end, static_cast<int64_t>(i - begin + 1));
        }
        begin = i + 1;
      }
    }
    for (const auto& row : rows("sessions")) {
      found.emplace(row["symbol"], row["start_s"], row["end_s"], row["n"]);
    }
    equal("sessions", found, expected);
  }

  void moments() {
    std::multiset<std::pair<std::string, int64_t>> found;
    std::set<std::pair<std::string, int64_t>> once;
    for (const auto& tick : world_.inputs().ticks) {
      if (tick.good && tick.time_s <= newest() - kDelay) once.emplace(tick.symbol, tick.time_s);
    }
    for (const auto& row : rows("moments")) found.emplace(row["symbol"], row["ts_s"]);
    equal("moments", found, {once.begin(), once.end()});
  }

  void views() {
    std::map<std::string, std::pair<int64_t, int64_t>> found, expected;
    std::multiset<std::string> seen, came;
    for (const auto& tick : world_.inputs().ticks) {
      if (!tick.good) continue;
      auto& [n, total] = expected[tick.symbol];
      n += 1;
      total += std::stoll(tick.price);
      came.insert(std::to_string(tick.id));
    }
    for (const auto& change : world_.inputs().changes) {
      came.insert(fmt::format("{}/{}", change.key, change.sequence));
    }
    for (const auto& row : rows("by_symbol")) {
      found[row["symbol"]] = {row["n"], row["total"]};
    }
    for (const auto& row : rows("seen")) seen.insert(row["what"].get<std::string>());
    equal("the view by symbol", found, expected);
    equal("what two streams brought into one table", seen, came);
  }

  void versions_follow(const std::string& table) {
    auto versions = world_.versions(table);
    if (!versions || versions->empty()) {
      broken_.push_back(fmt::format("{} has no log", table));
      return;
    }
    for (size_t i = 1; i < versions->size(); ++i) {
      if ((*versions)[i] == (*versions)[i - 1] + 1) continue;
      broken_.push_back(fmt::format("{}: version {} is followed by {}", table, (*versions)[i - 1],
                                    (*versions)[i]));
    }
  }

  World& world_;
  std::vector<std::string> broken_;
};

}  // namespace

std::vector<std::string> broken_laws(World& world) { return Court(world).judge(); }

}  // namespace ticklake::sim
