#include "broker/kafka_client.h"

#include <gtest/gtest.h>

namespace ticklake::broker {
namespace {

using std::chrono::seconds;

const char* const kRefused =
    "sasl_ssl://host:9093/bootstrap: SASL authentication error: Authentication failed";
const char* const kAway = "host:9093/bootstrap: Connect to ipv4#127.0.0.1:9093 failed: refused";

TEST(KafkaNews, AMinuteOfNothingButRefusedLoginsLocksOut) {
  KafkaNews news;
  KafkaNews::Time start{};
  EXPECT_FALSE(news.is_locked_out(start + seconds(1000)));
  news.problem(kRefused, start);
  news.problem("host:9093/1: Disconnected", start + seconds(10));
  news.problem(kRefused, start + seconds(40));
  EXPECT_FALSE(news.is_locked_out(start + seconds(59)));
  EXPECT_TRUE(news.is_locked_out(start + seconds(60)));
}

TEST(KafkaNews, AnAnswerOrAnOutageBeginsTheMinuteAnew) {
  for (bool is_outage : {false, true}) {
    KafkaNews news;
    KafkaNews::Time start{};
    news.problem(kRefused, start);
    is_outage ? news.problem(kAway, start + seconds(30)) : news.answered();
    EXPECT_FALSE(news.is_locked_out(start + seconds(100)));
    news.problem(kRefused, start + seconds(100));
    EXPECT_FALSE(news.is_locked_out(start + seconds(159)));
    EXPECT_TRUE(news.is_locked_out(start + seconds(160)));
  }
}

}  // namespace
}  // namespace ticklake::broker
