#include "model/indicators.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

namespace ticklake {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

std::vector<double> numbers(const nlohmann::json& values) {
  std::vector<double> out;
  for (const auto& value : values) out.push_back(value.is_null() ? kNothing : value.get<double>());
  return out;
}

// Columns as rows, one after the other.
std::vector<double> interleaved(const std::vector<std::vector<double>>& columns) {
  std::vector<double> out;
  for (size_t row = 0; row < columns[0].size(); ++row) {
    for (const auto& column : columns) out.push_back(column[row]);
  }
  return out;
}

std::vector<double> expected(const Indicator& indicator, const nlohmann::json& values) {
  if (indicator.width() == 1) return numbers(values);
  std::vector<std::vector<double>> columns;
  for (std::string_view field : indicator.fields)
    columns.push_back(numbers(values.at(std::string(field))));
  return interleaved(columns);
}

std::vector<double> over(std::string_view name, const std::vector<double>& rows,
                         const std::vector<double>& parameters) {
  return find_indicator(name)->over(rows, parameters);
}

TEST(Indicators, GiveThePublishedFigures) {
  std::ifstream file(TICKLAKE_MARKET_TESTS "/indicators.json");
  auto cases = nlohmann::json::parse(file, nullptr, false);
  ASSERT_FALSE(cases.is_discarded());
  ASSERT_GE(cases.size(), 6u);
  for (const auto& one : cases) {
    SCOPED_TRACE(one.at("name").get<std::string>());
    const Indicator* indicator = find_indicator(one.at("function").get<std::string>());
    ASSERT_NE(indicator, nullptr);
    std::vector<std::vector<double>> columns;
    for (const auto& column : one.at("inputs")) columns.push_back(numbers(column));
    auto got = indicator->over(interleaved(columns), numbers(one.at("parameters")));
    auto wanted = expected(*indicator, one.at("values"));
    auto tolerance = one.at("tolerance").get<double>();
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(std::isnan(got[i]), std::isnan(wanted[i])) << "value " << i;
      if (std::isnan(wanted[i])) continue;
      EXPECT_NEAR(got[i], wanted[i], tolerance + 1e-11 * std::abs(wanted[i])) << "value " << i;
    }
  }
}

TEST(Indicators, AveragesAreThoseOfTheNewestValues) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> prices(-50, 50);
  for (size_t period : {1, 2, 7, 64}) {
    std::vector<double> values;
    Sma sma(period);
    Bollinger bands(period, 3);
    for (int i = 0; i < 300; ++i) {
      values.push_back(i % 97 == 5 ? 1e15 : prices(random));
      auto mean = sma.update(values.back());
      auto band = bands.update(values.back());
      ASSERT_EQ(mean.has_value(), values.size() >= period);
      ASSERT_EQ(band.has_value(), mean.has_value());
      if (!mean) continue;
      double sum = 0, squares = 0, largest = 0;
      auto first = values.end() - static_cast<std::ptrdiff_t>(period);
      for (auto at = first; at != values.end(); ++at) {
        sum += *at;
        largest = std::max(largest, std::abs(*at));
      }
      double naive = sum / static_cast<double>(period);
      for (auto at = first; at != values.end(); ++at) squares += (*at - naive) * (*at - naive);
      double width = 3 * std::sqrt(squares / static_cast<double>(period));
      EXPECT_NEAR(*mean, naive, 1e-13 * largest);
      EXPECT_NEAR(band->middle, naive, 1e-13 * largest);
      EXPECT_NEAR(band->upper - band->middle, width, 1e-12 * largest);
      EXPECT_NEAR(band->middle - band->lower, width, 1e-12 * largest);
    }
  }
}

TEST(Indicators, APeriodTakesNoMemoryBeforeItsValuesCome) {
  Sma sma(size_t{1} << 50);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(sma.update(i), std::nullopt);
}

TEST(Indicators, OneThatIsFedRowByRowIsTheSameAsOverAllRows) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> prices(1, 100);
  std::vector<double> rows;
  for (int i = 0; i < 200; ++i) rows.push_back(prices(random));
  auto whole = over("macd", rows, {3, 8, 4});
  Macd macd(3, 8, 4);
  for (size_t i = 0; i < rows.size(); ++i) {
    auto value = macd.update(rows[i]);
    EXPECT_EQ(value.line.has_value(), i >= 7);
    EXPECT_EQ(value.signal.has_value(), i >= 10);
    EXPECT_EQ(value.histogram.has_value(), i >= 10);
    if (i >= 10) {
      EXPECT_EQ(*value.line, whole[3 * i]);
      EXPECT_EQ(*value.signal, whole[3 * i + 1]);
      EXPECT_EQ(*value.histogram, whole[3 * i + 2]);
    }
  }
}

TEST(Indicators, RowsThatAreNotFiniteArePassedOver) {
  double infinite = std::numeric_limits<double>::infinity();
  auto with = over("ema", {1, kNothing, 2, infinite, -infinite, 3, 4}, {2});
  auto without = over("ema", {1, 2, 3, 4}, {2});
  EXPECT_EQ(with[2], without[1]);
  EXPECT_EQ(with[5], without[2]);
  EXPECT_EQ(with[6], without[3]);
  for (size_t passed_over : {1, 3, 4}) EXPECT_TRUE(std::isnan(with[passed_over]));
  EXPECT_EQ(over("vwap", {10, 1, kNothing, 5, 20, kNothing, 30, 1}, {}).back(), 20);
}

TEST(Indicators, AreFoundByName) {
  for (const Indicator& indicator : indicators())
    EXPECT_EQ(find_indicator(indicator.name), &indicator);
  EXPECT_EQ(find_indicator("sme"), nullptr);
}

}  // namespace
}  // namespace ticklake
