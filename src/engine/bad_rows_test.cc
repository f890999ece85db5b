// Rows that raise errors among many, and rows that need no SQL.
#include <fmt/format.h>

#include "test_support.h"

namespace ticklake::engine {
namespace {

const std::string kRead = R"( FROM STREAM read_kafka(bootstrapServers => 'embedded',
                       subscribe => 't', startingOffsets => 'earliest'))";

TEST(BadRows, EachIsFoundAmongManyAndTheOthersAreKept) {
  // The filter leaves few rows of each chunk, so DuckDB gathers them before it computes the rest.
  Box box(
      "CREATE STREAMING TABLE s TBLPROPERTIES ('ticklake.quarantine' = 'errors') AS "
      "SELECT offset, 100 / CAST(CAST(value AS STRING) AS INT) AS x" +
          kRead + " WHERE offset % 5 <> 0;",
      "ticklake.maxRowsPerStep: '10000'");
  box.create_topic("t", 2);
  std::vector<std::string> good, bad;
  for (int32_t partition : {0, 1}) {
    std::vector<std::string> values;
    for (int64_t i = 0; i < 1'500; ++i) {
      bool zero = i % 3 == 0, text = i % 97 == 1;
      values.push_back(zero ? "0" : text ? "many" : "4");
      if (i % 5 == 0) continue;
      if (zero || text) {
        bad.push_back(fmt::format("{}/{}", partition, i));
      } else {
        good.push_back(fmt::format(R"({{"offset":{},"x":25.0}})", i));
      }
    }
    box.produce("t", partition, values);
  }
  auto status = box.run_once();
  ASSERT_EQ(box.problem, "");
  std::sort(good.begin(), good.end());
  EXPECT_EQ(box.rows("s"), good);
  EXPECT_EQ(status_of(status, "s").rows_quarantined, static_cast<int64_t>(bad.size()));
  auto aside = box.rows("s__quarantine");
  ASSERT_EQ(aside.size(), bad.size());
  auto with = [&aside](std::string_view words) {
    return std::count_if(aside.begin(), aside.end(),
                         [&](const auto& row) { return row.find(words) != std::string::npos; });
  };
  EXPECT_EQ(with("DIVIDE_BY_ZERO") + with("CAST_INVALID_INPUT"), std::ssize(bad));
  EXPECT_EQ(with("many"), with("CAST_INVALID_INPUT"));
  EXPECT_GT(with("many"), 10);
}

TEST(BadRows, TheFirstIsNamedWhereTheFlowStops) {
  Box box("CREATE STREAMING TABLE s AS SELECT 100 / (offset - 700) AS x" + kRead + ";");
  box.create_topic("t", 1);
  box.produce("t", 0, std::vector<std::string>(1'000, "x"));
  box.run_once();
  EXPECT_NE(box.problem.find("offset 700)"), std::string::npos) << box.problem;
}

TEST(PickedRows, AreThoseThatSqlMakes) {
  Box box(
      "CREATE STREAMING TABLE picked AS SELECT CAST(value AS STRING) AS raw, partition, offset" +
      kRead +
      ";CREATE STREAMING TABLE made AS SELECT concat(CAST(value AS STRING), '') AS raw, "
      "partition, offset" +
      kRead + ";CREATE STREAMING TABLE again AS SELECT offset AS o, raw AS r FROM STREAM picked;");
  box.create_topic("t", 2);
  box.produce("t", 0, {"a", "", "caf\xC3\xA9", "plain"});
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("picked").size(), 4u);
  EXPECT_EQ(box.rows("picked"), box.rows("made"));
  box.produce("t", 1, {"good", "caf\xC3", "\xFF\xFE", "more"});  // not UTF-8
  box.run_once();
  ASSERT_EQ(box.problem, "");
  EXPECT_EQ(box.rows("picked").size(), 8u);
  EXPECT_EQ(box.rows("picked"), box.rows("made"));
  EXPECT_EQ(box.rows("again").size(), 8u);
}

}  // namespace
}  // namespace ticklake::engine
