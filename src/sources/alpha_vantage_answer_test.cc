#include "sources/alpha_vantage_answer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sources/test_alpha_vantage.h"

namespace ticklake::sources {
namespace {

AlphaVantageSpec spec_for(const std::string& function, bool csv = false) {
  AlphaVantageSpec spec{.function = function, .symbols = {"IBM"}, .api_key = kTestKey};
  if (function == "TIME_SERIES_INTRADAY") spec.interval = "60min";
  spec.csv = csv;
  return spec;
}

Answer read(std::string_view body, const std::string& function = "TIME_SERIES_DAILY") {
  return read_answer(spec_for(function), "IBM", "", 200, body);
}

const std::vector<std::string> kFunctions = {
    "TIME_SERIES_INTRADAY", "TIME_SERIES_DAILY",           "TIME_SERIES_DAILY_ADJUSTED",
    "TIME_SERIES_WEEKLY",   "TIME_SERIES_WEEKLY_ADJUSTED", "TIME_SERIES_MONTHLY",
    "TIME_SERIES_MONTHLY_ADJUSTED"};

TEST(AlphaVantageAnswer, JsonAndCsvGiveTheSameBarsOfAllFunctions) {
  io::ManualClock clock(1'767'730'000'000'000);  // 2026-01-06T20:06:40Z
  FakeAlphaVantage service(clock);
  for (const std::string& function : kFunctions) {
    bool intraday = function.ends_with("INTRADAY");
    std::string url = fmt::format("http://x/?function={}&symbol=IBM&apikey={}{}", function,
                                  kTestKey, intraday ? "&interval=60min" : "");
    service.seen.clear();
    auto json = read_answer(spec_for(function), "IBM", "", 200,
                            service.answer({.url = url + "&datatype=json"})->body);
    auto csv = read_answer(spec_for(function, true), "IBM", "", 200,
                           service.answer({.url = url + "&datatype=csv"})->body);
    ASSERT_EQ(json.kind, AnswerKind::Ok) << function << json.message;
    ASSERT_EQ(csv.kind, AnswerKind::Ok) << function << csv.message;
    auto times = service.times(service.seen[0].parameters);
    ASSERT_EQ(json.bars.size(), times.size());
    ASSERT_EQ(csv.bars.size(), times.size());
    EXPECT_TRUE(json.bad.empty() && csv.bad.empty());
    for (size_t i = 0; i < times.size(); ++i) {
      ASSERT_EQ(json.bars[i].exchange_time, times[i]);
      ASSERT_EQ(json.bars[i].json, csv.bars[i].json);
    }
  }
}

TEST(AlphaVantageAnswer, ABarHasItsInstantAndItsDigits) {
  auto answer = read(R"json({"Meta Data":{"2. Symbol":"IBM","5. Time Zone":"US/Eastern"},
    "Time Series (Daily)":{"2026-07-06":{"1. open":"1.5000","2. high":"2","3. low":"0.5",
    "4. close":"1.2500","7. adjusted close":"0.6250","9. volume":"12","8. dividend amount":"0.0",
    "1. split coefficient":"2.0"}}})json", "TIME_SERIES_DAILY_ADJUSTED");
  ASSERT_EQ(answer.bars.size(), 1u) << answer.message;
  EXPECT_EQ(answer.bars[0].json,
            R"({"symbol":"IBM","function":"TIME_SERIES_DAILY_ADJUSTED","interval":"daily",)"
            R"("ts":"2026-07-06T04:00:00Z","exchange_time":"2026-07-06","zone":"US/Eastern",)"
            R"("open":1.5000,"high":2,"low":0.5,"close":1.2500,"adjusted_close":0.6250,)"
            R"("volume":12,"dividend_amount":0.0,"split_coefficient":2.0})");
}

TEST(AlphaVantageAnswer, BadBarsAreKeptAsideWithTheirReasons) {
  auto answer = read(R"json({"Time Series (Daily)":{
    "2026-01-05":{"1. open":"1","2. high":"1","3. low":"1","4. close":"None","5. volume":"1"},
    "2026-01-06":{"1. open":"1","2. high":"1","3. low":"1","4. close":"1"},
    "2026-01-07":{"1. open":"1","2. high":"1","3. low":"1","4. close":"1","5. volume":"1"},
    "2026-01-08":7,
    "yesterday":{"1. open":"1","2. high":"1","3. low":"1","4. close":"1","5. volume":"1"},
    "2026-01-09":{"1. open":"NaN","2. high":"1","3. low":"1","4. close":"1","5. volume":"1"}
    }})json");
  EXPECT_EQ(answer.kind, AnswerKind::Ok);
  ASSERT_EQ(answer.bars.size(), 1u);
  EXPECT_EQ(answer.bars[0].exchange_time, "2026-01-07");
  ASSERT_EQ(answer.bad.size(), 5u);
  EXPECT_EQ(answer.bad[0].reason, "close: not a number: \"None\"");
  EXPECT_EQ(answer.bad[1].reason, "volume: missing");
  EXPECT_EQ(answer.bad[2].reason, "open: missing");
  EXPECT_EQ(answer.bad[3].reason, "open: not a finite number");
  EXPECT_EQ(answer.bad[4].reason, "not a time such as 2026-01-05 16:00:00");
  auto csv = read_answer(spec_for("TIME_SERIES_DAILY", true), "IBM", "", 200,
                         "timestamp,open,high,low,close,volume\n2026-01-06,1,1,1\n"
                         "2026-01-05,1,1,1,1,9\n");
  ASSERT_EQ(csv.bad.size(), 1u);
  EXPECT_EQ(csv.bad[0].raw, "2026-01-06,1,1,1");
  EXPECT_EQ(csv.bars.size(), 1u);
}

