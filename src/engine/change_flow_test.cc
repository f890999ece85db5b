// AUTO CDC through the pipeline: failures anywhere, full refresh, maintenance, untouched files.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>

#include "test_support.h"

namespace ticklake::engine {
namespace {

const std::string kSql = R"(
CREATE OR REFRESH STREAMING TABLE changes AS
SELECT c.k, c.v, c.n, c.op FROM (
  SELECT from_json(CAST(value AS STRING), 'k STRING, v INT, n INT, op STRING') AS c
  FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'changes',
                         startingOffsets => 'earliest'));
CREATE OR REFRESH STREAMING TABLE t
  TBLPROPERTIES ('ticklake.maxRowsPerStep' = '3', 'ticklake.quarantine' = 'errors');
CREATE FLOW f AS AUTO CDC INTO t FROM STREAM(changes) KEYS (k) APPLY AS DELETE WHEN op = 'D'
SEQUENCE BY n COLUMNS (k, v) STORED AS SCD TYPE 2;
CREATE OR REFRESH MATERIALIZED VIEW now AS SELECT k, v FROM t WHERE __END_AT IS NULL;
)";

std::string change(const std::string& key, int value, int n) {
  return fmt::format(R"({{"k":"{}","v":{},"n":{}}})", key, value, n);
}

const std::vector<std::string> kChanges = {change("a", 1, 10), change("b", 1, 10),
                                           change("a", 3, 30), R"({"k":"a","v":9})",
                                           change("a", 2, 20), R"({"k":"b","op":"D","n":15})",
                                           change("b", 2, 12), change("a", 3, 40)};

const std::vector<std::string> kRows = {R"({"k":"a","v":1,"__START_AT":10,"__END_AT":20})",
                                        R"({"k":"a","v":2,"__START_AT":20,"__END_AT":30})",
                                        R"({"k":"a","v":3,"__START_AT":30,"__END_AT":null})",
                                        R"({"k":"b","v":1,"__START_AT":10,"__END_AT":12})",
                                        R"({"k":"b","v":2,"__START_AT":12,"__END_AT":15})"};

TEST(ChangeFlow, RowsFollowFromTheChanges) {
  for (bool reopen : {false, true}) {
    Box box(kSql);
    box.create_topic("changes", 1);
    box.produce("changes", 0, kChanges);
    auto status = box.run_once(reopen);
    EXPECT_EQ(box.problem, "");
    EXPECT_EQ(box.rows("t"), kRows);
    EXPECT_EQ(box.rows("now"), std::vector<std::string>{R"({"k":"a","v":3})"});
    EXPECT_EQ(box.rows("t__cdc").size(), 7u);
    EXPECT_EQ(box.rows("t__quarantine").size(), 1u);
    if (!reopen) {
      EXPECT_EQ(status_of(status, "f").rows_quarantined, 1);
      EXPECT_EQ(status_of(status, "t").rows_in, 7);
    }
    int64_t version = box.version("t");
    box.run_once();
    EXPECT_EQ(box.version("t"), version);
  }
}

// However the changes are spread over flows, batches and time, and wherever the process ends.
TEST(ChangeFlow, FlowsIntoOneTableAreOneHistory) {
  std::string sql = kSql;
  for (const char* name : {"more", "others"}) {
    sql += fmt::format(R"(
CREATE TEMPORARY VIEW {0}_rows AS SELECT c.n, c.op, c.v, c.k AS key FROM (
  SELECT from_json(CAST(value AS STRING), 'k STRING, v INT, n INT, op STRING') AS c
  FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => '{0}',
                         startingOffsets => 'earliest'));
CREATE TEMPORARY VIEW {0}_named AS SELECT key AS K, v, n, op FROM STREAM {0}_rows;
CREATE FLOW {0}_flow AS AUTO CDC INTO t FROM STREAM({0}_named) KEYS (K)
APPLY AS DELETE WHEN op = 'D' SEQUENCE BY n COLUMNS (v, K) STORED AS SCD TYPE 2;
)",
                       name);
  }
  const std::vector<std::string> topics = {"changes", "more", "others"};
  for (uint32_t seed = 0; seed < 12; ++seed) {
    std::mt19937 random(seed);
    Box box(sql);
    for (const auto& topic : topics) box.create_topic(topic, 1);
    auto changes = kChanges;
    std::shuffle(changes.begin(), changes.end(), random);
    for (const auto& one : changes) {
      box.produce(topics[random() % topics.size()], 0, {one});
      if (random() % 3 == 0) box.run_once(random() % 2 == 0);
      ASSERT_EQ(box.problem, "") << seed;
    }
    box.run_once(seed % 2 == 0);
    ASSERT_EQ(box.problem, "") << seed;
    ASSERT_EQ(box.rows("t"), kRows) << seed;
    ASSERT_EQ(box.rows("t__cdc").size(), 7u) << seed;
    ASSERT_EQ(box.rows("t__quarantine").size(), 1u) << seed;
  }
}

