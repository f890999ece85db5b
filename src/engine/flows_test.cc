// What flows that fill one table share, and what they must not.
#include <fmt/format.h>

#include "source_progress.h"
#include "table_stage.h"
#include "test_support.h"

namespace ticklake::engine {
namespace {

std::string topic(const std::string& name) {
  return fmt::format(
      "STREAM read_kafka(bootstrapServers => 'embedded', subscribe => '{}', startingOffsets => "
      "'earliest')",
      name);
}

std::string select(const std::string& name) {
  return fmt::format("SELECT CAST(value AS STRING) AS v FROM {}", topic(name));
}

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> out;
  for (int i = from; i < to; ++i) out.push_back(fmt::format("{:04}", i));
  return out;
}

std::vector<std::string> rows_of(const std::vector<std::string>& values) {
  std::vector<std::string> out;
  for (const auto& value : values) out.push_back(fmt::format(R"({{"v":"{}"}})", value));
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Flows, OfOneTableMeetNoConflict) {
  Box box("CREATE STREAMING TABLE t; CREATE FLOW f AS INSERT INTO t BY NAME " + select("a") +
              "; CREATE FLOW g AS INSERT INTO t BY NAME " + select("b") + ";",
          "ticklake.maxRowsPerStep: '7'");
  box.create_topic("a", 2);
  box.create_topic("b", 1);
  box.produce("a", 0, numbers(0, 50));
  box.produce("a", 1, numbers(50, 100));
  box.produce("b", 0, numbers(100, 200));
  auto status = box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("t"), rows_of(numbers(0, 200)));
  ASSERT_EQ(status.size(), 2u);
  for (const auto& flow : status) {
    EXPECT_EQ(flow.table, "ticklake.default.t");
    EXPECT_EQ(flow.rows_in, 100);
    EXPECT_EQ(flow.retries, 0);
    EXPECT_GE(flow.commits, 100 / 7);
  }
}

TEST(Flows, TakeTurns) {
  Box box("CREATE STREAMING TABLE t AS " + select("a") + " UNION ALL " + select("b") + ";",
          "ticklake.maxRowsPerStep: '2', ticklake.parallelism: '1'");
  box.create_topic("a", 1);
  box.create_topic("b", 1);
  box.produce("a", 0, numbers(0, 20));
  box.produce("b", 0, numbers(20, 40));
  RunOptions options;
  options.once = true;
  auto pipeline = box.open(options);
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  std::map<std::string, int> works;
  for (int i = 0; i < 6;) {
    auto report = (*pipeline)->step();
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_NE(report->kind, StepReport::Kind::Finished);
    if (report->version) ++i, ++works[report->flow];
  }
  EXPECT_EQ(works["ticklake.default.t[a]"], 3);
  EXPECT_EQ(works["ticklake.default.t[b]"], 3);
}

TEST(Flows, OneThatFailsLeavesTheOthersAlone) {
  Box box("CREATE STREAMING TABLE t; CREATE FLOW good AS INSERT INTO t BY NAME " + select("a") +
          "; CREATE FLOW bad AS INSERT INTO t BY NAME SELECT CAST(CAST(CAST(value AS STRING) AS "
          "INT) AS STRING) AS v FROM " + topic("b") + ";");
  box.create_topic("a", 1);
  box.create_topic("b", 1);
  box.produce("a", 0, {"x"});
  box.produce("b", 0, {"1", "y"});
  auto status = box.run_once();
  EXPECT_NE(box.problem.find("flow ticklake.default.bad"), std::string::npos) << box.problem;
  EXPECT_EQ(box.rows("t"), rows_of({"x"}));
  EXPECT_EQ(status_of(status, "good").state, FlowStatus::State::Done);
  box.set_sql("CREATE STREAMING TABLE t; CREATE FLOW good AS INSERT INTO t BY NAME " + select("a") +
              "; CREATE FLOW bad AS INSERT INTO t BY NAME " + select("b") + ";");
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("t"), rows_of({"1", "x", "y"}));
}

TEST(Flows, OneQueryMayBecomeSeveral) {
  Box box("CREATE STREAMING TABLE t AS " + select("a") + ";");
  for (const char* name : {"a", "b", "c"}) box.create_topic(name, 1);
  box.produce("a", 0, {"a1"});
  box.produce("b", 0, {"b1"});
  box.run_once();
  box.set_sql("CREATE STREAMING TABLE t AS " + select("b") + " UNION ALL " + select("a") + ";");
  box.produce("a", 0, {"a2"});
  box.run_once(true);
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("t"), rows_of({"a1", "a2", "b1"}));
  // Another name in place of one that was read may hold the same rows.
  box.set_sql("CREATE STREAMING TABLE t AS " + select("b") + " UNION ALL " + select("c") + ";");
  box.run_once();
  EXPECT_NE(box.problem.find("this flow has read topic a, which it no longer reads"),
            std::string::npos)
      << box.problem;
  box.set_sql("CREATE STREAMING TABLE t AS " + select("b") + "; CREATE FLOW c AS INSERT INTO t " +
              select("c") + ";");
  box.produce("c", 0, {"c1"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("t"), rows_of({"a1", "a2", "b1", "c1"}));
}

