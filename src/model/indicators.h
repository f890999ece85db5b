// Market indicators, one value at a time: update() takes the next value and answers with the
// indicator there, or with nothing before it has its first. docs/market_functions.md defines them.
// Values are finite, periods are 1 or more.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/type.h"

namespace ticklake {

// The newest `period` values, folded. No value is ever taken out of a fold again, so one that has
// left leaves no rounding error behind, however large it was.
template <typename Fold>
class Newest {
 public:
  explicit Newest(size_t period) : period_(period) {}

  std::optional<Fold> update(double value) {
    bool first_round = rest_.empty();
    if (first_round) values_.push_back(value);
    values_[at_] = value;
    round_ = round_ + Fold(value);
    bool last = at_ + 1 == period_;
    std::optional<Fold> out;
    if (!first_round) out = rest_[at_] + round_;
    if (first_round && last) out = round_;
    ++at_;
    if (last) begin_round();
    return out;
  }

 private:
  void begin_round() {
    rest_.resize(period_);
    rest_.back() = Fold();
    for (size_t i = period_ - 1; i > 0; --i) rest_[i - 1] = Fold(values_[i]) + rest_[i];
    round_ = Fold();
    at_ = 0;
  }

  size_t period_;
  std::vector<double> values_;  // grows with what comes: a period may be longer than memory
  std::vector<Fold> rest_;      // of the round before: the values behind each place
  Fold round_;                  // of this round so far
  size_t at_ = 0;
};

struct Sum {
  double sum = 0;
  Sum() = default;
  explicit Sum(double value) : sum(value) {}
  Sum operator+(const Sum& other) const { return Sum(sum + other.sum); }
};

// Count, mean, and sum of the squared distances from it.
struct Moments {
  double count = 0;
  double mean = 0;
  double squares = 0;
  Moments() = default;
  explicit Moments(double value) : count(1), mean(value) {}
  Moments operator+(const Moments& other) const;
};

// Simple moving average.
class Sma {
 public:
  explicit Sma(size_t period) : period_(static_cast<double>(period)), newest_(period) {}
  std::optional<double> update(double value);

 private:
  double period_;
  Newest<Sum> newest_;
};

// Begins with the mean of the first `period` values; each later one moves it by `weight` of the
// way to the value.
class Smoothed {
 public:
  Smoothed(size_t period, double weight) : period_(period), weight_(weight) {}
  std::optional<double> update(double value);

 private:
  size_t period_;
  double weight_;
  size_t count_ = 0;
  double value_ = 0;  // the sum, until there are `period_` values
};

// Exponential moving average.
class Ema : public Smoothed {
 public:
  explicit Ema(size_t period) : Smoothed(period, 2 / (static_cast<double>(period) + 1)) {}
};

// Wilder's smoothing, of RSI and ATR.
class Wilder : public Smoothed {
 public:
  explicit Wilder(size_t period) : Smoothed(period, 1 / static_cast<double>(period)) {}
};

// Relative strength index of Wilder.
class Rsi {
 public:
  explicit Rsi(size_t period) : gains_(period), losses_(period) {}
  std::optional<double> update(double value);

 private:
  std::optional<double> before_;
  Wilder gains_;
  Wilder losses_;
};

// Moving average convergence and divergence.
class Macd {
 public:
  struct Value {
    std::optional<double> line, signal, histogram;
  };
  Macd(size_t fast, size_t slow, size_t signal) : fast_(fast), slow_(slow), signal_(signal) {}
  Value update(double value);

 private:
  Ema fast_;
  Ema slow_;
  Ema signal_;
};

// Bollinger bands: the SMA, and `width` population standard deviations around it.
class Bollinger {
 public:
  struct Value {
    double lower, middle, upper;
  };
  Bollinger(size_t period, double width) : width_(width), newest_(period) {}
  std::optional<Value> update(double value);

 private:
  double width_;
  Newest<Moments> newest_;
};

// Average true range of Wilder.
class Atr {
 public:
  explicit Atr(size_t period) : ranges_(period) {}
  std::optional<double> update(double high, double low, double close);

 private:
  std::optional<double> close_before_;
  Wilder ranges_;
};

// Volume-weighted average price since the first value.
class Vwap {
 public:
  std::optional<double> update(double price, double volume);

 private:
  double turnover_ = 0;
  double volume_ = 0;
};

// An indicator as a function over the rows of a table.
struct Indicator {
  std::string_view name;
  size_t inputs;                                // columns
  std::string_view parameters = {};             // a letter each: p a period, w a width
  std::array<double, 3> defaults = {};          // of all parameters; all zero: there are none
  std::array<std::string_view, 3> fields = {};  // of values that are structs

  size_t width() const { return fields[0].empty() ? 1 : fields.size(); }
  Type type() const;  // of a value: DOUBLE, or a STRUCT of them

  // `rows` holds `inputs` values a row, the answer width() values a row; NaN is no value. A row of
  // which an input is not finite is passed over: it has no value, and the others do not see it.
  std::vector<double> (*over)(std::span<const double> rows,
                              std::span<const double> parameters) = nullptr;
};

constexpr double kPeriodMax = 1'000'000;

std::span<const Indicator> indicators();
const Indicator* find_indicator(std::string_view name);  // lower case; nullptr: no such

}  // namespace ticklake
