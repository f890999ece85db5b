// Pipelines that several threads step: the same tables as one thread makes, and bounded memory.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/time.h"
#include "limits.h"
#include "test_support.h"

namespace ticklake::engine {
namespace {

const char* const kTwoBranches = R"(
CREATE STREAMING TABLE bronze AS
SELECT CAST(value AS STRING) AS raw, partition, offset
FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'ticks',
                       startingOffsets => 'earliest');

CREATE STREAMING TABLE silver (
  CONSTRAINT even EXPECT (seq % 2 = 0) ON VIOLATION DROP ROW
) TBLPROPERTIES ('ticklake.quarantine' = 'undecodable,expectations') AS
SELECT t.symbol, t.ts, t.price, t.seq
FROM (SELECT from_json(raw, 'symbol STRING, ts TIMESTAMP, price DOUBLE, seq BIGINT') AS t
      FROM STREAM bronze);

CREATE STREAMING TABLE gold AS
SELECT symbol, window.start AS minute, count(*) AS n, max(price) AS high, sum(seq) AS seqs
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS s
GROUP BY window(ts, '1 minute'), symbol;

CREATE STREAMING TABLE lengths AS SELECT partition, length(raw) AS n FROM STREAM bronze;

CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS n FROM gold;
)";

constexpr int64_t kStart = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z

void produce(Box& box) {
  box.create_topic("ticks", 3);
  for (int32_t partition = 0; partition < 3; ++partition) {
    std::vector<std::string> values;
    for (int64_t i = 0; i < 1'000; ++i) {
      values.push_back(fmt::format(R"({{"symbol":"S{}","ts":"{}","price":{},"seq":{}}})", i % 7,
                                   format_instant(kStart + i * kMicrosPerSecond), i % 13, i));
      if (i % 100 == 7) values.push_back("{not json");
    }
    box.produce("ticks", partition, values);
  }
}

