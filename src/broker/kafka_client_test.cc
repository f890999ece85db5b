#include "broker/kafka_client.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>

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

constexpr int16_t kListOffsets = 2;  // the protocol's number of the request

// The client then tells no error for the partition, and -1001 as its offset.
TEST(KafkaOffsets, ABrokerThatGoesAwayOnItsAnswerIsAskedAgain) {
  auto host = KafkaClient::make(RD_KAFKA_PRODUCER, {.bootstrap = "127.0.0.1:1", .config = {}}, {});
  ASSERT_TRUE(host) << host.error().message;
  Owned<rd_kafka_mock_cluster_t, rd_kafka_mock_cluster_destroy> mock(
      rd_kafka_mock_cluster_new((*host)->handle(), 2));
  ASSERT_EQ(rd_kafka_mock_topic_create(mock.get(), "t", 4, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  std::string bootstrap = rd_kafka_mock_cluster_bootstraps(mock.get());
  auto client = KafkaClient::make(RD_KAFKA_CONSUMER, {.bootstrap = bootstrap, .config = {}}, {});
  ASSERT_TRUE(client) << client.error().message;
  rd_kafka_mock_push_request_errors(mock.get(), kListOffsets, 3, RD_KAFKA_RESP_ERR__TRANSPORT,
                                    RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TRANSPORT);
  auto ranges = kafka_ranges(**client, "t", 4);
  ASSERT_TRUE(ranges) << ranges.error().message;
  EXPECT_EQ(*ranges, std::vector<OffsetRange>(4));
}

}  // namespace
}  // namespace ticklake::broker
