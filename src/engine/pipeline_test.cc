// Whole pipelines over the embedded log: straight, and dropped and reopened after every step.
#include <fmt/format.h>

#include "base/time.h"
#include "test_support.h"

namespace ticklake::engine {
namespace {

const char* const kMedallion = R"(
CREATE OR REFRESH STREAMING TABLE bronze AS
SELECT CAST(value AS STRING) AS raw, partition, offset, timestamp AS kafka_ts
FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'ticks',
                       startingOffsets => 'earliest');

CREATE OR REFRESH STREAMING TABLE silver (
  CONSTRAINT known_symbol EXPECT (symbol IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT small EXPECT (size < 1000)
) AS
SELECT upper(trim(t.symbol)) AS symbol, t.ts, t.price, t.size, t.seq
FROM (SELECT from_json(raw, 'symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, seq BIGINT')
             AS t
      FROM STREAM bronze)
WHERE t.price > 0;

CREATE OR REFRESH STREAMING TABLE gold AS
SELECT symbol, window.start AS minute,
       min_by(price, struct(ts, seq)) AS open, max(price) AS high, min(price) AS low,
       max_by(price, struct(ts, seq)) AS close, sum(size) AS volume, count(*) AS n
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS s
GROUP BY window(ts, '1 minute'), symbol;

CREATE OR REFRESH MATERIALIZED VIEW daily AS
SELECT symbol, sum(size) AS volume, count(*) AS n FROM silver GROUP BY symbol;
)";

constexpr int64_t kStart = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z

std::string tick(const std::string& symbol, int64_t second, double price, int64_t size,
                 int64_t seq) {
  return fmt::format(R"({{"symbol":"{}","ts":"{}","price":{},"size":{},"seq":{}}})", symbol,
                     format_instant(kStart + second * kMicrosPerSecond), price, size, seq);
}

// Ten minutes of ticks in three partitions, with some disorder and some bad records.
void produce_market(Box& box) {
  box.create_topic("ticks", 3);
  const char* symbols[] = {"ibm", " aapl ", "goog"};
  for (int32_t partition = 0; partition < 3; ++partition) {
    std::vector<std::string> values;
    for (int64_t i = 0; i < 200; ++i) {
      int64_t second = i * 3 - (i % 4 == 0 ? 5 : 0) + 6;
      values.push_back(tick(symbols[partition], second, 100.0 + static_cast<double>(i % 17),
                            i % 50 == 0 ? 5000 : i + 1, i));
      if (i % 40 == 7) values.push_back("{not json");
      if (i % 60 == 9)
        values.push_back(R"({"ts":"2026-01-01T00:00:30Z","price":5,"size":1,"seq":1})");
    }
    box.produce("ticks", partition, values);
  }
}

TEST(Pipeline, RunsTheMedallionOnce) {
  Box box(kMedallion);
  produce_market(box);
  auto status = box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("bronze").size(), 3 * (200 + 5 + 4));
  EXPECT_EQ(box.rows("silver").size(), 600u);
  // The newest event is at 603 s: windows that end by 593 s are out.
  auto gold = box.rows("gold");
  EXPECT_EQ(gold.size(), 3u * 9);
  EXPECT_EQ(std::count_if(gold.begin(), gold.end(),
                          [](auto& row) { return row.find("\"AAPL\"") != std::string::npos; }),
            9);
  EXPECT_EQ(box.rows("daily").size(), 3u);
  const auto& silver = status_of(status, "silver");
  EXPECT_EQ(silver.state, FlowStatus::State::Done);
  EXPECT_EQ(silver.rows_dropped, 12);
  EXPECT_EQ(silver.rows_undecodable, 15);
  ASSERT_EQ(silver.expectations.size(), 2u);
  EXPECT_EQ(silver.expectations[0].failed, 12);
  EXPECT_EQ(silver.expectations[1].failed, 12);
  EXPECT_EQ(status_of(status, "gold").watermark, EventTime(kStart + 593 * kMicrosPerSecond));
  int64_t version = box.version("daily");
  box.run_once();
  EXPECT_EQ(box.problem, "");
  EXPECT_EQ(box.version("daily"), version) << "nothing changed, nothing committed";
  EXPECT_EQ(box.rows("gold"), gold);
}