// Every thread steps until all is done; the first error, or "".
std::string run_with(Box& box, int threads, std::vector<FlowStatus>* statuses = nullptr) {
  RunOptions options;
  options.once = true;
  auto pipeline = box.open(options);
  if (!pipeline) return pipeline.error().message;
  std::vector<std::string> problems(static_cast<size_t>(threads));
  {
    std::vector<std::jthread> running;
    for (auto& problem : problems) {
      running.emplace_back([&] {
        while (true) {
          auto report = (*pipeline)->step();
          if (!report) problem = report.error().message;
          if (!report || report->kind == StepReport::Kind::Finished) return;
          if (report->kind == StepReport::Kind::Idle || !report->problem.empty()) {
            box.clock.advance_us(10'000);
            std::this_thread::yield();
          }
          (void)(*pipeline)->status();
        }
      });
    }
  }
  if (statuses != nullptr) *statuses = (*pipeline)->status();
  for (const auto& problem : problems) {
    if (!problem.empty()) return problem;
  }
  return "";
}

TEST(Parallel, GivesTheSameTablesWithAnyNumberOfThreads) {
  const char* tables[] = {"bronze", "silver", "silver__quarantine", "gold", "lengths", "total"};
  for (const char* rows_max : {"64", "100000"}) {
    std::string configuration = fmt::format("ticklake.maxRowsPerStep: '{}'", rows_max);
    Box one(kTwoBranches, configuration);
    produce(one);
    std::vector<FlowStatus> alone;
    ASSERT_EQ(run_with(one, 1, &alone), "");
    EXPECT_EQ(one.rows("bronze").size(), 3u * 1'010);
    EXPECT_EQ(one.rows("silver__quarantine").size(), 3u * (500 + 10));
    for (int threads : {2, 3}) {
      Box several(kTwoBranches, configuration);
      produce(several);
      std::vector<FlowStatus> together;
      ASSERT_EQ(run_with(several, threads, &together), "");
      for (const char* table : tables) {
        EXPECT_EQ(several.rows(table), one.rows(table)) << table << ", " << threads << " threads";
      }
      for (size_t i = 0; i < alone.size(); ++i) {
        EXPECT_EQ(together[i].state, FlowStatus::State::Done);
        EXPECT_EQ(together[i].rows_in, alone[i].rows_in) << alone[i].name;
        EXPECT_EQ(together[i].rows_dropped, alone[i].rows_dropped) << alone[i].name;
      }
    }
  }
}

// Each part on a thread of its own.
class Threads final : public Spread {
 public:
  int width() const override { return 3; }
  void each(int count, const std::function<void(int)>& part) override {
    std::vector<std::jthread> running;
    for (int i = 0; i < count; ++i) running.emplace_back([&part, i] { part(i); });
    parts_max = std::max(parts_max, count);
  }

  int parts_max = 0;
};

// 30,000 rows in one batch, of three partitions; some undecodable, some of which none is kept, some
// that raise an error.
void produce_much(Box& box) {
  box.create_topic("ticks", 3);
  for (int32_t partition = 0; partition < 3; ++partition) {
    std::vector<std::string> values;
    for (int64_t i = 0; i < 10'000; ++i) {
      values.push_back(i % 5'003 == 7 ? "{not json"
                                      : fmt::format(R"({{"seq":{},"by":{}}})", i, i % 4'001));
    }
    box.produce("ticks", partition, values);
  }
}

TEST(Parallel, ALargeBatchDoneInPartsGivesTheSameRows) {
  const std::string sql = R"(
CREATE STREAMING TABLE halves (CONSTRAINT odd EXPECT (seq % 2 = 1) ON VIOLATION DROP ROW)
TBLPROPERTIES ('ticklake.quarantine' = 'undecodable,errors,expectations') AS
SELECT t.seq, 1 / t.by AS share, partition, offset
FROM (SELECT from_json(CAST(value AS STRING), 'seq BIGINT, by BIGINT') AS t, partition, offset
      FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'ticks',
                             startingOffsets => 'earliest'))
WHERE t.seq % 3 <> 0;)";
  Threads threads;
  Box one(sql), parts(sql);
  parts.spread = &threads;
  for (Box* box : {&one, &parts}) {
    produce_much(*box);
    box->run_once();
    EXPECT_EQ(box->problem, "");
  }
  EXPECT_EQ(threads.parts_max, 3);
  EXPECT_EQ(one.rows("halves").size(), 9'993u);
  EXPECT_EQ(one.rows("halves__quarantine").size(), 10'008u);
  for (const char* table : {"halves", "halves__quarantine"}) {
    EXPECT_EQ(parts.rows(table), one.rows(table)) << table;
  }
}

TEST(Parallel, OfALargeBatchDoneInPartsTheFirstBadRowIsNamed) {
  const std::string sql = R"(
CREATE STREAMING TABLE shares AS SELECT 1 / (offset % 10000 - 5000) AS share
FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'ticks',
                       startingOffsets => 'earliest');)";
  Threads threads;
  Box box(sql);
  box.spread = &threads;
  produce_much(box);
  box.run_once();
  EXPECT_NE(box.problem.find("partition 0, offset 5000"), std::string::npos) << box.problem;
}

TEST(Parallel, AFailedFlowStopsOnlyWhatReadsIt) {
  const std::string read = R"( FROM STREAM read_kafka(bootstrapServers => 'embedded',
                       subscribe => 'ticks', startingOffsets => 'earliest');)";
  Box box("CREATE STREAMING TABLE bad AS SELECT 1 / (offset - 800) AS x, offset" + read +
              "CREATE STREAMING TABLE good AS SELECT offset" + read +
              "CREATE STREAMING TABLE after_bad AS SELECT offset FROM STREAM bad;"
              "CREATE STREAMING TABLE after_good AS SELECT offset FROM STREAM good;",
          "ticklake.maxRowsPerStep: '300'");
  produce(box);
  std::vector<FlowStatus> statuses;
  std::string problem = run_with(box, 3, &statuses);
  EXPECT_NE(problem.find("flow ticklake.default.bad: "), std::string::npos) << problem;
  EXPECT_EQ(box.rows("after_good").size(), 3u * 1'010);
  EXPECT_FALSE(box.rows("bad").empty());
  EXPECT_EQ(box.rows("after_bad").size(), box.rows("bad").size())
      << "what was there before the failure is taken";
}

TEST(Parallel, AFlowThatFailsForAWhileGoesOn) {
  Box box(kTwoBranches, "ticklake.maxRowsPerStep: '100'");
  produce(box);
  std::atomic<int> writes = 0;
  box.fault = [&](std::string_view operation,
                  const io::Path&) -> std::optional<io::MemoryFiles::Fault> {
    bool fails = operation == "put_if_absent" && ++writes > 20 && writes % 9 == 0;
    if (!fails) return {};
    return io::MemoryFiles::Fault{.error = {Code::Unavailable, "the disk is away"}};
  };
  ASSERT_EQ(run_with(box, 3), "");
  box.fault = {};
  EXPECT_EQ(box.rows("bronze").size(), 3u * 1'010);
  EXPECT_EQ(box.rows("lengths").size(), 3u * 1'010);
  EXPECT_EQ(box.rows("silver").size() + box.rows("silver__quarantine").size(), 3u * 1'010);
}

// Nobody steps the reader, as it waits for its pace: its source must not fill the memory.
TEST(Parallel, AFlowWaitsForThoseWhoReadIt) {
  Box box(R"(
CREATE STREAMING TABLE fast AS SELECT CAST(value AS STRING) AS raw
FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'ticks',
                       startingOffsets => 'earliest');
CREATE STREAMING TABLE slow TBLPROPERTIES ('ticklake.pace' = '1 hour') AS
SELECT length(raw) AS n FROM STREAM fast;
)",
          "ticklake.pace: '100 ms', ticklake.maxRowsPerStep: '64'");
  box.create_topic("ticks", 1);
  const std::string large(512 << 10, 'x');
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  int64_t slow_commits = 0;
  for (int round = 0; round < 12; ++round) {
    box.produce("ticks", 0, std::vector<std::string>(16, large));
    for (int step = 0; step < 20; ++step) {
      auto report = (*pipeline)->step();
      ASSERT_TRUE(report) << report.error().message;
      box.clock.advance_us(50'000);
    }
    auto statuses = (*pipeline)->status();
    slow_commits = status_of(statuses, "slow").commits;
    int64_t ahead = status_of(statuses, "fast").rows_out - status_of(statuses, "slow").rows_out;
    EXPECT_LE(ahead * (512 << 10), kAheadBytesMax + (8 << 20));
  }
  EXPECT_GE(slow_commits, 4) << "a reader with half a batch does not wait for its pace";
  EXPECT_GE(status_of((*pipeline)->status(), "slow").rows_out, 64);
}

}  // namespace
}  // namespace ticklake::engine
