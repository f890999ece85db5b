// Replays that are killed, and that meet others.
#include <fmt/format.h>

#include "test_support.h"

namespace ticklake::engine {
namespace {

const std::string kRead = R"( FROM STREAM read_kafka(bootstrapServers => 'embedded',
                       subscribe => 't', startingOffsets => 'earliest'))";

std::string table_of(const std::string& expression) {
  return "CREATE STREAMING TABLE s TBLPROPERTIES ('ticklake.quarantine' = 'errors') AS SELECT " +
         expression + " AS x" + kRead + ";";
}
const std::string kStrict = table_of("CAST(CAST(value AS STRING) AS INT)");
const std::string kMended = table_of("CAST(ltrim('ab', CAST(value AS STRING)) AS INT)");

// Five numbers are rows of the table; of the four that are aside kMended makes numbers of three.
void fill(Box& box) {
  box.create_topic("t", 2);
  box.produce("t", 0, {"1", "a2", "3", "b4", "5"});
  box.produce("t", 1, {"6", "c7", "a8", "9"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  ASSERT_EQ(box.rows("s__quarantine").size(), 4u);
}
const std::vector<std::string> kAll = {R"({"x":1})", R"({"x":2})", R"({"x":3})", R"({"x":4})",
                                       R"({"x":5})", R"({"x":6})", R"({"x":8})", R"({"x":9})"};

Result<std::unique_ptr<Replay>> open(Box& box) {
  Project project = TRY(load_project(box.files, box.directory));
  return Replay::open(std::move(project), {.files = box.files, .clock = box.clock}, {.table = "s"});
}

// Up to the end, or that many steps.
Result<ReplayCounts> replay(Box& box, int steps = 100) {
  auto replay = TRY(open(box));
  for (; steps > 0; --steps) {
    if (TRY(replay->step()).kind == StepReport::Kind::Finished) break;
  }
  return replay->counts();
}

TEST(Replay, FailingAtAnyOperationItIsDoneOnceInTheEnd) {
  bool failed = true;
  for (int at = 0; failed; ++at) {
    ASSERT_LT(at, 1'000);
    Box box(kStrict);
    fill(box);
    box.set_sql(kMended);
    for (bool after_effect : {false, true}) {
      int left = at;
      failed = false;
      box.fault = [&](std::string_view, const io::Path&) -> std::optional<io::MemoryFiles::Fault> {
        if (failed || left-- > 0) return {};
        failed = true;
        return io::MemoryFiles::Fault{{Code::Unavailable, "the disk is away"}, after_effect};
      };
      static_cast<void>(replay(box));
      box.fault = {};
      // A run in between changes nothing of it, whatever it merges.
      if (at % 2 == 0) box.run_once();
    }
    auto counts = replay(box);
    ASSERT_TRUE(counts) << counts.error().message;
    ASSERT_EQ(box.rows("s"), kAll) << at;
    ASSERT_EQ(box.rows("s__quarantine").size(), 1u) << at;
  }
}

TEST(Replay, KilledAfterEachStepIsFinishedByARun) {
  for (int steps : {1, 2, 3}) {
    Box box(kStrict);
    fill(box);
    box.set_sql(kMended);
    ASSERT_TRUE(replay(box, steps));
    auto snapshot = delta::open(box.files, box.path("s__quarantine"));
    ASSERT_TRUE(snapshot);
    delta::CompactOptions options{.order = file_order()};
    ASSERT_TRUE(delta::compact(box.files, box.clock, *snapshot, options));
    box.run_once();
    ASSERT_EQ(box.problem, "");
    bool is_added = steps > 1;
    EXPECT_EQ(box.rows("s").size(), is_added ? kAll.size() : 5u);
    EXPECT_EQ(box.rows("s__quarantine").size(), is_added ? 1u : 4u);
    auto counts = replay(box);
    ASSERT_TRUE(counts) << counts.error().message;
    EXPECT_EQ(counts->rows_added, is_added ? 0 : 3);
    EXPECT_EQ(box.rows("s"), kAll);
    EXPECT_EQ(box.rows("s__quarantine").size(), 1u);
  }
}

TEST(Replay, AQueryChangedInBetweenIsTheOneThatCounts) {
  Box box(kStrict);
  fill(box);
  box.set_sql(kMended);
  ASSERT_TRUE(replay(box, 1));
  box.set_sql(kStrict);
  ASSERT_TRUE(replay(box));
  EXPECT_EQ(box.rows("s").size(), 5u);
  EXPECT_EQ(box.rows("s__quarantine").size(), 4u);
  box.set_sql(kMended);
  ASSERT_TRUE(replay(box));
  EXPECT_EQ(box.rows("s"), kAll);
}

TEST(Replay, IsRefusedWhileThePipelineRuns) {
  Box box(kStrict);
  fill(box);
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline);
  auto opened = open(box);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::Conflict);
  EXPECT_NE(opened.error().message.find("runs this project already"), std::string::npos);
}

TEST(Replay, AWindowOverTheTableGoesOnWhereItWas) {
  // Of a row that is replayed the window is out.
  std::string window =
      "CREATE STREAMING TABLE w AS SELECT window.start AS start, count(*) AS n FROM STREAM s "
      "WATERMARK timestamp_seconds(x) AS at DELAY OF INTERVAL 0 SECONDS "
      "GROUP BY window(at, '1 second');";
  Box box(kStrict + window);
  box.create_topic("t", 1);
  box.produce("t", 0, {"1", "a2", "3", "5"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  box.set_sql(kMended + window);
  ASSERT_TRUE(replay(box));
  box.produce("t", 0, {"7", "9"});
  auto status = box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(status_of(status, "w").rows_late, 1);
  EXPECT_EQ(box.rows("w").size(), 4u);  // the last one is open
}

}  // namespace
}  // namespace ticklake::engine
