// Invariant: the closed bars of a series have rising starts; an open bar whose start is among the
// closed ones is not shown.
#include "store.h"

#include <algorithm>

#include "base/time.h"

namespace ticklake::serving {
namespace {

bool earlier(const Bar& a, const Bar& b) { return a.start_us < b.start_us; }

// By start; of several with one start the last stays.
void put_in_order(std::vector<Bar>& bars) {
  std::stable_sort(bars.begin(), bars.end(), earlier);
  size_t kept = 0;
  for (size_t i = 0; i < bars.size(); ++i) {
    if (i + 1 < bars.size() && bars[i + 1].start_us == bars[i].start_us) continue;
    bars[kept++] = bars[i];
  }
  bars.resize(kept);
}

void extend(Bar& bar, const Bar& next) {
  bar.high = std::max(bar.high, next.high);
  bar.low = std::min(bar.low, next.low);
  bar.close = next.close;
  bar.volume += next.volume;
}

}  // namespace

std::vector<ShownBar> put_together(const std::vector<ShownBar>& bars, const BarRange& range) {
  std::vector<ShownBar> out;
  for (const auto& [bar, closed] : bars) {
    int64_t start =
        range.interval_us > 0 ? floor_to(bar.start_us, range.interval_us) : bar.start_us;
    if (!out.empty() && out.back().bar.start_us == start) {
      extend(out.back().bar, bar);
      out.back().closed = out.back().closed && closed;
    } else {
      out.push_back({bar, closed});
      out.back().bar.start_us = start;
    }
  }
  if (out.size() > range.bars_max) {
    out.erase(out.begin(), out.end() - static_cast<int64_t>(range.bars_max));
  }
  return out;
}

void CandleStore::load(std::vector<SymbolBar> bars) {
  std::map<std::string, std::vector<Bar>> by_symbol;
  for (auto& [symbol, bar] : bars) by_symbol[symbol].push_back(bar);
  for (auto& [symbol, older] : by_symbol) {
    auto& closed = series_[symbol].closed;
    size_ -= closed.size();
    // What came live is newer than what the table said when it was opened.
    older.insert(older.end(), closed.begin(), closed.end());
    put_in_order(older);
    closed = std::move(older);
    size_ += closed.size();
  }
}

void CandleStore::close(const SymbolBar& closed) {
  auto& bars = series_[closed.symbol].closed;
  auto at = std::lower_bound(bars.begin(), bars.end(), closed.bar, earlier);
  if (at != bars.end() && at->start_us == closed.bar.start_us) {
    *at = closed.bar;
    return;
  }
  bars.insert(at, closed.bar);
  if (++size_ > bars_max_) drop_oldest();
}

// The older half of every series goes, so that it is done rarely.
void CandleStore::drop_oldest() {
  size_ = 0;
  for (auto& [symbol, series] : series_) {
    auto& bars = series.closed;
    auto half = bars.begin() + static_cast<int64_t>(bars.size() / 2);
    if (half != bars.begin()) {
      complete_from_us_ = std::max(complete_from_us_, (half - 1)->start_us + 1);
    }
    bars.erase(bars.begin(), half);
    size_ += bars.size();
  }
}

std::vector<std::string> CandleStore::set_open(std::vector<SymbolBar> bars) {
  std::map<std::string, std::vector<Bar>> by_symbol;
  for (auto& [symbol, bar] : bars) by_symbol[symbol].push_back(bar);
  std::vector<std::string> changed;
  for (auto& [symbol, open] : by_symbol) {
    put_in_order(open);
    auto& now = series_[symbol].open;
    if (now == open) continue;
    now = std::move(open);
    changed.push_back(symbol);
  }
  for (auto& [symbol, series] : series_) {
    if (series.open.empty() || by_symbol.contains(symbol)) continue;
    series.open.clear();
    changed.push_back(symbol);
  }
  std::sort(changed.begin(), changed.end());
  return changed;
}

void CandleStore::take_open(CandleStore& other) {
  for (auto& [symbol, series] : other.series_) {
    if (!series.open.empty()) series_[symbol].open = std::move(series.open);
  }
}

std::vector<ShownBar> CandleStore::open_bars(const std::string& symbol) const {
  auto found = series_.find(symbol);
  if (found == series_.end()) return {};
  std::vector<ShownBar> out;
  const auto& closed = found->second.closed;
  for (const auto& bar : found->second.open) {
    if (!std::binary_search(closed.begin(), closed.end(), bar, earlier))
      out.push_back({bar, false});
  }
  return out;
}

std::vector<ShownBar> CandleStore::bars(const std::string& symbol, const BarRange& range) const {
  auto found = series_.find(symbol);
  if (found == series_.end()) return {};
  std::vector<ShownBar> all;
  for (const auto& bar : found->second.closed) {
    if (bar.start_us >= range.from_us && bar.start_us < range.to_us) all.push_back({bar, true});
  }
  for (const auto& bar : open_bars(symbol)) {
    if (bar.bar.start_us >= range.from_us && bar.bar.start_us < range.to_us) all.push_back(bar);
  }
  std::stable_sort(all.begin(), all.end(), [](const ShownBar& a, const ShownBar& b) {
    return a.bar.start_us < b.bar.start_us;
  });
  return put_together(all, range);
}

std::optional<Quote> CandleStore::quote(const std::string& symbol) const {
  auto found = series_.find(symbol);
  if (found == series_.end()) return {};
  const auto& [closed, open] = found->second;
  if (closed.empty() && open.empty()) return {};
  const Bar& newest = open.empty() || (!closed.empty() && earlier(open.back(), closed.back()))
                          ? closed.back()
                          : open.back();
  Bar day_before{.start_us = newest.start_us - kMicrosPerDay};
  auto first = std::upper_bound(closed.begin(), closed.end(), day_before, earlier);
  double from = first != closed.end() ? first->open : open.empty() ? newest.open : open[0].open;
  double change = from != 0 ? newest.close / from - 1 : 0;
  return Quote{symbol, newest.start_us, newest.close, change};
}

std::vector<std::string> CandleStore::symbols() const {
  std::vector<std::string> out;
  for (const auto& [symbol, series] : series_) {
    if (!series.closed.empty() || !series.open.empty()) out.push_back(symbol);
  }
  return out;
}

}  // namespace ticklake::serving