// Each operation on the table's folder fails once, with and without having taken effect.
TEST(ChangeFlow, AFailureAnywhereLosesAndDoublesNothing) {
  for (int failing = 0, seen = 1; failing < seen; failing += 3) {
    for (bool after_effect : {false, true}) {
      Box box(kSql);
      box.create_topic("changes", 1);
      box.produce("changes", 0, kChanges);
      int asked = 0;
      box.fault = [&](std::string_view operation,
                      const io::Path& path) -> std::optional<io::MemoryFiles::Fault> {
        bool ours = path.find("/t/") != path.npos && operation != "list";
        if (!ours || asked++ != failing) return {};
        return io::MemoryFiles::Fault{Error{Code::Unavailable, "the disk is away"}, after_effect};
      };
      box.run_once();
      if (box.problem.find("the disk is away") != std::string::npos) box.run_once();
      seen = asked;
      box.fault = {};
      ASSERT_EQ(box.problem, "") << failing;
      ASSERT_EQ(box.rows("t"), kRows) << failing;
    }
  }
}

TEST(ChangeFlow, AFullRefreshMakesTheEventsAnewToo) {
  Box box(kSql);
  box.create_topic("changes", 1);
  box.produce("changes", 0, kChanges);
  box.run_once();
  box.run_once(false, {"t"});
  EXPECT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("t"), kRows);
  EXPECT_EQ(box.rows("t__cdc").size(), 7u);
  EXPECT_EQ(box.rows("t__quarantine").size(), 1u);
}

std::set<std::string> files_of(Box& box) {
  std::set<std::string> out;
  auto snapshot = delta::open(box.files, box.path("t"));
  for (const auto& file : snapshot->files()) out.insert(file.path);
  return out;
}

TEST(ChangeFlow, FilesWithoutChangedRowsStay) {
  Box box(kSql);
  box.create_topic("changes", 1);
  std::set<std::string> before;
  for (int i = 0; i < 5; ++i) {
    box.produce("changes", 0, {change(fmt::format("k{}", i), i, 1)});
    box.run_once();
    std::set<std::string> now = files_of(box);
    EXPECT_EQ(now.size(), before.size() + 1);
    before = now;
  }
  box.produce("changes", 0, {change("k2", 9, 2), change("k0", 0, 5)});
  box.run_once();
  int stayed = 0;
  for (const auto& path : files_of(box)) stayed += before.contains(path) ? 1 : 0;
  EXPECT_EQ(stayed, 4);
  EXPECT_EQ(box.rows("t").size(), 6u);
}

TEST(ChangeFlow, MaintenanceGoesOn) {
  std::string sql = kSql;
  sql.insert(sql.find("'ticklake.maxRowsPerStep'"), "'ticklake.autoCompact.minNumFiles' = '3', ");
  Box box(sql);
  box.create_topic("changes", 1);
  for (int i = 0; i < 8; ++i) {
    box.produce("changes", 0, {change("a", i, i), change(fmt::format("k{}", i), i, i)});
    box.run_once(i % 2 == 0);
    ASSERT_EQ(box.problem, "");
  }
  EXPECT_LT(files_of(box).size(), 5u);
  EXPECT_EQ(box.rows("t").size(), 16u);
  EXPECT_EQ(box.rows("now").size(), 9u);
}

}  // namespace
}  // namespace ticklake::engine
