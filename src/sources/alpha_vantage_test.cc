#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/time.h"
#include "sources/alpha_vantage_plan.h"
#include "sources/budget.h"
#include "sources/test_alpha_vantage.h"
#include "sources/test_world.h"

namespace ticklake::sources {
namespace {

using Lines = std::vector<std::string>;

// A world with an Alpha Vantage in it.
struct Market {
  explicit Market(uint32_t seed = 1) : world(seed) { world.options.http = &http; }

  World world;
  FakeAlphaVantage service{world.clock};
  io::MemoryHttp http{[this](const io::HttpRequest& request) { return service.answer(request); }};
  Lines notes;

  SourceSpec spec(const std::string& more, const std::string& name = "bars") {
    std::string yaml = "type: alpha_vantage\ntopic: bars\n" + more;
    auto out = parse_spec(yaml, "sources/" + name + ".yml", [](const std::string& word) {
      return word == "env:KEY" ? std::optional<std::string>(kTestKey) : std::nullopt;
    });
    EXPECT_TRUE(out) << out.error().message;
    return out ? *out : SourceSpec{};
  }

  // Steps a source until the clock is `until_us`; opened anew now and then.
  Progress live(const SourceSpec& spec, int64_t until_us) {
    Progress sum;
    world.options.once = false;
    std::unique_ptr<Source> source;
    for (int steps = 0; world.clock.now_us() < until_us; ++steps) {
      if (steps % 3 == 0) source.reset();
      if (!source) source = *world.open(spec);
      auto progress = source->step();
      EXPECT_TRUE(progress) << progress.error().message;
      if (!progress) return sum;
      sum.sent += progress->sent;
      sum.bad += progress->bad;
      notes.insert(notes.end(), progress->notes.begin(), progress->notes.end());
      if (progress->idle_until_us > world.clock.now_us()) {
        world.clock.advance_us(std::min(progress->idle_until_us, until_us) -
                               world.clock.now_us());
      }
    }
    world.options.once = true;
    return sum;
  }

  // Of the bars that the service has now, whatever was asked for.
  Lines all_times() {
    auto parameters = service.seen[0].parameters;
    parameters.erase("month");
    return service.times(parameters);
  }

