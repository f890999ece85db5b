#include "model/indicators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace ticklake {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

size_t period(std::span<const double> parameters, size_t index = 0) {
  return static_cast<size_t>(parameters[index]);
}

bool finite(std::span<const double> row) {
  return std::ranges::all_of(row, [](double value) { return std::isfinite(value); });
}

// step(row of inputs, row of results) for each row that counts.
template <size_t inputs, size_t width = 1, typename Step>
std::vector<double> each_row(std::span<const double> rows, Step step) {
  size_t count = rows.size() / inputs;
  std::vector<double> out(count * width, kNothing);
  std::span<double> results(out);
  for (size_t i = 0; i < count; ++i) {
    auto row = rows.subspan(i * inputs, inputs);
    if (finite(row)) step(row, results.subspan(i * width, width));
  }
  return out;
}

// Of an indicator of one column, with one value.
template <typename One>
std::vector<double> each_value(std::span<const double> rows, One one) {
  return each_row<1>(rows,
                     [&](auto row, auto out) { out[0] = one.update(row[0]).value_or(kNothing); });
}

template <typename One>
std::vector<double> of_period(std::span<const double> rows, std::span<const double> parameters) {
  return each_value(rows, One(period(parameters)));
}

std::vector<double> macd(std::span<const double> rows, std::span<const double> parameters) {
  Macd one(period(parameters), period(parameters, 1), period(parameters, 2));
  return each_row<1, 3>(rows, [&](auto row, auto out) {
    auto value = one.update(row[0]);
    out[0] = value.line.value_or(kNothing);
    out[1] = value.signal.value_or(kNothing);
    out[2] = value.histogram.value_or(kNothing);
  });
}

std::vector<double> bollinger(std::span<const double> rows, std::span<const double> parameters) {
  Bollinger one(period(parameters), parameters[1]);
  return each_row<1, 3>(rows, [&](auto row, auto out) {
    auto value = one.update(row[0]);
    if (!value) return;
    out[0] = value->lower;
    out[1] = value->middle;
    out[2] = value->upper;
  });
}

std::vector<double> atr(std::span<const double> rows, std::span<const double> parameters) {
  Atr one(period(parameters));
  return each_row<3>(rows, [&](auto row, auto out) {
    out[0] = one.update(row[0], row[1], row[2]).value_or(kNothing);
  });
}

std::vector<double> vwap(std::span<const double> rows, std::span<const double>) {
  Vwap one;
  return each_row<2>(
      rows, [&](auto row, auto out) { out[0] = one.update(row[0], row[1]).value_or(kNothing); });
}

constexpr Indicator kIndicators[] = {
    {"sma", 1, "p", {}, {}, of_period<Sma>},
    {"ema", 1, "p", {}, {}, of_period<Ema>},
    {"rsi", 1, "p", {14}, {}, of_period<Rsi>},
    {"macd", 1, "ppp", {12, 26, 9}, {"line", "signal", "histogram"}, macd},
    {"bollinger", 1, "pw", {20, 2}, {"lower", "middle", "upper"}, bollinger},
    {"atr", 3, "p", {14}, {}, atr},
    {"vwap", 2, "", {}, {}, vwap},
};

}  // namespace

Moments Moments::operator+(const Moments& other) const {
  if (count == 0) return other;
  if (other.count == 0) return *this;
  Moments out;
  double distance = other.mean - mean;
  out.count = count + other.count;
  out.mean = mean + distance * other.count / out.count;
  out.squares = squares + other.squares + distance * distance * count * other.count / out.count;
  return out;
}

std::optional<double> Sma::update(double value) {
  auto newest = newest_.update(value);
  if (!newest) return std::nullopt;
  return newest->sum / period_;
}

std::optional<double> Smoothed::update(double value) {
  if (count_ >= period_) {
    value_ += weight_ * (value - value_);
    return value_;
  }
  value_ += value;
  if (++count_ < period_) return std::nullopt;
  value_ /= static_cast<double>(period_);
  return value_;
}

std::optional<double> Rsi::update(double value) {
  auto before = std::exchange(before_, value);
  if (!before) return std::nullopt;
  auto gain = gains_.update(std::max(value - *before, 0.0));
  auto loss = losses_.update(std::max(*before - value, 0.0));
  if (!gain) return std::nullopt;
  if (*loss == 0) return 100;
  return 100 - 100 / (1 + *gain / *loss);
}

Macd::Value Macd::update(double value) {
  auto fast = fast_.update(value);
  auto slow = slow_.update(value);
  if (!fast || !slow) return {};
  Value out{.line = *fast - *slow};
  out.signal = signal_.update(*out.line);
  if (out.signal) out.histogram = *out.line - *out.signal;
  return out;
}

std::optional<Bollinger::Value> Bollinger::update(double value) {
  auto newest = newest_.update(value);
  if (!newest) return std::nullopt;
  double distance = width_ * std::sqrt(newest->squares / newest->count);
  return Value{newest->mean - distance, newest->mean, newest->mean + distance};
}

std::optional<double> Atr::update(double high, double low, double close) {
  auto before = std::exchange(close_before_, close);
  double range = before ? std::max(high, *before) - std::min(low, *before) : high - low;
  return ranges_.update(range);
}

std::optional<double> Vwap::update(double price, double volume) {
  turnover_ += price * volume;
  volume_ += volume;
  if (volume_ == 0) return std::nullopt;
  return turnover_ / volume_;
}

Type Indicator::type() const {
  if (width() == 1) return Kind::Double;
  std::vector<Field> columns;
  for (std::string_view field : fields) columns.push_back({std::string(field), Kind::Double});
  return Type::structure(columns);
}

std::span<const Indicator> indicators() { return kIndicators; }

const Indicator* find_indicator(std::string_view name) {
  for (const Indicator& indicator : indicators()) {
    if (indicator.name == name) return &indicator;
  }
  return nullptr;
}

}  // namespace ticklake
