// What is tried again, how often, and after which pauses.
#include "test_support.h"

namespace ticklake::engine {
namespace {

std::string table_of(const std::string& expression) {
  return "CREATE STREAMING TABLE s AS SELECT " + expression +
         " AS x FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't', "
         "startingOffsets => 'earliest');";
}

// No commit of the table is possible.
io::MemoryFiles::Faults away() {
  return [](std::string_view operation, const io::Path& path) {
    bool commit = operation == "put_if_absent" && path.find("/s/_delta_log/") != std::string::npos;
    using Fault = io::MemoryFiles::Fault;
    return commit ? std::optional(Fault{{Code::Unavailable, "the disk is away"}}) : std::nullopt;
  };
}

// The milliseconds between so many failures, the first not counted.
std::vector<int64_t> pauses(Box& box, Pipeline& pipeline, size_t count) {
  std::vector<int64_t> out;
  int64_t last_us = -1;
  for (int steps = 0; steps < 10'000 && out.size() < count; ++steps) {
    auto report = pipeline.step();
    EXPECT_TRUE(report);
    if (!report) return {};
    int64_t now_us = box.clock.now_us();
    if (!report->problem.empty()) {
      if (last_us >= 0) out.push_back((now_us - last_us) / 1'000);
      last_us = now_us;
    }
    box.clock.advance_us(50'000);
  }
  return out;
}

TEST(Retries, PausesGrowFromATenthOfASecondToTenSeconds) {
  Box box(table_of("offset"));
  box.create_topic("t", 1);
  box.produce("t", 0, {"a"});
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline);
  for (int round = 1; round <= 2; ++round) {
    box.fault = away();
    auto expected = std::vector<int64_t>{100, 200, 400, 800, 1'600, 3'200, 6'400, 10'000, 10'000};
    EXPECT_EQ(pauses(box, **pipeline, expected.size()), expected);
    auto status = (*pipeline)->status()[0];
    EXPECT_EQ(status.state, FlowStatus::State::Retrying);
    EXPECT_EQ(status.retries, 10 * round);
    EXPECT_NE(status.problem.find("the disk is away; trying again in 10000 ms"), std::string::npos)
        << status.problem;
    // A commit ends the row of failures: the next one begins with the shortest pause.
    box.fault = {};
    auto wanted = static_cast<size_t>(round);
    for (int steps = 0; steps < 1'000 && box.rows("s").size() < wanted; ++steps) {
      ASSERT_TRUE((*pipeline)->step());
      box.clock.advance_us(50'000);
    }
    ASSERT_EQ(box.rows("s").size(), wanted);
    EXPECT_EQ((*pipeline)->status()[0].problem, "");
    box.produce("t", 0, {"b"});
  }
}

TEST(Retries, OfARunThatEndsAreEight) {
  Box box(table_of("offset"));
  box.create_topic("t", 1);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  box.produce("t", 0, {"a"});
  box.fault = away();
  auto status = box.run_once();
  EXPECT_NE(box.problem.find("the disk is away"), std::string::npos) << box.problem;
  ASSERT_EQ(status.size(), 1u);
  EXPECT_EQ(status[0].retries, 8);
  EXPECT_EQ(status[0].state, FlowStatus::State::Failed);
  box.fault = {};
  box.run_once();
  EXPECT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("s").size(), 1u);
}

TEST(Retries, WhatIsWrongIsNotTriedAgain) {
  Box box(table_of("CAST(CAST(value AS STRING) AS INT)"));
  box.create_topic("t", 1);
  box.produce("t", 0, {"a"});
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline);
  Result<StepReport> report = StepReport{};
  for (int steps = 0; steps < 100 && report; ++steps) report = (*pipeline)->step();
  ASSERT_FALSE(report);
  auto status = (*pipeline)->status()[0];
  EXPECT_EQ(status.state, FlowStatus::State::Failed);
  EXPECT_EQ(status.retries, 0);
}

}  // namespace
}  // namespace ticklake::engine
