// Maintenance as part of a run: what flows make of tables that are merged, vacuumed and cleaned
// under them.
#include "health.h"

#include <fmt/format.h>

#include "base/time.h"
#include "partition_tag.h"
#include "test_support.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kStart = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z

std::string pipeline(const std::string& properties) {
  return fmt::format(R"(
CREATE OR REFRESH STREAMING TABLE bronze TBLPROPERTIES ({0}) AS
SELECT CAST(value AS STRING) AS raw, offset
FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'ticks',
                       startingOffsets => 'earliest');

CREATE OR REFRESH STREAMING TABLE silver TBLPROPERTIES ({0}) AS
SELECT t.ts, t.n FROM (SELECT from_json(raw, 'ts TIMESTAMP, n BIGINT') AS t FROM STREAM bronze);

CREATE OR REFRESH STREAMING TABLE gold AS
SELECT window.start AS minute, sum(n) AS total, count(*) AS rows, min(n) AS first
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS s
GROUP BY window(ts, '1 minute');

CREATE OR REFRESH MATERIALIZED VIEW sums AS SELECT count(*) AS rows, sum(n) AS n FROM silver;
)",
                     properties);
}

constexpr const char* kEager =
    "'ticklake.autoCompact.minNumFiles' = '4', 'ticklake.maxRowsPerStep' = '5'";

void produce(Box& box, int64_t from, int64_t to) {
  for (int32_t partition = 0; partition < 2; ++partition) {
    std::vector<std::string> values;
    for (int64_t i = from; i < to; ++i) {
      values.push_back(fmt::format(R"({{"ts":"{}","n":{}}})",
                                   format_instant(kStart + (i * 4 + partition) * kMicrosPerSecond),
                                   i * 2 + partition));
    }
    box.produce("ticks", partition, values);
  }
}

delta::Snapshot snapshot_of(Box& box, const std::string& table) {
  auto snapshot = delta::open(box.files, box.path(table));
  EXPECT_TRUE(snapshot) << snapshot.error().message;
  return *std::move(snapshot);
}

// Mission row 11, the part on disk: tables stay healthy while streams go through them.
TEST(Health, TablesStayHealthyUnderStreamsHoweverOftenTheRunEnds) {
  Box plain(
      pipeline("'delta.autoOptimize.autoCompact' = 'false', 'ticklake.maxRowsPerStep' = '5'"));
  plain.create_topic("ticks", 2);
  produce(plain, 0, 100);
  plain.run_once();
  ASSERT_EQ(plain.problem, "");
  EXPECT_GT(snapshot_of(plain, "silver").file_count(), 30);
  for (bool reopen : {false, true}) {
    Box box(pipeline(kEager));
    box.create_topic("ticks", 2);
    for (int64_t part = 0; part < 4; ++part) {
      produce(box, part * 25, part * 25 + 25);
      box.run_once(reopen);
      ASSERT_EQ(box.problem, "");
    }
    for (const char* table : {"bronze", "silver"}) {
      EXPECT_LT(snapshot_of(box, table).file_count(), 10) << table;
    }
    for (const char* table : {"silver", "gold", "sums"}) {
      EXPECT_EQ(box.rows(table), plain.rows(table)) << table << (reopen ? ", reopened" : "");
    }
    EXPECT_EQ(box.version("sums"), 4) << "made, then one version for each part that brought rows";
  }
}

// A flow that first reads a table after it was merged takes each partition's rows in their order.
TEST(Health, MergedFilesTellWhichRowsCameFromWhichPartition) {
  Box box(pipeline(kEager));
  box.create_topic("ticks", 2);
  produce(box, 0, 60);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto gold = box.rows("gold");
  ASSERT_GE(gold.size(), 3u);
  box.run_once(true, {"gold"});
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("gold"), gold);
}

// What another program or a hand has appended to a table of streams.
TEST(Health, AFileWithMoreRowsThanItsTagTellsIsNamed) {
  Box box(pipeline(kEager));
  box.create_topic("ticks", 2);
  produce(box, 0, 20);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto bronze = snapshot_of(box, "bronze");
  auto rows = formats::from_json_lines("{\"raw\":\"{}\"}\n{\"raw\":\"{}\"}\n", bronze.schema());
  ASSERT_TRUE(rows) << rows.error().message;
  auto added = delta::write(box.files, box.clock, bronze, {*rows});
  ASSERT_TRUE(added) << added.error().message;
  (*added)[0].tags[kPartitionsTag] = R"([{"p":0,"rows":1}])";
  std::string path = (*added)[0].path;
  auto done = delta::commit(box.files, box.clock, bronze, {.operation = "WRITE", .adds = *added});
  ASSERT_TRUE(done) << done.error().message;
  box.run_once();
  EXPECT_NE(box.problem.find("file " + path +
                             " of table ticklake.default.bronze has more rows than its tag "
                             "ticklake.partitions tells"),
            std::string::npos)
      << box.problem;
}

TEST(Health, AFileWithoutStatisticsIsNamed) {
  delta::AddFile file;
  file.path = "a.parquet";
  auto rows = rows_told_by(file);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().message,
            "file a.parquet does not tell how many rows it has; write them again with statistics "
            "(numRecords), and remove it");
}

TEST(Health, AReaderThatLagsBehindAVacuumSaysSo) {
  Box box(pipeline(kEager));
  box.create_topic("ticks", 2);
  produce(box, 0, 20);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  // Silver grows without gold: another pipeline's run with a part of the tables.
  auto bronze = snapshot_of(box, "bronze");
  produce(box, 20, 40);
  std::string all = pipeline(kEager);
  box.set_sql(all.substr(0, all.find("CREATE OR REFRESH STREAMING TABLE silver")));
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto merged =
      delta::compact(box.files, box.clock, snapshot_of(box, "bronze"), {.order = file_order()});
  ASSERT_TRUE(merged) << merged.error().message;
  box.clock.advance_us(kMicrosPerSecond);
  auto swept = delta::vacuum(box.files, box.clock, merged->snapshot,
                             {.retention_ms = 0, .allow_shorter = true});
  ASSERT_TRUE(swept) << swept.error().message;
  ASSERT_GT(swept->files, 0);
  box.set_sql(all);
  box.run_once();
  EXPECT_NE(box.problem.find("table ticklake.default.bronze cannot be read any more"),
            std::string::npos)
      << box.problem;
  EXPECT_NE(box.problem.find("--full-refresh"), std::string::npos) << box.problem;
  EXPECT_GT(snapshot_of(box, "bronze").version(), bronze.version());
}

TEST(Health, KnowsTheVersionThatTheSlowestReaderNeeds) {
  Box box(pipeline(kEager));
  box.create_topic("ticks", 2);
  produce(box, 0, 20);
  box.run_once();
  ASSERT_EQ(box.problem, "");
  auto project = load_project(box.files, box.directory);
  ASSERT_TRUE(project);
  auto graph = build_graph(*project, box.clock.now_us());
  ASSERT_TRUE(graph) << graph.error().message;
  Context context{.world = {.files = box.files, .clock = box.clock},
                  .project = *std::move(project),
                  .graph = *std::move(graph),
                  .options = {},
                  .hub = Hub(0),
                  .database = nullptr};
  auto silver = snapshot_of(box, "silver");
  auto needed = needed_from(context, "ticklake.default.silver", silver);
  ASSERT_TRUE(needed && *needed);
  EXPECT_LE(**needed, silver.version() + 1);
  EXPECT_GT(**needed, Version(0));
  auto none = needed_from(context, "ticklake.default.gold", snapshot_of(box, "gold"));
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

}  // namespace
}  // namespace ticklake::engine
