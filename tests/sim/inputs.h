// What comes into a simulated world, as files of CSV: ticks, and changes of rows by key.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace ticklake::sim {

struct Tick {
  int64_t id;
  std::string symbol;
  int64_t time_s;     // of the event, since 1970
  std::string price;  // a number above 0, or what no table should have
  bool good;
};

struct Change {
  std::string key;
  int64_t sequence;              // no two of a key are the same
  std::optional<int64_t> value;  // nothing: the row goes
};

struct Inputs {
  std::vector<Tick> ticks;                            // in the order in which they come
  std::vector<Change> changes;                        // likewise; in no order of their sequences
  std::vector<std::string> tick_files, change_files;  // CSV; every input is in one
};

// No tick comes later than so behind a newer one.
inline constexpr int64_t kDisorderSeconds = 8;

Inputs made_inputs(std::mt19937_64& random);

}  // namespace ticklake::sim