TEST(Pipeline, GivesTheSameTablesWhenKilledAfterEveryStep) {
  for (const char* step : {"16", "100", "100000"}) {
    std::string configuration = std::string("ticklake.maxRowsPerStep: '") + step + "'";
    Box straight(kMedallion, configuration), killed(kMedallion, configuration);
    produce_market(straight);
    produce_market(killed);
    straight.run_once();
    ASSERT_EQ(straight.problem, "");
    killed.run_once(true);
    ASSERT_EQ(killed.problem, "");
    for (const char* table : {"bronze", "silver", "gold", "daily"}) {
      EXPECT_EQ(straight.rows(table), killed.rows(table)) << table << ", " << step;
      EXPECT_FALSE(straight.rows(table).empty());
    }
  }
}

TEST(Pipeline, GoesOnWhereItStopped) {
  Box box(kMedallion);
  box.create_topic("ticks", 1);
  box.produce("ticks", 0, {tick("a", 0, 1, 1, 1), tick("a", 50, 2, 1, 2)});
  box.run_once();
  EXPECT_TRUE(box.rows("gold").empty());
  box.produce("ticks", 0, {tick("a", 59, 3, 1, 3), tick("a", 70, 4, 1, 4)});
  auto status = box.run_once();
  ASSERT_EQ(box.problem, "");
  ASSERT_EQ(box.rows("gold").size(), 1u);
  EXPECT_NE(box.rows("gold")[0].find("\"n\":3"), std::string::npos) << box.rows("gold")[0];
  box.produce("ticks", 0,
              {tick("a", 58, 9, 1, 5), tick("a", 61, 5, 1, 6), tick("a", 130, 1, 1, 7)});
  status = box.run_once();
  EXPECT_EQ(status_of(status, "gold").rows_late, 1);
  ASSERT_EQ(box.rows("gold").size(), 2u);
  EXPECT_NE(box.rows("gold")[1].find("\"n\":2"), std::string::npos) << box.rows("gold")[1];
}

const char* const kQuarantine = R"(
CREATE STREAMING TABLE bronze AS
SELECT CAST(value AS STRING) AS raw, topic, partition, offset, timestamp AS kafka_ts
FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't',
                       startingOffsets => 'earliest');
CREATE STREAMING TABLE silver (CONSTRAINT positive EXPECT (size > 0) ON VIOLATION DROP ROW)
TBLPROPERTIES ('ticklake.quarantine' = 'undecodable,errors,expectations') AS
SELECT t.symbol, t.size, 100 / t.divisor AS part
FROM (SELECT from_json(raw, 'symbol STRING, size BIGINT, divisor BIGINT') AS t FROM STREAM bronze);
)";

std::vector<std::string> quarantine_records() {
  return {R"({"symbol":"a","size":1,"divisor":2})",   "{broken",
          R"({"symbol":"b","size":1,"divisor":0})",   R"({"symbol":"c","size":0,"divisor":1})",
          R"({"symbol":"d","size":"x","divisor":1})", R"({"symbol":"e","size":5,"divisor":5})"};
}

TEST(Pipeline, KeepsBadRowsAsideWithTheirReasons) {
  Box box(kQuarantine);
  box.create_topic("t", 1);
  box.produce("t", 0, quarantine_records());
  auto status = box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("silver").size(), 2u);
  auto bad = box.rows("silver__quarantine");
  ASSERT_EQ(bad.size(), 4u);
  std::string all = joined(bad, "\n");
  EXPECT_NE(all.find("malformed JSON"), std::string::npos) << all;
  EXPECT_NE(all.find("expectation positive failed: size > 0"), std::string::npos) << all;
  EXPECT_NE(all.find("size:"), std::string::npos) << all;
  EXPECT_NE(all.find("\"topic\":\"t\",\"partition\":0,\"offset\":2"), std::string::npos) << all;
  EXPECT_EQ(status_of(status, "silver").rows_quarantined, 4);
}