TEST(AlphaVantageAnswer, EveryErrorShapeHasItsClass) {
  auto kind = [](std::string_view body) { return to_word(read(body).kind); };
  auto said = [](const char* key, const char* text) {
    return to_word(read(fmt::format("{{\"{}\":\"{}\"}}", key, text)).kind);
  };
  EXPECT_EQ(said("Note", "Our standard API call frequency is 5 calls per minute and 500 calls per "
                         "day. Visit /premium/ for more."),
            "rate_limited");
  EXPECT_EQ(said("Information", "Please consider spreading out your free API requests more "
                                "sparingly. Subscribe to a premium plan to lift the free key rate "
                                "limit (25 requests per day) and unlock all premium endpoints"),
            "rate_limited");
  EXPECT_EQ(said("Information", "Burst pattern detected (1 request per second)"), "rate_limited");
  EXPECT_EQ(said("Information", "We have detected your API key as S3CRETKEY0123456 and our "
                                "standard API rate limit is 25 requests per day. Please subscribe "
                                "to a premium plan to remove all daily rate limits."),
            "day_used_up");
  EXPECT_EQ(said("Information", "This is a premium endpoint. You may subscribe to any of the "
                                "premium plans to instantly unlock all premium endpoints"),
            "premium");
  EXPECT_EQ(said("Information", "The outputsize=full parameter value is a premium feature for this "
                                "endpoint; free: 25 requests per day"),
            "premium");
  EXPECT_EQ(said("Error Message", "the parameter apikey is invalid or missing. Please claim your "
                                  "free API key"),
            "bad_key");
  EXPECT_EQ(said("Information", "The demo API key is for demo purposes only. Claim your API key"),
            "bad_key");
  EXPECT_EQ(said("Error Message", "Invalid API call. Please retry or visit the documentation"),
            "bad_request");
  EXPECT_EQ(said("Something", "else"), "bad_request");
  EXPECT_EQ(kind("{}"), "empty");
  EXPECT_EQ(kind(""), "empty");
  EXPECT_EQ(kind("{\"Time Series (Daily)\":{}}"), "empty");
  for (const char* body :
       {"<html>down</html>", "{\"Time Series (Daily)\":{\"2026-01-05\":{\"1. op", "[1,2]", "null",
        "{\"Time Series (Daily)\":7}", "\xff\xfe", "{\"a\":{}}",
        "{\"Meta Data\":{\"2. Symbol\":\"GOOG\"},\"Time Series (Daily)\":{}}",
        "{\"Meta Data\":{\"5. Time Zone\":\"Mars\"},\"Time Series (Daily)\":{}}"}) {
    EXPECT_EQ(kind(body), "garbage") << body;
  }
  auto csv = [](std::string_view body) {
    return to_word(read_answer(spec_for("TIME_SERIES_DAILY", true), "IBM", "", 200, body).kind);
  };
  EXPECT_EQ(csv("{\"Note\": \"call frequency\"}"), "rate_limited");
  EXPECT_EQ(csv("timestamp,open,high,low,close,volume\r\n"), "empty");
  EXPECT_EQ(csv("timestamp,open,high,low,close,volume\r\n2026-01-05,1,1,1,1,12"), "garbage");
  EXPECT_EQ(csv("when,open,high,low,close,volume\n"), "garbage");
  EXPECT_EQ(csv("timestamp,open\n"), "garbage");
  auto status = [](int code) {
    return to_word(read_answer(spec_for("TIME_SERIES_DAILY"), "IBM", "", code, "{}").kind);
  };
  EXPECT_EQ(status(500), "server_error");
  EXPECT_EQ(status(503), "server_error");
  EXPECT_EQ(status(429), "rate_limited");
  EXPECT_EQ(status(403), "bad_key");
  EXPECT_EQ(status(404), "bad_request");
  EXPECT_EQ(status(302), "bad_request");
}