  // The exchange times in the topic, in the order of sending, of the records of a symbol.
  Lines times(const std::string& symbol) {
    Lines out;
    for (const auto& partition : world.values("bars")) {
      for (const std::string& value : partition) {
        if (value.find("\"symbol\":\"" + symbol + "\"") == std::string::npos) continue;
        size_t at = value.find("\"exchange_time\":\"") + 17;
        out.push_back(value.substr(at, value.find('"', at) - at));
      }
    }
    return out;
  }
};

const char* const kWeekly = "function: TIME_SERIES_WEEKLY_ADJUSTED\nsymbols: [IBM]\n"
                            "api_key: ${env:KEY}\n";
const char* const kHours = "function: TIME_SERIES_INTRADAY\ninterval: 60min\nsymbols: NVDA\n"
                           "api_key: ${env:KEY}\n";

int64_t instant(const char* text) { return parse_timestamp(text)->micros; }

TEST(AlphaVantage, SendsEachBarOnceAndAgainWhenItChanged) {
  Market market;
  auto spec = market.spec(kWeekly);
  Progress first = market.world.drain(spec);
  auto times = market.times("IBM");
  EXPECT_EQ(first.sent, static_cast<int64_t>(times.size()));
  EXPECT_GT(first.sent, 100);
  auto offered = market.service.times(market.service.seen[0].parameters);
  EXPECT_EQ(offered.back(), "2026-01-05");  // of a week that has only begun
  offered.pop_back();
  EXPECT_EQ(times, offered);
  // Not due before the evening: no request at all.
  EXPECT_EQ(market.world.drain(spec).sent, 0);
  EXPECT_EQ(market.service.seen.size(), 1u);
  // Nothing new that evening, one bar revised the next.
  market.world.clock.advance_us(kMicrosPerDay);
  EXPECT_EQ(market.world.drain(spec).sent, 0);
  EXPECT_EQ(market.service.seen.size(), 2u);
  market.service.revised[times[7]] = 55.5;
  market.world.clock.advance_us(kMicrosPerDay);
  EXPECT_EQ(market.world.drain(spec).sent, 1);
  EXPECT_EQ(market.times("IBM").back(), times[7]);
  // When the week is over one new bar.
  market.world.clock.advance_us(3 * kMicrosPerDay);
  EXPECT_EQ(market.world.drain(spec).sent, 0);
  market.world.clock.advance_us(3 * kMicrosPerDay);
  EXPECT_EQ(market.world.drain(spec).sent, 1);
  EXPECT_EQ(market.times("IBM").back(), "2026-01-09");
}

TEST(AlphaVantage, ABarOfAWeekOrMonthComesOnceWhenItIsOver) {
  for (bool csv : {false, true}) {
    for (const std::string period : {"WEEKLY", "WEEKLY_ADJUSTED", "MONTHLY", "MONTHLY_ADJUSTED"}) {
      Market market;
      market.service.first_day = "2025-10-01";
      auto spec = market.spec(fmt::format(
          "function: TIME_SERIES_{}\nsymbols: [IBM]\napi_key: ${{env:KEY}}\ndatatype: {}\n"
          "schedule: every 3 hours\n",
          period, csv ? "csv" : "json"));
      market.live(spec, market.world.clock.now_us() + 40 * kMicrosPerDay);  // to February 14th
      auto expected = market.all_times();
      EXPECT_EQ(expected.back(), "2026-02-13");
      expected.pop_back();
      EXPECT_EQ(market.times("IBM"), expected) << period;
    }
  }
}

TEST(AlphaVantagePlan, WeeksAndMonthsEndInNewYork) {
  AlphaVantageSpec week{.function = "TIME_SERIES_WEEKLY"}, month{.function = "TIME_SERIES_MONTHLY"};
  for (const char* day : {"2026-01-05", "2026-01-08", "2026-01-09", "2026-01-11"}) {
    EXPECT_FALSE(is_complete(week, day, instant("2026-01-12T04:59:59Z"))) << day;
    EXPECT_TRUE(is_complete(week, day, instant("2026-01-12T05:00:00Z"))) << day;
  }
  for (const char* day : {"2026-07-01", "2026-07-30", "2026-07-31"}) {
    EXPECT_FALSE(is_complete(month, day, instant("2026-08-01T15:59:59Z"))) << day;
    EXPECT_TRUE(is_complete(month, day, instant("2026-08-01T16:00:00Z"))) << day;
  }
  EXPECT_TRUE(is_complete(month, "2025-12-31", instant("2026-01-01T17:00:00Z")));
  AlphaVantageSpec daily{.function = "TIME_SERIES_DAILY_ADJUSTED"};
  EXPECT_TRUE(is_complete(daily, "2026-01-05", instant("2026-01-05T15:00:00Z")));
}

TEST(AlphaVantage, AnotherSymbolGoesToTheSameTopic) {
  Market market;
  market.world.drain(market.spec(kWeekly));
  auto goog = market.spec("function: TIME_SERIES_WEEKLY_ADJUSTED\nsymbols: GOOG\n"
                          "api_key: ${env:KEY}\ndatatype: csv\n");
  market.world.clock.advance_us(kMicrosPerMinute);
  EXPECT_EQ(market.world.drain(goog).sent, static_cast<int64_t>(market.times("IBM").size()));
  EXPECT_EQ(market.times("GOOG"), market.times("IBM"));
}

// Mission row 1: months of hours on the free plan, over days, then live; nothing missing, nothing
// twice, and never a request too many.
TEST(AlphaVantage, HistoryFitsTheBudgetOverDaysThenLiveWithoutGapOrDouble) {
  Market market;
  auto spec = market.spec(std::string(kHours) + "months: last 30\nschedule: daily at 18:00\n"
                                                "extended_hours: false\ndatatype: csv\n");
  Progress today = market.world.drain(spec);
  EXPECT_EQ(market.service.seen.size(), 25u);
  EXPECT_EQ(today.warnings, 1);  // told that some is left
  int64_t end = market.world.clock.now_us() + 40 * kMicrosPerDay;
  market.live(spec, end);
  EXPECT_EQ(market.service.refusals, 0);
  // Each month once, and the one that was not over once more; then a look a day.
  for (const auto& month : {"2023-08", "2024-02", "2025-12"}) {
    EXPECT_EQ(market.service.sent_to("month", month), 1);
  }
  EXPECT_EQ(market.service.sent_to("month", "2026-01"), 2);
  EXPECT_LE(market.service.seen.size(), 31u + 41);
  auto expected = market.all_times();
  std::erase_if(expected, [](const std::string& time) { return time < "2023-08"; });
  auto times = market.times("NVDA");
  // What came after the last look is not there yet.
  std::erase_if(expected, [&](const std::string& time) { return time > times.back(); });
  EXPECT_GE(times.back(), "2026-02-13 15");
  EXPECT_EQ(times, expected);
}

TEST(AlphaVantage, TellsThePlanAndHowLongItTakes) {
  Market market;
  auto spec = market.spec(std::string(kHours) + "months: 2023-08..2025-12\n");
  auto source = *market.world.open(spec);
  auto progress = *source->step();
  ASSERT_EQ(progress.notes.size(), 1u);
  EXPECT_EQ(progress.notes[0],
            "history: 29 months at 60min of 1 symbol: 29 requests, 0 done; the key has 5 a minute, "
            "25 in 24 hours of which 0 are used; the last goes in about 24 hours, at "
            "2026-01-06T14:30:39Z");
}

TEST(AlphaVantage, WhatAStopMissedIsCaughtUpWith) {
  Market market;
  auto spec = market.spec(std::string(kHours) + "schedule: every 1 day\n");
  market.world.drain(spec);
  auto first = market.times("NVDA");
  ASSERT_EQ(first.size(), 100u);  // compact
  market.world.clock.advance_us(45 * kMicrosPerDay);
  // Also when the source dies in the middle of it.
  market.live(spec, market.world.clock.now_us() + kMicrosPerHour);
  market.world.drain(spec);
  auto expected = market.all_times();
  std::erase_if(expected, [&](const std::string& time) { return time < "2026-01"; });
  auto times = market.times("NVDA");
  std::erase_if(times, [&](const std::string& time) { return time < "2026-01"; });
  EXPECT_EQ(times.back(), "2026-02-19 09:00:00");
  std::erase_if(expected, [&](const std::string& time) { return time > times.back(); });
  EXPECT_EQ(times, expected);
  // What was missed in two months, then the newest.
  EXPECT_EQ(market.service.seen.size(), 4u);
}

// The newest bars wait until the gap before them is filled.
TEST(AlphaVantage, ACatchUpAnsweredBadlyIsAskedForAgain) {
  for (const char* body : {"<html>down</html>", "{}", "{\"Error Message\":\"Invalid API call\"}"}) {
    Market market;
    auto spec = market.spec(std::string(kHours) + "schedule: every 1 day\n");
    market.world.drain(spec);
    market.world.clock.advance_us(45 * kMicrosPerDay);
    market.service.instead = {ok_with(body), ok_with(body)};
    market.live(spec, market.world.clock.now_us() + 2 * kMicrosPerDay + kMicrosPerHour);
    auto expected = market.all_times(), times = market.times("NVDA");
    std::erase_if(expected, [&](const std::string& time) {
      return time < times.front() || time > *std::max_element(times.begin(), times.end());
    });
    std::sort(times.begin(), times.end());
    EXPECT_EQ(times, expected) << body;
    EXPECT_GE(times.back(), "2026-02-20");
  }
}

TEST(AlphaVantage, ACatchUpRefusedForGoodHoldsNothingBack) {
  for (const char* body : {"{\"Information\":\"This is a premium endpoint.\"}", "{}"}) {
    bool premium = std::string(body) != "{}";
    Market market;
    auto spec = market.spec("function: TIME_SERIES_DAILY\nsymbols: IBM\napi_key: ${env:KEY}\n"
                            "schedule: every 1 day\n");
    market.world.drain(spec);
    market.world.clock.advance_us(200 * kMicrosPerDay);
    for (int i = 0; i < (premium ? 1 : 3); ++i) market.service.instead.push_back(ok_with(body));
    market.live(spec, market.world.clock.now_us() + (premium ? 1 : 49) * kMicrosPerHour);
    EXPECT_EQ(market.service.sent_to("outputsize", "full"), premium ? 1 : 3);
    EXPECT_EQ(market.times("IBM").size(), 200u);
  }
}

TEST(AlphaVantage, ABarThatWasBadOnceDoesNotComeAgain) {
  Market market;
  auto spec = market.spec("function: TIME_SERIES_DAILY\nsymbols: IBM\napi_key: ${env:KEY}\n"
                          "schedule: every 1 hour\n");
  market.world.drain(spec);
  market.service.instead = {
      ok_with("{\"Time Series (Daily)\":{\"2026-01-02\":{\"1. open\":\"?\"}}}")};
  for (int i = 0; i < 3; ++i) {
    market.world.clock.advance_us(kMicrosPerHour);
    Progress progress = market.world.drain(spec);
    EXPECT_EQ(progress.sent, 0);
    EXPECT_EQ(progress.bad, i == 0 ? 1 : 0);
  }
  EXPECT_EQ(market.service.seen.size(), 4u);
}

TEST(AlphaVantage, PremiumIsNeverAskedAgainUnlessTheBudgetIsRaised) {
  Market market;
  std::string yaml = "function: TIME_SERIES_DAILY_ADJUSTED\nsymbols: [IBM]\napi_key: ${env:KEY}\n";
  auto spec = market.spec(yaml);
  market.service.instead = {ok_with("{\"Information\":\"This is a premium endpoint.\"}")};
  EXPECT_EQ(market.world.drain(spec).warnings, 1);
  market.live(spec, market.world.clock.now_us() + 30 * kMicrosPerDay);
  EXPECT_EQ(market.service.seen.size(), 1u);
  auto raised = market.spec(yaml + "budget: {per_minute: 75, per_day: none}\n");
  EXPECT_EQ(market.world.drain(raised).sent, 100);
}

TEST(AlphaVantage, OneMonthRefusedAsPremiumSparesTheOthers) {
  Market market;
  auto spec = market.spec(std::string(kHours) + "months: last 12\nextended_hours: false\n");
  auto premium = ok_with("{\"Information\":\"The month parameter is a premium feature.\"}");
  market.service.instead = {premium, premium};
  market.world.drain(spec);
  // The oldest and the newest one, and the newest bars.
  EXPECT_EQ(market.service.seen.size(), 3u);
  EXPECT_EQ(market.service.sent_to("month", "2026-01"), 1);
  EXPECT_EQ(market.times("NVDA").size(), 100u);
  // Where the newest month is given, the others are asked for.
  Market other;
  other.service.instead = {premium};
  other.world.drain(other.spec(std::string(kHours) + "months: last 12\nextended_hours: false\n"));
  EXPECT_EQ(other.service.seen.size(), 12u);
}

TEST(AlphaVantage, ARefusedKeyEndsItAndIsNotSentAgain) {
  Market market;
  auto spec = market.spec(kWeekly);
  market.service.instead = {ok_with("{\"Error Message\":\"the parameter apikey is invalid\"}")};
  EXPECT_TRUE((*market.world.open(spec))->step());
  for (int i = 0; i < 3; ++i) {
    market.world.clock.advance_us(kMicrosPerDay);
    auto refused = (*market.world.open(spec))->step();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "Alpha Vantage refused the API key of sources/bars.yml at 2026-01-05T14:30:00Z and "
              "is not asked again with it: the parameter apikey is invalid; correct \"api_key\"");
  }
  EXPECT_EQ(market.service.seen.size(), 1u);
}

TEST(AlphaVantage, PausesAreLongerEachTimeAndEachTryCounts) {
  Market market;
  auto spec = market.spec(std::string(kWeekly) + "schedule: every 1 hour\n");
  for (int i = 0; i < 4; ++i) {
    market.service.instead.push_back(io::HttpResponse{.status = 503, .headers = {}, .body = ""});
    market.service.instead.push_back(Error{Code::Unavailable, "no HTTP answer: Timeout"});
  }
  market.live(spec, market.world.clock.now_us() + kMicrosPerHour);
  ASSERT_EQ(market.service.seen.size(), 9u);
  std::vector<int64_t> pauses;
  for (size_t i = 1; i < 9; ++i) {
    pauses.push_back((market.service.seen[i].at_us - market.service.seen[i - 1].at_us) / 1'000'000);
  }
  EXPECT_EQ(pauses, (std::vector<int64_t>{13, 13, 20, 40, 80, 160, 320, 640}));
  EXPECT_GT(market.times("IBM").size(), 100u);
}

TEST(AlphaVantage, OnceGivesUpOnAServerThatIsDown) {
  Market market;
  for (int i = 0; i < 3; ++i) market.service.instead.push_back(Error{Code::Unavailable, "nobody"});
  auto source = *market.world.open(market.spec(kWeekly));
  Result<Progress> progress = Progress{};
  for (int i = 0; i < 10 && progress; ++i) {
    progress = source->step();
    if (progress && progress->idle_until_us > 0) {
      market.world.clock.advance_us(progress->idle_until_us - market.world.clock.now_us());
    }
  }
  ASSERT_FALSE(progress);
  EXPECT_EQ(progress.error().message,
            "TIME_SERIES_WEEKLY_ADJUSTED IBM weekly newest: server_error: nobody (3 times in a "
            "row); start again later");
}

TEST(AlphaVantage, ADayUsedUpBySomebodyElseIsWaitedFor) {
  Market market;
  auto spec = market.spec(kWeekly);
  market.service.instead = {ok_with("{\"Information\":\"25 requests per day is the limit\"}")};
  Progress now = market.world.drain(spec);
  EXPECT_EQ(now.sent, 0);
  EXPECT_GT(now.warnings, 0);
  // Six hours later at most.
  market.live(spec, market.world.clock.now_us() + 7 * kMicrosPerHour);
  EXPECT_EQ(market.service.seen.size(), 2u);
  EXPECT_EQ(market.service.seen[1].at_us, instant("2026-01-05T20:30:00Z"));
}

TEST(AlphaVantage, AnEmptyMonthIsAskedForThreeTimesADayApart) {
  Market market;
  auto spec = market.spec(std::string(kHours) + "months: 2022-01\nschedule: every 30 days\n");
  market.live(spec, market.world.clock.now_us() + 20 * kMicrosPerDay);
  EXPECT_EQ(market.service.sent_to("month", "2022-01"), 3);  // before the first bar
  EXPECT_EQ(market.times("NVDA").size(), 100u);  // the newest came meanwhile
}

// Whatever the broker loses, and however often the source begins again.
TEST(AlphaVantage, CrashesLoseNothingAndDoubleNothing) {
  for (uint32_t seed = 1; seed <= 2; ++seed) {
    Market market(seed);
    market.world.topics.crash_every = 3;
    auto spec = market.spec("function: TIME_SERIES_INTRADAY\ninterval: 60min\n"
                            "symbols: [NVDA, IBM, AAPL]\napi_key: ${env:KEY}\n"
                            "months: 2025-10..2025-12\npartitions: 2\nextended_hours: false\n"
                            "budget: {per_minute: none, per_day: none}\n");
    market.service.per_minute = market.service.per_day = 100'000;
    market.world.drain(spec, seed % 2 == 0);
    EXPECT_GT(market.world.topics.crashes, 0);
    for (const char* symbol : {"NVDA", "IBM", "AAPL"}) {
      auto expected = market.all_times();
      auto times = market.times(symbol);
      std::erase_if(expected, [&](const std::string& time) { return time < "2025-10"; });
      EXPECT_EQ(times, expected) << seed;
    }
  }
}

TEST(AlphaVantage, SourcesWithOneKeyShareItsBudget) {
  Market market;
  std::string yaml = "function: TIME_SERIES_DAILY\napi_key: ${env:KEY}\nschedule: every 1 hour\n";
  auto a = market.spec(yaml + "symbols: [A, B, C, D]\n", "a");
  auto b = market.spec(yaml + "symbols: [E, F, G, H]\n", "b");
  for (int i = 0; i < 60; ++i) {
    int64_t until = market.world.clock.now_us() + 10 * kMicrosPerMinute;
    market.live(i % 2 == 0 ? a : b, until);
  }
  EXPECT_EQ(market.service.refusals, 0);
  EXPECT_GT(market.service.sent_to("symbol", "A"), 2);
  EXPECT_GT(market.service.sent_to("symbol", "H"), 2);
}

TEST(AlphaVantage, TheKeyIsNowhereButInTheRequest) {
  Market market;
  auto spec = market.spec(std::string(kHours) + "months: 2025-11..2025-12\n");
  std::string echo = fmt::format("you sent {} to /query?k={}", kTestKey, kTestKey);
  for (const char* key : {"Information", "Note", "Error Message"}) {
    market.service.instead.push_back(ok_with(fmt::format("{{\"{}\":\"{}\"}}", key, echo)));
  }
  market.service.instead.push_back(ok_with(fmt::format(
      "{{\"Time Series (60min)\":{{\"2025-11-03 {}\":{{\"1. open\":\"{}\"}}}}}}", kTestKey, echo)));
  market.service.instead.push_back(ok_with(echo));
  market.service.instead.push_back(Error{Code::Unavailable, "cannot reach " + echo});
  market.service.instead.push_back(Error{Code::Invalid, "no certificate for " + echo});
  Lines shown;
  for (int i = 0; i < 12; ++i) {
    market.world.clock.advance_us(7 * kMicrosPerHour);
    auto source = *market.world.open(spec);
    auto progress = source->step();
    shown.push_back(source->describe());
    if (!progress) shown.push_back(progress.error().message);
    if (progress) shown.insert(shown.end(), progress->notes.begin(), progress->notes.end());
  }
  EXPECT_TRUE(market.service.instead.empty());
  for (const char* topic : {"bars", "bars__bad", "bars__requests"}) {
    auto values = market.world.sorted_values(topic);
    shown.insert(shown.end(), values.begin(), values.end());
  }
  auto listed = market.world.files.list_all("");
  ASSERT_TRUE(listed) << listed.error().message;
  for (const auto& info : *listed) {
    shown.push_back(info.path);
    shown.push_back(*market.world.files.read(info.path));
  }
  EXPECT_GT(shown.size(), 30u);
  for (const std::string& text : shown) EXPECT_EQ(text.find(kTestKey), std::string::npos) << text;
}

TEST(AlphaVantageSchedule, IsInNewYorkTimeAcrossTheChange) {
  PollSchedule at{.at_us = 18 * kMicrosPerHour};
  auto next = [&](const char* after) { return format_instant(next_poll_us(at, instant(after))); };
  EXPECT_EQ(next("2026-01-05T14:30:00Z"), "2026-01-05T23:00:00Z");
  EXPECT_EQ(next("2026-01-05T23:00:00Z"), "2026-01-06T23:00:00Z");
  EXPECT_EQ(next("2026-01-09T23:00:00Z"), "2026-01-12T23:00:00Z");  // Friday to Monday
  EXPECT_EQ(next("2026-03-06T23:30:00Z"), "2026-03-09T22:00:00Z");
  PollSchedule often{.every_us = kMicrosPerMinute};
  EXPECT_EQ(next_poll_us(often, 5), kMicrosPerMinute + 5);
}

std::string refusal(const std::string& more) {
  auto spec = parse_spec("type: alpha_vantage\ntopic: t\n" + more, "sources/x.yml",
                         [](const std::string&) { return std::nullopt; });
  return spec ? "none" : spec.error().message;
}

TEST(AlphaVantageSpec, RefusesWithPositionAndHint) {
  std::string head = "symbols: [IBM]\napi_key: 12345678\nfunction: ";
  EXPECT_EQ(refusal(""), "sources/x.yml:1:1: an alpha_vantage source needs \"function\"");
  EXPECT_EQ(refusal(head + "TIME_SERIES_WEEKLY_ADJUST"),
            "sources/x.yml:5:11: \"function\" must be one of TIME_SERIES_INTRADAY, "
            "TIME_SERIES_DAILY, TIME_SERIES_DAILY_ADJUSTED, TIME_SERIES_WEEKLY, "
            "TIME_SERIES_WEEKLY_ADJUSTED, TIME_SERIES_MONTHLY, TIME_SERIES_MONTHLY_ADJUSTED, not "
            "\"TIME_SERIES_WEEKLY_ADJUST\"; did you mean TIME_SERIES_WEEKLY_ADJUSTED?");
  EXPECT_EQ(refusal(head + "TIME_SERIES_INTRADAY"),
            "sources/x.yml:5:11: TIME_SERIES_INTRADAY needs an \"interval\": 1min, 5min, 15min, "
            "30min, 60min");
  std::string daily = head + "TIME_SERIES_DAILY\n", hours = head + "TIME_SERIES_INTRADAY\n"
                                                                   "interval: 60min\n";
  EXPECT_EQ(refusal(daily + "interval: 60min"),
            "sources/x.yml:6:11: \"interval\" is for TIME_SERIES_INTRADAY only");
  EXPECT_EQ(refusal(daily + "schedule: hourly"),
            "sources/x.yml:6:11: \"schedule\" must be such as \"every 15 minutes\" (at least 1 "
            "second) or \"Mon-Fri at 18:00\" (New York time), not \"hourly\"");
  EXPECT_EQ(refusal(hours + "months: 2024-13"),
            "sources/x.yml:7:9: \"months\" has \"2024-13\", which is no month from 2000-01 on, "
            "such as 2024-03");
  EXPECT_EQ(refusal(hours + "months: 2024-05..2024-01"),
            "sources/x.yml:7:9: \"months\": 2024-05..2024-01 is no range of months");
  EXPECT_EQ(refusal(daily + "budget: {per_day: 0}"),
            "sources/x.yml:6:19: \"per_day\" must be a whole number from 1 to 100000, not \"0\"");
  EXPECT_EQ(refusal(daily + "base_url: http://example.org/query"),
            "sources/x.yml:6:11: \"base_url\" must begin with https://, or the key could be read "
            "on its way; http:// is for a server on this machine");
  EXPECT_EQ(refusal(daily + "base_url: http://localhost:8080/query"), "none");
  EXPECT_EQ(refusal("function: TIME_SERIES_DAILY\nsymbols: IBM\napi_key: a/b c"),
            "sources/x.yml:5:10: \"api_key\" has a value that is no key: 4 to 200 letters, digits, "
            "'-', '_', '.' and '~'");
  EXPECT_EQ(refusal(daily + "apikey: x"),
            "sources/x.yml:6:1: unknown key \"apikey\"; did you mean \"api_key\"?");
}

TEST(AlphaVantageSpec, AMissingKeyIsToldWhenTheSourceIsOpened) {
  Market market;
  auto spec = parse_spec("type: alpha_vantage\ntopic: t\nfunction: TIME_SERIES_DAILY\n"
                         "symbols: [IBM]\napi_key: ${env:NO_SUCH_KEY}\n",
                         "sources/x.yml", [](const std::string&) { return std::nullopt; });
  ASSERT_TRUE(spec);
  auto opened = market.world.open(*spec);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "sources/x.yml:5:10: ${env:NO_SUCH_KEY} has no value: set the "
                                    "environment variable NO_SUCH_KEY");
}

}  // namespace
}  // namespace ticklake::sources