TEST(Pipeline, StoresABadRowOnceWhenKilledBetweenQuarantineAndTable) {
  Box box(kQuarantine, "ticklake.maxRowsPerStep: '2'");
  box.create_topic("t", 1);
  for (int i = 0; i < 4; ++i) box.produce("t", 0, quarantine_records());
  int commits = 0;
  box.fault = [&](std::string_view operation,
                  const io::Path& path) -> std::optional<io::MemoryFiles::Fault> {
    bool commit =
        operation == "put_if_absent" && path.find("/silver/_delta_log/") != std::string::npos;
    if (!commit || ++commits % 2 != 0) return {};
    return io::MemoryFiles::Fault{.error = {Code::Unavailable, "the disk is away"}};
  };
  auto status = box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_GT(commits, 2);
  EXPECT_GT(status_of(status, "silver").retries, 0);
  EXPECT_EQ(box.rows("silver").size(), 8u);
  EXPECT_EQ(box.rows("silver__quarantine").size(), 16u);
}

TEST(Pipeline, OpensAFlowWhenTheBrokerThatWentAwayIsBack) {
  Box box(kMedallion);
  produce_market(box);
  box.outages = 20;
  box.run_once();  // somebody waits for its end
  EXPECT_NE(box.problem.find("the broker is away"), std::string::npos) << box.problem;
  box.outages = 20;
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  for (int steps = 0; steps < 2'000 && box.rows("gold").size() < 2; ++steps) {
    auto report = (*pipeline)->step();
    ASSERT_TRUE(report) << report.error().message;
    box.clock.advance_us(100'000);
  }
  EXPECT_EQ(box.outages, 0);
  EXPECT_GE(box.rows("gold").size(), 2u);
}

TEST(Pipeline, GivesUpOnAWindowedTableThatCannotBeWritten) {
  Box box(kMedallion);
  produce_market(box);
  bool made = false;
  box.fault = [&](std::string_view operation,
                  const io::Path& path) -> std::optional<io::MemoryFiles::Fault> {
    bool commit = operation == "put_if_absent" && path.find("/gold/_delta_log/") != path.npos;
    if (!commit) return {};
    if (!std::exchange(made, true)) return {};
    return io::MemoryFiles::Fault{.error = {Code::Unavailable, "the disk is away"}};
  };
  box.run_once();
  EXPECT_NE(box.problem.find("the disk is away"), std::string::npos) << box.problem;
  box.fault = nullptr;
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("gold").size(), 3u * 9);
}

TEST(Pipeline, StoresABadRowOnceThoughTheSourceGrowsBeforeTheFirstCommit) {
  Box box(kQuarantine);
  box.create_topic("t", 1);
  bool kept_aside = false;
  box.fault = [&](std::string_view operation,
                  const io::Path& path) -> std::optional<io::MemoryFiles::Fault> {
    if (operation != "put_if_absent") return {};
    bool first = path.ends_with("/00000000000000000001.json");
    kept_aside |= first && path.find("/silver__quarantine/_delta_log/") != std::string::npos;
    if (!kept_aside || path.find("/silver/_delta_log/") == std::string::npos) return {};
    return io::MemoryFiles::Fault{.error = {Code::Unavailable, "the disk is away"}};
  };
  for (int run = 0; run < 2; ++run) {
    box.produce("t", 0, quarantine_records());
    box.run_once();
    EXPECT_NE(box.problem.find("the disk is away"), std::string::npos) << box.problem;
  }
  EXPECT_EQ(box.rows("bronze").size(), 12u);
  box.fault = nullptr;
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("silver").size(), 4u);
  EXPECT_EQ(box.rows("silver__quarantine").size(), 8u);
}

TEST(Pipeline, RefusesToEmptyAQuarantineThatIsStreamed) {
  Box box(std::string(kQuarantine) +
          "CREATE STREAMING TABLE audit AS SELECT reason FROM STREAM silver__quarantine;");
  box.create_topic("t", 1);
  box.produce("t", 0, quarantine_records());
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("audit").size(), 4u);
  box.run_once(false, {"silver"});
  EXPECT_NE(box.problem.find("--full-refresh ticklake.default.silver,ticklake.default.audit"),
            std::string::npos)
      << box.problem;
  box.run_once(false, {"silver", "audit"});
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("audit").size(), 4u);
}

