// What needs no broker, or one that is not there.
#include <gtest/gtest.h>

#include <chrono>

#include "broker/broker.h"

namespace ticklake::broker {
namespace {

TEST(KafkaTest, ABrokerThatDoesNotAnswerIsNamed) {
  io::SystemClock clock;
  auto start = std::chrono::steady_clock::now();
  auto opened = open("127.0.0.1:1", "", {}, clock);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::Unavailable);
  const std::string& message = opened.error().message;
  EXPECT_NE(message.find("no Kafka broker answers at 127.0.0.1:1 ("), std::string::npos) << message;
  EXPECT_NE(message.find("Connection refused"), std::string::npos) << message;
}

TEST(KafkaTest, SettingsAreChecked) {
  io::SystemClock clock;
  auto unknown = open("127.0.0.1:1", "", {{"fetch.wait.maximum", "1"}}, clock);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::Invalid);
  EXPECT_NE(unknown.error().message.find("fetch.wait.maximum"), std::string::npos);
  auto ours = open("127.0.0.1:1", "", {{"enable.auto.commit", "true"}}, clock);
  ASSERT_FALSE(ours);
  EXPECT_EQ(ours.error().code, Code::Invalid);
}

}  // namespace
}  // namespace ticklake::broker
