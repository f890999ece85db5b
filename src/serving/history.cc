#include "history.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/time.h"

namespace ticklake::serving {
namespace {

constexpr size_t kFilesPerChunk = 64;

std::vector<std::string> columns_of(const CandleTable& table) {
  std::vector<std::string> out = {table.symbol, table.start, table.open,
                                  table.high,   table.low,   table.close};
  if (!table.volume.empty()) out.push_back(table.volume);
  return out;
}

// The newest start in a file by its statistics; a file without them may hold anything.
int64_t newest_start(const delta::AddFile& file, const std::string& column) {
  constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();
  auto stats = nlohmann::json::parse(file.stats, nullptr, false);
  if (!stats.is_object() || !stats.contains("maxValues")) return kUnknown;
  const auto& newest = stats["maxValues"];
  if (!newest.is_object() || !newest.contains(column) || !newest[column].is_string()) {
    return kUnknown;
  }
  auto parsed = parse_timestamp(newest[column].get<std::string>());
  // Statistics may be cut to milliseconds.
  return parsed ? parsed->micros + kMicrosPerMilli : kUnknown;
}

struct Dated {
  int64_t newest_us;
  delta::AddFile file;
};

std::vector<Dated> newest_first(std::vector<delta::AddFile> files, const CandleTable& table) {
  std::vector<Dated> out;
  for (auto& file : files) out.push_back({newest_start(file, table.start), std::move(file)});
  std::stable_sort(out.begin(), out.end(),
                   [](const Dated& a, const Dated& b) { return a.newest_us > b.newest_us; });
  return out;
}

// Adds those bars of a file that are `wanted`.
Result<void> add_bars_in(io::FileStore& files, const delta::Snapshot& snapshot,
                         const CandleTable& table, const delta::AddFile& file,
                         const Stopping& stopping,
                         const std::function<bool(const SymbolBar&)>& wanted,
                         std::vector<SymbolBar>& out) {
  if (stopping()) return Error{Code::Unavailable, "the server stops"};
  auto reader = TRY(delta::read(files, snapshot, file, columns_of(table)));
  for (BatchPtr batch;;) {
    TRY_STATUS(reader->ReadNext(&batch));
    if (!batch) return {};
    for (auto& bar : TRY(bars_of(table, {batch}))) {
      if (wanted(bar)) out.push_back(std::move(bar));
    }
  }
}

std::string literal_of(int64_t us) {
  std::string text = format_wall_time(us);
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text;
}

std::vector<delta::Condition> conditions_of(const delta::Snapshot& snapshot,
                                            const CandleTable& table, const std::string& symbol,
                                            const BarRange& range) {
  using Op = delta::Condition::Op;
  std::vector<delta::Condition> out = {{table.symbol, Op::Equal, symbol}};
  int column = snapshot.schema().find(table.start);
  bool time =
      column >= 0 && snapshot.schema().fields[static_cast<size_t>(column)].type.kind != Kind::Date;
  // Statistics may be cut to milliseconds.
  if (time && range.from_us > 0) {
    out.push_back({table.start, Op::GreaterEqual, literal_of(range.from_us - kMicrosPerMilli)});
  }
  if (time && range.to_us < 253'402'300'800 * kMicrosPerSecond) {  // year 10000
    out.push_back({table.start, Op::LessEqual, literal_of(range.to_us)});
  }
  return out;
}

}  // namespace

Result<void> read_newest_first(
    io::FileStore& files, const CandleTable& table, size_t bars_max, const Stopping& stopping,
    const std::function<void(std::vector<SymbolBar> bars, int64_t from_us)>& give) {
  auto snapshot = TRY(delta::open(files, table.path));
  auto dated = newest_first(snapshot.files(), table);
  auto all = [](const SymbolBar&) { return true; };
  size_t given = 0;
  for (size_t end = 0; end < dated.size() && given < bars_max;) {
    std::vector<SymbolBar> bars;
    size_t chunk_end = std::min(dated.size(), end + kFilesPerChunk);
    while (end < chunk_end && given + bars.size() < bars_max) {
      TRY(add_bars_in(files, snapshot, table, dated[end].file, stopping, all, bars));
      ++end;
    }
    given += bars.size();
    // What is in the files to come is no newer than the first of them tells.
    int64_t from_us = end < dated.size() ? dated[end].newest_us : INT64_MIN;
    if (from_us == INT64_MAX) from_us = INT64_MAX - 1;
    give(std::move(bars), from_us == INT64_MIN ? from_us : from_us + 1);
  }
  if (dated.empty()) give({}, INT64_MIN);
  return {};
}

Result<std::vector<ShownBar>> read_bars(io::FileStore& files, const CandleTable& table,
                                        const std::string& symbol, const BarRange& range,
                                        const Stopping& stopping) {
  auto snapshot = TRY(delta::open(files, table.path));
  auto conditions = conditions_of(snapshot, table, symbol, range);
  auto wanted = [&](const SymbolBar& one) {
    return one.symbol == symbol && one.bar.start_us >= range.from_us &&
           one.bar.start_us < range.to_us;
  };
  std::vector<ShownBar> found;
  for (const auto& [newest_us, file] : newest_first(snapshot.files(), table)) {
    if (newest_us < range.from_us) break;
    bool enough = found.size() >= range.bars_max;
    if (enough && std::none_of(found.begin(), found.end(), [limit = newest_us](const auto& shown) {
          return shown.bar.start_us <= limit;
        })) {
      break;
    }
    if (!delta::may_match(snapshot, file, conditions)) continue;
    std::vector<SymbolBar> bars;
    TRY(add_bars_in(files, snapshot, table, file, stopping, wanted, bars));
    for (const auto& one : bars) found.push_back({one.bar, true});
  }
  std::stable_sort(found.begin(), found.end(), [](const ShownBar& a, const ShownBar& b) {
    return a.bar.start_us < b.bar.start_us;
  });
  BarRange same = range;
  same.interval_us = 0;
  return put_together(found, same);
}

}  // namespace ticklake::serving