TEST(Pipeline, RefusesTablesOfAnotherPipelineName) {
  Box box(kMedallion);
  produce_market(box);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto bronze = box.rows("bronze");
  box.set_spec("renamed");
  box.run_once();
  EXPECT_NE(box.problem.find("another pipeline name (box); restore 'name: box' or rebuild it with "
                             "--full-refresh ticklake.default.bronze"),
            std::string::npos)
      << box.problem;
  box.run_once(false, {"all"});
  ASSERT_EQ(box.problem, "");
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("bronze"), bronze);
}

TEST(Pipeline, RecomputesAViewWhoseQueryChanged) {
  std::string sql = kMedallion;
  Box box(sql);
  produce_market(box);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto before = box.rows("daily");
  size_t from = sql.find("FROM silver GROUP");
  ASSERT_NE(from, std::string::npos);
  sql.insert(from + 12, "WHERE seq < 10 ");
  box.set_sql(sql);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_NE(box.rows("daily"), before);
}

TEST(Pipeline, RefusesAnEditedWindowLength) {
  std::string sql = kMedallion;
  Box box(sql);
  produce_market(box);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  size_t length = sql.find("'1 minute'");
  ASSERT_NE(length, std::string::npos);
  sql.replace(length, 10, "'2 minutes'");
  box.set_sql(sql);
  box.run_once();
  EXPECT_NE(box.problem.find("the window was 60 s long and is 120 s long now; rebuild the table "
                             "with --full-refresh ticklake.default.gold"),
            std::string::npos)
      << box.problem;
  box.run_once(false, {"gold"});
  ASSERT_EQ(box.problem, "");
  EXPECT_FALSE(box.rows("gold").empty());
}

TEST(Pipeline, NamesTheRowOfAnAnsiError) {
  Box box(R"(CREATE STREAMING TABLE s AS SELECT 100 / CAST(CAST(value AS STRING) AS BIGINT) AS x
             FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't',
                                    startingOffsets => 'earliest');)");
  box.create_topic("t", 2);
  box.produce("t", 1, {"1", "2", "0", "4"});
  box.run_once();
  EXPECT_NE(box.problem.find("flow ticklake.default.s: "), std::string::npos) << box.problem;
  EXPECT_NE(box.problem.find("topic t, partition 1, offset 2"), std::string::npos) << box.problem;
  EXPECT_NE(box.problem.find("try_"), std::string::npos) << box.problem;
  EXPECT_TRUE(box.rows("s").empty());
}

TEST(Pipeline, StopsAtAnExpectationThatFailsTheUpdate) {
  Box box(
      R"(CREATE STREAMING TABLE s (CONSTRAINT short EXPECT (length(v) < 3) ON VIOLATION FAIL UPDATE)
             AS SELECT CAST(value AS STRING) AS v
             FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't',
                                    startingOffsets => 'earliest');)");
  box.create_topic("t", 1);
  box.produce("t", 0, {"a", "bb", "ccc"});
  box.run_once();
  EXPECT_NE(box.problem.find("expectation short failed"), std::string::npos) << box.problem;
  EXPECT_NE(box.problem.find("offset 2"), std::string::npos) << box.problem;
  EXPECT_TRUE(box.rows("s").empty());
}