TEST(Flows, AreRefreshedWithTheirTable) {
  std::string table = "CREATE STREAMING TABLE t (v STRING); ";
  std::string f = "CREATE FLOW f AS INSERT INTO t BY NAME " + select("a") + "; ";
  std::string g = "CREATE FLOW g AS INSERT INTO t BY NAME " + select("b") + "; ";
  Box box(table + f + g);
  box.create_topic("a", 1);
  box.create_topic("b", 1);
  box.produce("a", 0, {"a1"});
  box.produce("b", 0, {"b1"});
  box.run_once();
  // A flow that is away while its table is rebuilt begins anew when it comes back.
  box.set_sql(table + f);
  box.run_once(false, {"t"});
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("t"), rows_of({"a1"}));
  box.set_sql(table + f + g);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("t"), rows_of({"a1", "b1"}));
}

TEST(InsertOnce, RunsOnceWhatIsCompleteByThen) {
  Box box("CREATE STREAMING TABLE s AS " + select("a") +
          "; CREATE STREAMING TABLE t; CREATE FLOW f AS INSERT INTO ONCE t BY NAME SELECT v FROM "
          "s;");
  box.create_topic("a", 1);
  box.produce("a", 0, numbers(0, 20));
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  for (int steps = 0; steps < 50; ++steps) {
    auto report = (*pipeline)->step();
    ASSERT_TRUE(report) << report.error().message;
    if (report->kind == StepReport::Kind::Idle) box.clock.advance_us(100'000);
  }
  EXPECT_EQ(box.rows("t"), rows_of(numbers(0, 20)));
  *pipeline = nullptr;
  box.produce("a", 0, {"more"});
  box.run_once(true);
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("t"), rows_of(numbers(0, 20)));
  box.set_sql("CREATE STREAMING TABLE s AS " + select("a") +
              "; CREATE STREAMING TABLE t; CREATE FLOW f AS INSERT INTO t BY NAME SELECT v FROM "
              "STREAM s;");
  box.run_once();
  EXPECT_NE(box.problem.find("made anew"), std::string::npos) << "its rows would come twice";
}

TEST(TableStage, KeepsThePartitionsOfFlowsApart) {
  auto none = [] { return delta::Health({}); };
  TableStage alone(delta::Snapshot(nullptr), none(), {"a"});
  EXPECT_EQ(alone.partition_of("a", Partition(3)), Partition(3));
  TableStage both(delta::Snapshot(nullptr), none(), {"a", "b"});
  EXPECT_NE(both.partition_of("a", Partition(0)), both.partition_of("b", Partition(0)));
  EXPECT_NE(both.partition_of("a", Partition(0)), both.partition_of("a", Partition(1)));
  TableStage three(delta::Snapshot(nullptr), none(), {"a", "b", "c"});
  EXPECT_EQ(three.partition_of("a", Partition(1)), both.partition_of("a", Partition(1)));
}

TEST(TableStage, WaitsForAFlowUntilItIsSilent) {
  TableStage stage(delta::Snapshot(nullptr), delta::Health({}), {"a", "b"});
  Partition b = stage.partition_of("b", Partition(0));
  KnownPartitions own{.all = {Partition(0)}};
  auto told = stage.tell("a", own);
  EXPECT_EQ(told.all.size(), 2u) << "b has not told its partitions yet, one stands for them";
  EXPECT_FALSE(told.idle.contains(b));
  stage.rests("b");
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(stage.tell("a", own).idle.contains(b));
  EXPECT_TRUE(stage.tell("a", own).idle.contains(b));
  stage.tell("b", own);
  EXPECT_FALSE(stage.tell("a", own).idle.contains(b));
  stage.finished("b");
  EXPECT_TRUE(stage.tell("a", own).idle.contains(b));
}

TEST(SourceProgress, TellsASourceMadeAnewFromOneMore) {
  ProgressPlace place{.prefix = "p/t/0/", .sources = {"topic a", "topic b"}};
  Progress stored;
  auto open = [&](const std::string& id, const std::string& name) {
    return SourceProgress::open(place, stored, id, name);
  };
  auto first = open("id1", "topic a");
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->first());
  EXPECT_EQ(first->prefix(), "p/t/0/id1/");
  first->add_name(stored);
  stored["p/t/0/id1/0"] = 7;
  EXPECT_FALSE(open("id1", "topic a")->first());
  auto second = open("id2", "topic b");
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(second->first());
  EXPECT_FALSE(open("id3", "topic a")) << "made anew";
  place.sources = {"topic b"};
  EXPECT_FALSE(open("id2", "topic b")) << "renamed, perhaps";
  EXPECT_TRUE(open("id1", "topic a"));
  stored = {{"p/t/0/id1/0", 7}};
  EXPECT_FALSE(open("id2", "topic b")) << "who knows what id1 was";
  stored = {{"p/t/0/a/b==/0", 7}, {"p/t/0/a/b==/name/topic a", 1}, {"p/t/0/a/b==~2/0", 7}};
  place.sources = {"topic a", "topic b"};
  EXPECT_FALSE(open("a/b==", "topic a")->first()) << "ids are base64";
  EXPECT_TRUE(open("a/", "topic b"));
  EXPECT_FALSE(open("a/", "topic a"));
  stored = {{"p/t/0/id1/0", 7}};
  place.turn = "~2";
  EXPECT_EQ(open("id1", "topic a")->prefix(), "p/t/0/id1~2/");
  EXPECT_TRUE(open("id1", "topic a")->first());
}

}  // namespace
}  // namespace ticklake::engine