TEST(AlphaVantageAnswer, BarsOfAnotherIntervalOrMonthAreGarbage) {
  auto hours = spec_for("TIME_SERIES_INTRADAY");
  std::string head = "{\"Meta Data\":{\"4. Interval\":\"5min\"},";
  std::string bars = "\"Time Series (60min)\":{\"2026-01-05 10:00:00\":{\"1. open\":\"1\","
                     "\"2. high\":\"1\",\"3. low\":\"1\",\"4. close\":\"1\",\"5. volume\":\"1\"}}}";
  auto other = read_answer(hours, "IBM", "", 200, head + bars);
  EXPECT_EQ(other.kind, AnswerKind::Garbage);
  EXPECT_EQ(other.message, "the answer has bars of 5min, not 60min");
  EXPECT_EQ(read_answer(hours, "IBM", "2026-01", 200, "{" + bars).bars.size(), 1u);
  auto csv = spec_for("TIME_SERIES_INTRADAY", true);
  std::string lines = "timestamp,open,high,low,close,volume\n2026-01-05 10:00:00,1,1,1,1,1\n";
  EXPECT_EQ(read_answer(csv, "IBM", "2026-01", 200, lines).kind, AnswerKind::Ok);
  for (const auto& late : {read_answer(hours, "IBM", "2025-11", 200, "{" + bars),
                           read_answer(csv, "IBM", "2025-11", 200, lines)}) {
    EXPECT_EQ(late.kind, AnswerKind::Garbage);
    EXPECT_TRUE(late.bars.empty());
    EXPECT_EQ(late.message, "the answer has bars of 2026-01-05 10:00:00, none of 2025-11");
  }
}

TEST(AlphaVantageAnswer, TheKeyIsTakenOut) {
  auto answer = read(fmt::format("{{\"Information\":\"key {} is not premium\"}}", kTestKey));
  EXPECT_EQ(answer.message, "key *** is not premium");
  EXPECT_EQ(without_key("a=KEY1&b=KEY1KEY1", "KEY1"), "a=***&b=******");
  auto bad = read(fmt::format("{{\"Time Series (Daily)\":{{\"{0}\":{{\"1. open\":\"{0}\"}}}}}}",
                              kTestKey));
  ASSERT_EQ(bad.bad.size(), 1u);
  EXPECT_EQ(bad.bad[0].raw.find(kTestKey), std::string::npos);
}

TEST(AlphaVantageAnswer, WordsAndKindsGoBothWays) {
  for (int i = 0; i <= static_cast<int>(AnswerKind::ServerError); ++i) {
    auto kind = static_cast<AnswerKind>(i);
    EXPECT_EQ(to_answer_kind(to_word(kind)), kind);
  }
}

}  // namespace
}  // namespace ticklake::sources