TEST(Pipeline, GoesOnWithTheOtherFlowsWhenOneFails) {
  const std::string read = R"( FROM STREAM read_kafka(bootstrapServers => 'embedded',
                       subscribe => 't', startingOffsets => 'earliest');)";
  Box box("CREATE STREAMING TABLE bad AS SELECT 1 / (offset - 3) AS x" + read +
          "CREATE STREAMING TABLE good AS SELECT offset" + read +
          "CREATE MATERIALIZED VIEW sum_bad AS SELECT count(*) AS n FROM bad;"
          "CREATE MATERIALIZED VIEW sum_good AS SELECT count(*) AS n FROM good;");
  box.create_topic("t", 1);
  box.produce("t", 0, {"0", "1", "2", "3"});
  for (int run = 0; run < 2; ++run) {
    auto status = box.run_once();
    EXPECT_NE(box.problem.find("flow ticklake.default.bad: "), std::string::npos) << box.problem;
    EXPECT_EQ(status_of(status, "bad").state, FlowStatus::State::Failed);
    EXPECT_EQ(status_of(status, "good").state, FlowStatus::State::Done);
    EXPECT_EQ(status_of(status, "sum_good").state, FlowStatus::State::Done);
    EXPECT_NE(status_of(status, "sum_bad").state, FlowStatus::State::Done);
    EXPECT_EQ(box.rows("sum_good"), (std::vector<std::string>{R"({"n":4})"}));
    EXPECT_TRUE(box.rows("sum_bad").empty());
  }
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  int problems = 0;
  for (int i = 0; i < 100; ++i) {
    if (i == 50) box.produce("t", 0, {"4"});
    auto report = (*pipeline)->step();
    ASSERT_TRUE(report) << report.error().message;
    if (!report->problem.empty()) ++problems;
    box.clock.advance_us(100'000);
  }
  EXPECT_EQ(problems, 1) << "told once";
  EXPECT_EQ(box.rows("good").size(), 5u);
}

TEST(Pipeline, IsRunByOneProcess) {
  Box box(kQuarantine);
  box.create_topic("t", 1);
  auto first = box.open({});
  ASSERT_TRUE(first) << first.error().message;
  auto second = box.open({});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::Conflict);
  EXPECT_NE(second.error().message.find(fmt::format("process {} runs", ::getpid())),
            std::string::npos);
  *first = nullptr;
  EXPECT_TRUE(box.open({}));
}

TEST(Pipeline, RebuildsATableWhoseStatementChanged) {
  const std::string before = R"(CREATE STREAMING TABLE s AS SELECT CAST(value AS STRING) AS v
    FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't',
                       startingOffsets => 'earliest');
    CREATE STREAMING TABLE next AS SELECT v FROM STREAM s;)";
  Box box(before);
  box.create_topic("t", 1);
  box.produce("t", 0, {"a", "b"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  std::string after = before;
  after.replace(after.find("AS v"), 4, "AS v, offset");
  box.set_sql(after);
  box.run_once();
  EXPECT_NE(box.problem.find("the statement has offset BIGINT, the table does not"),
            std::string::npos)
      << box.problem;
  EXPECT_NE(box.problem.find("--full-refresh ticklake.default.s"), std::string::npos);
  box.run_once(false, {"s"});
  EXPECT_NE(box.problem.find("next streams from it"), std::string::npos) << box.problem;
  box.run_once(false, {"all"});
  EXPECT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("s"),
            (std::vector<std::string>{R"({"v":"a","offset":0})", R"({"v":"b","offset":1})"}));
  EXPECT_EQ(box.rows("next").size(), 2u);
}

