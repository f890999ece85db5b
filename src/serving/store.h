// The bars that the server has at hand: the newest closed ones of each symbol, and the open ones.
// Private to the folder. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serving/serving.h"

namespace ticklake::serving {

struct Quote {
  std::string symbol;
  int64_t start_us = 0;  // of the newest bar
  double last = 0;
  double change = 0;  // since the open of the first bar of the last 24 hours, as a fraction
};

// A bar, and whether it is over.
struct ShownBar {
  Bar bar;
  bool closed = true;
  bool operator==(const ShownBar&) const = default;
};

struct BarRange {
  int64_t from_us = INT64_MIN;
  int64_t to_us = INT64_MAX;  // not included
  int64_t interval_us = 0;    // a multiple of the table's; bars are put together
  size_t bars_max = 5'000;    // the newest ones
};

// Bars of `range.interval_us`, made of bars in time order.
std::vector<ShownBar> put_together(const std::vector<ShownBar>& bars, const BarRange& range);

class CandleStore {
 public:
  explicit CandleStore(size_t bars_max) : bars_max_(bars_max) {}

  // Bars of the table, in any order; of those at hand already the ones at hand stay.
  void load(std::vector<SymbolBar> bars);

  void close(const SymbolBar& bar);
  // Takes all open bars; the symbols of those that changed, sorted.
  std::vector<std::string> set_open(std::vector<SymbolBar> bars);
  // Moves the open bars here from another store.
  void take_open(CandleStore& other);

  bool has(const std::string& symbol) const { return series_.contains(symbol); }
  std::vector<ShownBar> bars(const std::string& symbol, const BarRange& range) const;
  std::vector<ShownBar> open_bars(const std::string& symbol) const;
  std::optional<Quote> quote(const std::string& symbol) const;
  std::vector<std::string> symbols() const;

  // Everything at or after it is here.
  int64_t complete_from_us() const { return complete_from_us_; }
  void set_complete_from_us(int64_t from_us) { complete_from_us_ = from_us; }
  size_t size() const { return size_; }

 private:
  struct Series {
    std::vector<Bar> closed;  // by start
    std::vector<Bar> open;    // by start
  };
  void drop_oldest();

  size_t bars_max_;
  size_t size_ = 0;  // closed bars
  int64_t complete_from_us_ = INT64_MAX;
  std::map<std::string, Series> series_;
};

}  // namespace ticklake::serving
