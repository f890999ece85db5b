#include "sources/test_alpha_vantage.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "base/time.h"
#include "sources/new_york.h"

namespace ticklake::sources {
namespace {

FakeAlphaVantage::Parameters parameters_of(const std::string& url) {
  FakeAlphaVantage::Parameters out;
  for (const std::string& part : split(url.substr(url.find('?') + 1), '&')) {
    size_t equals = part.find('=');
    out[part.substr(0, equals)] = part.substr(equals + 1);
  }
  return out;
}

std::string get(const FakeAlphaVantage::Parameters& parameters, const std::string& name) {
  auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

// The days on which bars of a function end: weekdays, Fridays, last days of months.
bool has_bar(const std::string& function, int32_t day) {
  int64_t weekday = day - floor_to(day, 7, 4);
  if (function.find("WEEKLY") != std::string::npos) return weekday == 4;
  if (function.find("MONTHLY") != std::string::npos) {
    return civil_from_days(day + 1).day == 1;
  }
  return weekday < 5;
}

}  // namespace

io::HttpResponse ok_with(std::string body) {
  return {.status = 200, .headers = {}, .body = std::move(body)};
}

std::vector<std::string> FakeAlphaVantage::times(const Parameters& parameters) const {
  std::string function = get(parameters, "function");
  int64_t now = utc_to_new_york(clock_.now_us());
  std::string month = get(parameters, "month");
  bool extended = get(parameters, "extended_hours") != "false";
  std::vector<std::string> out;
  for (int32_t day = *parse_date(first_day); day * kMicrosPerDay <= now; ++day) {
    if (!has_bar(function, day) || !format_date(day).starts_with(month)) continue;
    if (function != "TIME_SERIES_INTRADAY") {
      out.push_back(format_date(day));
      continue;
    }
    std::string minutes = get(parameters, "interval");
    int64_t step = std::stoi(minutes) * kMicrosPerMinute;
    int64_t close = (extended ? 20 : 16) * kMicrosPerHour;
    for (int64_t at = (extended ? 4 : 10) * kMicrosPerHour; at < close; at += step) {
      int64_t wall = day * kMicrosPerDay + at;
      std::string text = format_wall_time(wall);
      text[10] = ' ';
      if (wall <= now) out.push_back(text);
    }
  }
  if (function.find("WEEKLY") != std::string::npos ||
      function.find("MONTHLY") != std::string::npos) {
    // The period that is not over has a bar, of its latest day of trading.
    auto day = static_cast<int32_t>(floor_to(now, kMicrosPerDay) / kMicrosPerDay);
    while (day - floor_to(day, 7, 4) > 4) --day;
    if (out.empty() || format_date(day) > out.back()) out.push_back(format_date(day));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> FakeAlphaVantage::cells(
    const Parameters& parameters, const std::string& time) const {
  std::string function = get(parameters, "function");
  uint64_t hash = fnv1a(time, fnv1a(get(parameters, "symbol")));
  double price = 100 + static_cast<double>(hash % 10'000) / 100;
  auto found = revised.find(time);
  double close = found == revised.end() ? price : found->second;
  std::vector<std::pair<std::string, std::string>> out = {
      {"open", fmt::format("{:.4f}", price)},
      {"high", fmt::format("{:.4f}", price + 1)},
      {"low", fmt::format("{:.4f}", price - 1)},
      {"close", fmt::format("{:.4f}", close)}};
  bool adjusted = function.ends_with("_ADJUSTED");
  if (adjusted) out.emplace_back("adjusted close", fmt::format("{:.4f}", close / 2));
  out.emplace_back("volume", fmt::to_string(hash % 1'000'000));
  if (adjusted) out.emplace_back("dividend amount", "0.0000");
  if (function == "TIME_SERIES_DAILY_ADJUSTED") out.emplace_back("split coefficient", "1.0");
  return out;
}

std::string FakeAlphaVantage::json(const Parameters& parameters,
                                   const std::vector<std::string>& times) const {
  std::string function = get(parameters, "function"), interval = get(parameters, "interval");
  bool adjusted = function.ends_with("_ADJUSTED");
  std::string period = function.find("WEEKLY") != std::string::npos    ? "Weekly"
                       : function.find("MONTHLY") != std::string::npos ? "Monthly"
                                                                       : "";
  std::string series = !interval.empty() ? fmt::format("Time Series ({})", interval)
                       : period.empty()  ? "Time Series (Daily)"
                                         : period + (adjusted ? " Adjusted" : "") + " Time Series";
  // The number of the time zone differs between functions.
  std::string out = fmt::format("{{\"Meta Data\":{{\"1. Information\":\"made up\","
                                "\"2. Symbol\":\"{}\",\"3. Last Refreshed\":\"{}\","
                                "\"{}. Time Zone\":\"US/Eastern\"}},\"{}\":{{",
                                get(parameters, "symbol"), times.empty() ? "" : times.back(),
                                interval.empty() ? 4 : 6, series);
  bool first = true;
  for (auto time = times.rbegin(); time != times.rend(); ++time) {
    out += fmt::format("{}\"{}\":{{", first ? "" : ",", *time);
    first = false;
    int number = 1;
    for (const auto& [name, value] : cells(parameters, *time)) {
      out += fmt::format("{}\"{}. {}\":\"{}\"", number == 1 ? "" : ",", number, name, value);
      ++number;
    }
    out += "}";
  }
  return out + "}}";
}

std::string FakeAlphaVantage::csv(const Parameters& parameters,
                                  const std::vector<std::string>& times) const {
  bool daily = get(parameters, "function") == "TIME_SERIES_DAILY_ADJUSTED";
  std::string out = "timestamp";
  for (auto [name, value] : cells(parameters, "")) {
    if (daily) std::replace(name.begin(), name.end(), ' ', '_');
    out += "," + name;
  }
  for (auto time = times.rbegin(); time != times.rend(); ++time) {
    out += "\r\n" + *time;
    for (const auto& [name, value] : cells(parameters, *time)) out += "," + value;
  }
  return out + "\r\n";
}

Result<io::HttpResponse> FakeAlphaVantage::answer(const io::HttpRequest& request) {
  int64_t now = clock_.now_us();
  int minute = 1, day = 1;
  for (const Seen& before : seen) {
    minute += before.at_us > now - kMicrosPerMinute ? 1 : 0;
    day += before.at_us > now - kMicrosPerDay ? 1 : 0;
  }
  Parameters parameters = parameters_of(request.url);
  EXPECT_EQ(get(parameters, "apikey"), kTestKey);
  seen.push_back({now, parameters});
  if (!instead.empty()) {
    auto out = instead.front();
    instead.pop_front();
    return out;
  }
  if (minute > per_minute || day > per_day) {
    ++refusals;
    return ok_with("{\"Information\":\"rate limit\"}");
  }
  std::vector<std::string> bars = times(parameters);
  bool sized = parameters.contains("outputsize");
  bool all = get(parameters, "outputsize") == "full";
  if (get(parameters, "month").empty() && sized && !all && bars.size() > 100) {
    bars.erase(bars.begin(), bars.end() - 100);
  }
  bool as_csv = get(parameters, "datatype") == "csv";
  return ok_with(as_csv ? csv(parameters, bars) : json(parameters, bars));
}

int64_t FakeAlphaVantage::sent_to(const std::string& name, const std::string& value) const {
  return std::count_if(seen.begin(), seen.end(),
                       [&](const Seen& request) { return get(request.parameters, name) == value; });
}

}  // namespace ticklake::sources