TEST(Pipeline, CommitsAtItsPaceWhileLive) {
  Box box(R"(CREATE STREAMING TABLE s AS SELECT CAST(value AS STRING) AS v
    FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't',
                       startingOffsets => 'earliest');)",
          "ticklake.pace: '1 s'");
  box.create_topic("t", 1);
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  auto step = [&] {
    auto report = (*pipeline)->step();
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report ? *report : StepReport{};
  };
  EXPECT_EQ(step().kind, StepReport::Kind::Idle);
  box.clock.advance_us(2'000'000);
  box.produce("t", 0, {"a"});
  box.clock.advance_us(2'000'000);
  EXPECT_EQ(step().version, Version(1)) << "the first rows do not wait";
  box.produce("t", 0, {"b"});
  box.clock.advance_us(999'000);
  auto report = step();
  EXPECT_EQ(report.kind, StepReport::Kind::Idle);
  EXPECT_EQ(report.wait_us, 1'000);
  box.clock.advance_us(1'000);
  EXPECT_EQ(step().version, Version(2));
  EXPECT_EQ(box.rows("s").size(), 2u);
}

TEST(Pipeline, ATableCommitsWithTheOneThatItFollows) {
  Box box(R"(CREATE STREAMING TABLE s AS SELECT CAST(value AS STRING) AS v
    FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't',
                       startingOffsets => 'earliest');
    CREATE STREAMING TABLE next AS SELECT v FROM STREAM s;
    CREATE STREAMING TABLE slow TBLPROPERTIES ('ticklake.pace' = '2 s')
    AS SELECT v FROM STREAM s;)",
          "ticklake.pace: '1 s', ticklake.parallelism: '1'");
  box.create_topic("t", 1);
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  auto settle = [&] {
    for (int i = 0; i < 20; ++i) {
      auto report = (*pipeline)->step();
      ASSERT_TRUE(report) << report.error().message;
      if (report->kind == StepReport::Kind::Idle) return;
    }
    FAIL() << "never idle";
  };
  settle();
  box.produce("t", 0, {"a"});
  for (int i = 0; i < 3; ++i) {
    auto report = (*pipeline)->step();
    ASSERT_TRUE(report) << report.error().message;
    box.clock.advance_us(200'000);  // so that each table has its own moment
  }
  for (const char* table : {"s", "next", "slow"}) EXPECT_EQ(box.rows(table).size(), 1u) << table;
  box.produce("t", 0, {"b"});
  box.clock.advance_us(399'000);
  settle();
  EXPECT_EQ(box.rows("s").size(), 1u);
  box.clock.advance_us(1'000);
  settle();
  EXPECT_EQ(box.rows("s").size(), 2u);
  EXPECT_EQ(box.rows("next").size(), 2u) << "though its last commit is no second ago";
  EXPECT_EQ(box.rows("slow").size(), 1u);
  box.clock.advance_us(1'400'000);
  settle();
  EXPECT_EQ(box.rows("slow").size(), 2u);
}

TEST(Pipeline, RefusesATopicThatWasMadeAnew) {
  Box box(R"(CREATE STREAMING TABLE s AS SELECT CAST(value AS STRING) AS v
    FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't',
                       startingOffsets => 'earliest');)");
  box.create_topic("t", 1);
  box.produce("t", 0, {"a"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  ASSERT_TRUE(box.topics->remove("t"));
  box.create_topic("t", 1);
  box.produce("t", 0, {"b", "c"});
  box.run_once();
  EXPECT_NE(box.problem.find("topic t was made anew"), std::string::npos) << box.problem;
}

TEST(Pipeline, KeepsThePartitionsApartInAPartitionedTable) {
  std::string partitioned = kMedallion;
  size_t columns = partitioned.find(") AS\nSELECT upper");
  ASSERT_NE(columns, std::string::npos);
  partitioned.insert(columns + 1, " PARTITIONED BY (symbol)");
  Box box(partitioned, "ticklake.maxRowsPerStep: '50'"), plain(kMedallion);
  produce_market(box);
  produce_market(plain);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  plain.run_once();
  EXPECT_EQ(box.rows("silver"), plain.rows("silver"));
  EXPECT_EQ(box.rows("gold"), plain.rows("gold"));
}

TEST(Pipeline, RefusesASourceWhoseRowsWereRemoved) {
  Box box(kMedallion);
  box.create_topic("ticks", 1);
  box.produce("ticks", 0, {tick("a", 0, 1, 1, 1)});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto snapshot = delta::open(box.files, box.path("bronze"));
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  delta::Transaction transaction;
  transaction.operation = "DELETE";
  for (const auto& file : snapshot->files()) transaction.removes.push_back({.path = file.path});
  auto removed = delta::commit(box.files, box.clock, *snapshot, std::move(transaction));
  ASSERT_TRUE(removed) << removed.error().message;
  box.run_once();
  EXPECT_NE(box.problem.find(fmt::format("flow ticklake.default.silver: version {} of table "
                                         "ticklake.default.bronze (DELETE) removes",
                                         removed->version().value)),
            std::string::npos)
      << box.problem;
}

TEST(Pipeline, RemembersWhereLatestWas) {
  Box box(R"(CREATE STREAMING TABLE s AS SELECT CAST(value AS STRING) AS v
             FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't');)");
  box.create_topic("t", 2);
  box.produce("t", 0, {"old"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  box.produce("t", 0, {"new"});
  box.produce("t", 1, {"newer"});
  box.run_once();
  EXPECT_EQ(box.rows("s"), (std::vector<std::string>{R"({"v":"new"})", R"({"v":"newer"})"}));
}

TEST(Pipeline, ClosesWindowsThoughAPartitionIsDroppedEntirely) {
  for (bool history : {false, true}) {
    Box box(kMedallion, "ticklake.pace: '100 ms'");
    box.create_topic("ticks", 2);
    auto pipeline = box.open({});
    ASSERT_TRUE(pipeline) << pipeline.error().message;
    auto settle = [&] {
      for (int i = 0; i < 200; ++i) {
        auto report = (*pipeline)->step();
        ASSERT_TRUE(report) << report.error().message;
        box.clock.advance_us(10'000);
        if (report->kind == StepReport::Kind::Idle) return;
      }
      FAIL() << "never idle";
    };
    settle();
    for (int64_t i = 0; i < 10; ++i) {
      box.produce("ticks", 0, {tick("a", i * 30, 5, 1, i)});
      // Silver takes no such price; what comes last makes the partition speak.
      bool speaks = history && i == 1;
      box.produce("ticks", 1, {tick("b", i * 30, speaks ? 5 : -1, 1, i)});
      box.clock.advance_us(1'000'000);
      settle();
    }
    auto gold = box.rows("gold");
    std::string all = joined(gold, "\n");
    EXPECT_EQ(gold.size(), history ? 5u : 4u) << all;
    EXPECT_EQ(all.find("\"B\"") != std::string::npos, history) << all;
  }
}

TEST(Pipeline, TellsTheTimeOfEachBatchAndRefresh) {
  Box box(R"(CREATE STREAMING TABLE s AS SELECT CAST(value AS STRING) AS v, current_timestamp() AS t
             FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 't',
                                    startingOffsets => 'earliest');
             CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n, current_timestamp() AS t FROM s;)",
          "ticklake.refreshInterval: '10 s'");
  box.create_topic("t", 1);
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  auto settle = [&] {
    for (int i = 0; i < 20; ++i) {
      auto report = (*pipeline)->step();
      ASSERT_TRUE(report) << report.error().message;
    }
  };
  box.produce("t", 0, {"a"});
  settle();
  auto view = box.rows("m");
  box.clock.advance_us(60'000'000);
  settle();
  EXPECT_NE(box.rows("m"), view) << "time went on";
  box.produce("t", 0, {"b"});
  settle();
  auto rows = box.rows("s");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_NE(rows[0].substr(rows[0].find("\"t\"")), rows[1].substr(rows[1].find("\"t\"")));
}

TEST(Pipeline, RefreshesAViewAtItsInterval) {
  Box box(kMedallion, "ticklake.refreshInterval: '10 s'");
  box.create_topic("ticks", 1);
  box.produce("ticks", 0, {tick("a", 0, 1, 1, 1)});
  auto pipeline = box.open({});
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  auto settle = [&] {
    for (int i = 0; i < 50; ++i) {
      auto report = (*pipeline)->step();
      ASSERT_TRUE(report) << report.error().message;
      if (report->kind == StepReport::Kind::Idle) box.clock.advance_us(100'000);
    }
  };
  settle();
  ASSERT_EQ(box.rows("daily").size(), 1u);
  int64_t version = box.version("daily");
  box.produce("ticks", 0, {tick("a", 1, 1, 1, 2)});
  settle();
  EXPECT_EQ(box.version("daily"), version) << "too early";
  box.clock.advance_us(10'000'000);
  settle();
  EXPECT_EQ(box.version("daily"), version + 1);
  box.clock.advance_us(60'000'000);
  settle();
  EXPECT_EQ(box.version("daily"), version + 1) << "nothing changed";
}

}  // namespace
}  // namespace ticklake::engine
