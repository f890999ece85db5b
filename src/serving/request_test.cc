#include "request.h"

#include <gtest/gtest.h>

#include "base/time.h"
#include "serving/serving.h"

namespace ticklake::serving {
namespace {

TEST(Target, IsDecoded) {
  auto target = parse_target("/api/v1/candles?symbol=BRK%2EB&interval=5m&q=a+b&empty=#x");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/api/v1/candles");
  EXPECT_EQ(target->parameters.at("symbol"), "BRK.B");
  EXPECT_EQ(target->parameters.at("q"), "a b");
  EXPECT_EQ(target->parameters.at("empty"), "");
}

TEST(Target, IsRefusedWhereItIsNotWellFormed) {
  std::string many = "/?";
  for (int i = 0; i < 17; ++i) many += "a" + std::to_string(i) + "=1&";
  for (const std::string& target :
       {std::string("http://x/"), std::string(""), std::string("/%"), std::string("/%4"),
        std::string("/%zz"), std::string("/?a=%00"), std::string("/?a=%0a"), std::string("/?a=%ff"),
        std::string("/?a=1&a=2"), many}) {
    EXPECT_FALSE(parse_target(target)) << target;
  }
}

RequestHead good() { return {.method = "GET", .target = "/api/v1/symbols", .host = "localhost:1"}; }

TEST(Refused, AnswersItsOwnPagesOnly) {
  EXPECT_FALSE(refused(good()));
  for (const char* host : {"127.0.0.1:8787", "LOCALHOST", "[::1]:80", "127.0.0.1"}) {
    RequestHead head = good();
    head.host = host;
    EXPECT_FALSE(refused(head)) << host;
  }
  for (const char* host : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:1",
                           "[::2]:1", "10.0.0.1:8787"}) {
    RequestHead head = good();
    head.host = host;
    ASSERT_TRUE(refused(head)) << host;
    EXPECT_EQ(refused(head)->status, 421U);
  }
}

TEST(Refused, AnswersNoOtherOrigin) {
  RequestHead head = good();
  head.origin = "http://localhost:1";
  EXPECT_FALSE(refused(head));
  for (const char* origin : {"null", "http://evil.example", "https://localhost:1",
                             "http://localhost:2", "http://localhost:1.evil.example"}) {
    head.origin = origin;
    ASSERT_TRUE(refused(head)) << origin;
    EXPECT_EQ(refused(head)->status, 403U);
  }
  head = good();
  head.fetch_site = "cross-site";
  EXPECT_TRUE(refused(head)) << "an <img> or <script> of another site sends no Origin";
  for (const char* target :
       {"/%61pi/v1/symbols", "/api%2Fv1/symbols", "/metrics", "/m%65trics?a=b"}) {
    head.target = target;
    EXPECT_TRUE(refused(head)) << target;
  }
  head.target = "/";
  EXPECT_FALSE(refused(head)) << "a link to the page may be followed";
}

TEST(Refused, TakesNoOtherMethod) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"}) {
    RequestHead head = good();
    head.method = method;
    ASSERT_TRUE(refused(head)) << method;
    EXPECT_EQ(refused(head)->status, 405U);
    EXPECT_NE(refused(head)->body.find("only GET and HEAD are answered here"), std::string::npos);
  }
}

TEST(Interval, GoesBothWays) {
  for (const char* text : {"1s", "30s", "1m", "15m", "1h", "4h", "1d"}) {
    auto interval = parse_interval(text);
    ASSERT_TRUE(interval) << text;
    EXPECT_EQ(interval_text(*interval), text);
  }
  EXPECT_EQ(parse_interval("60s"), kMicrosPerMinute);
  for (const char* text : {"", "m", "0m", "-1m", "1", "1w", "1.5m", "99999m", "1 m"}) {
    EXPECT_FALSE(parse_interval(text)) << text;
  }
}

TEST(Instant, IsMillisecondsOrIso) {
  EXPECT_EQ(parse_instant("1767225600000"), 1'767'225'600'000'000);
  EXPECT_EQ(parse_instant("2026-01-01T00:00:00Z"), 1'767'225'600'000'000);
  EXPECT_FALSE(parse_instant("9999999999999999999"));
  EXPECT_FALSE(parse_instant("9223372036854775807"));
  EXPECT_FALSE(parse_instant("soon"));
}

TEST(Address, IsOfThisMachine) {
  EXPECT_EQ(parse_address("")->port, 8787);
  EXPECT_EQ(parse_address("9000")->port, 9000);
  EXPECT_EQ(parse_address("127.0.0.1")->port, 8787);
  EXPECT_EQ(parse_address("localhost:0")->host, "127.0.0.1");
  EXPECT_EQ(parse_address("[::1]:81")->host, "::1");
  EXPECT_EQ(parse_address("0.0.0.0:80").error().code, Code::Unsupported);
  EXPECT_EQ(parse_address("example.com").error().code, Code::Unsupported);
  EXPECT_NE(parse_address("0.0.0.0").error().message.find("only this machine"), std::string::npos);
  for (const char* text : {"70000", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

}  // namespace
}  // namespace ticklake::serving
