// Market functions with OVER: model/indicators.h over the rows of a partition.
#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "model/indicators.h"
#include "sql/functions.h"

namespace ticklake::sql {
namespace {

std::optional<double> number_of(const Typed& value) {
  if (!value.literal || !value.type.is_numeric()) return std::nullopt;
  const std::string& text = value.literal->text;
  double out = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

// "the second argument of ema(), its period"
std::string what_of(const Indicator& indicator, size_t parameter) {
  constexpr std::string_view kNumbers[] = {"first", "second", "third", "fourth"};
  std::string_view role = indicator.parameters[parameter] == 'p' ? "period" : "width";
  return "the " + std::string(kNumbers[indicator.inputs + parameter]) + " argument of " +
         std::string(indicator.name) + "(), a " + std::string(role) + ", must be a literal ";
}

Result<double> parameter_of(const Indicator& indicator, size_t index, const Typed& value) {
  auto number = number_of(value);
  if (indicator.parameters[index] == 'p') {
    bool good = number && value.type.is_integral() && *number >= 1 && *number <= kPeriodMax;
    if (good) return *number;
    return Error{Code::Invalid, what_of(indicator, index) + "whole number from 1 to 1000000"};
  }
  if (number && *number > 0) return *number;
  return Error{Code::Invalid, what_of(indicator, index) + "number above 0"};
}

// Rows that tie in ORDER BY are taken in an order that their values fix, and the series and the row
// numbers see the same; see query/functions_market.cc.
Result<Typed> build_market(std::string_view name, const Arguments& arguments,
                           const OverText& over) {
  const Indicator& indicator = *find_indicator(name);
  std::vector<std::string> inputs, parameters;
  std::string order = over.order;
  for (size_t i = 0; i < indicator.inputs; ++i) {
    inputs.push_back(arguments[i].sql);
    order += ", ticklake_tie(" + arguments[i].sql + ") ASC NULLS FIRST";
  }
  bool given = arguments.size() > indicator.inputs;
  for (size_t i = 0; i < indicator.parameters.size(); ++i) {
    double value = indicator.defaults[i];
    if (given) value = TRY(parameter_of(indicator, i, arguments[indicator.inputs + i]));
    parameters.push_back(fmt::format("CAST({} AS DOUBLE)", value));
  }
  std::string function = "ticklake_" + std::string(name);
  std::string partition = over.partition.empty() ? "" : "PARTITION BY " + over.partition + " ";
  std::string window = "(" + partition + "ORDER BY " + order;
  std::vector<std::string> texts = {
      "ticklake_statement()",
      function + "_rows(ticklake_statement(), " + listed(inputs) + " ORDER BY " + order +
          ") OVER " + window + " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
      "row_number() OVER " + window + ")"};
  texts.insert(texts.end(), parameters.begin(), parameters.end());
  return made(function + "(" + listed(texts) + ")", indicator.type());
}

constexpr WindowFunction kMarket[] = {
    {.name = "sma", .parameters = "dx", .build = build_market},
    {.name = "ema", .parameters = "dx", .build = build_market},
    {.name = "rsi", .parameters = "d", .build = build_market},
    {.name = "rsi", .parameters = "dx", .build = build_market},
    {.name = "macd", .parameters = "d", .build = build_market},
    {.name = "macd", .parameters = "dxxx", .build = build_market},
    {.name = "bollinger", .parameters = "d", .build = build_market},
    {.name = "bollinger", .parameters = "dxx", .build = build_market},
    {.name = "atr", .parameters = "ddd", .build = build_market},
    {.name = "atr", .parameters = "dddx", .build = build_market},
    {.name = "vwap", .parameters = "dd", .build = build_market},
};

}  // namespace

std::span<const WindowFunction> market_functions() { return kMarket; }

}  // namespace ticklake::sql
