#include <arrow/builder.h>

#include <cmath>

#include "delta/statistics.h"
#include "delta/test_table.h"

namespace ticklake::delta {
namespace {

using namespace testing;
using Op = Condition::Op;

struct Prune : ::testing::Test {
  TestTable t;
  Snapshot with(const std::string& columns, const std::string& json,
                std::vector<std::string> partitions = {}) {
    Schema schema = ddl(columns);
    return ok(t.insert(ok(t.make(schema, std::move(partitions))), {rows(schema, json)}));
  }
  static bool kept(const Snapshot& s, const std::string& column, Op op,
                   const std::string& literal = {}) {
    return may_match(s, s.files()[0], {{column, op, literal}});
  }
};

TEST_F(Prune, ByBoundsOfNumbers) {
  Snapshot s = with("a BIGINT, m DECIMAL(38,2)",
                    R"([{"a":10,"m":"12345678901234567.89"},{"a":20,"m":"12345678901234567.90"}])");
  EXPECT_FALSE(kept(s, "a", Op::Less, "10"));
  EXPECT_TRUE(kept(s, "a", Op::LessEqual, "10"));
  EXPECT_TRUE(kept(s, "A", Op::Equal, "15"));
  EXPECT_FALSE(kept(s, "a", Op::Equal, "21"));
  EXPECT_FALSE(kept(s, "a", Op::Greater, "20"));
  EXPECT_TRUE(kept(s, "a", Op::Greater, "19.5"));
  EXPECT_FALSE(kept(s, "a", Op::GreaterEqual, "20.5"));
  EXPECT_FALSE(kept(s, "m", Op::Less, "12345678901234567.89"));
  EXPECT_TRUE(kept(s, "m", Op::Less, "12345678901234567.895"));
  EXPECT_FALSE(kept(s, "m", Op::Greater, "12345678901234567.9"));
  EXPECT_TRUE(kept(s, "a", Op::Equal, "not a number"));
  EXPECT_TRUE(kept(s, "unknown", Op::Equal, "1"));
}

TEST_F(Prune, ByCountsOfNulls) {
  Snapshot s =
      with("a INT, b INT, c STRING", R"([{"a":1,"b":null,"c":null},{"a":2,"b":null,"c":"x"}])");
  EXPECT_FALSE(kept(s, "a", Op::IsNull));
  EXPECT_TRUE(kept(s, "a", Op::IsNotNull));
  EXPECT_TRUE(kept(s, "b", Op::IsNull));
  EXPECT_FALSE(kept(s, "b", Op::IsNotNull));
  EXPECT_FALSE(kept(s, "b", Op::Less, "5"));
  EXPECT_TRUE(kept(s, "c", Op::IsNull));
  EXPECT_TRUE(kept(s, "c", Op::IsNotNull));
}

TEST_F(Prune, KeepsWhatCutTextsCannotRuleOut) {
  std::string stem(32, 'a');
  Snapshot s = with("t STRING", fmt::format(R"([{{"t":"{}m"}},{{"t":"{}z"}}])", stem, stem));
  EXPECT_TRUE(kept(s, "t", Op::Equal, stem + "q"));
  EXPECT_TRUE(kept(s, "t", Op::Greater, stem + "y"));
  EXPECT_TRUE(kept(s, "t", Op::GreaterEqual, stem + "z"));
  EXPECT_FALSE(kept(s, "t", Op::Greater, "b"));
  EXPECT_FALSE(kept(s, "t", Op::Less, "a"));
  EXPECT_EQ(cut_above("short"), "short");
  EXPECT_EQ(cut_above(stem + "x"), std::string(31, 'a') + "b");
  std::string high;
  for (int i = 0; i < 40; ++i) high += "\xF4\x8F\xBF\xBF";
  EXPECT_EQ(cut_above(high), std::nullopt);
  EXPECT_EQ(cut_above("x" + high), "y");
  std::string before_surrogates = std::string(31, 'a') + "\xED\x9F\xBF" + "z";
  EXPECT_EQ(cut_above(before_surrogates), std::string(31, 'a') + "\xEE\x80\x80");
  std::string umlauts;
  for (int i = 0; i < 33; ++i) umlauts += "ü";
  EXPECT_EQ(cut_below(umlauts).size(), 64u);
}

TEST_F(Prune, KeepsNanAboveAllNumbers) {
  Schema schema = ddl("d DOUBLE");
  arrow::DoubleBuilder builder;
  ASSERT_TRUE(builder.AppendValues({1.0, std::nan(""), 2.0}).ok());
  BatchPtr batch = arrow::RecordBatch::Make(to_arrow(schema), 3, {*builder.Finish()});
  Snapshot s = ok(t.insert(ok(t.make(schema)), {batch}));
  EXPECT_TRUE(kept(s, "d", Op::Greater, "100"));
  EXPECT_TRUE(kept(s, "d", Op::Equal, "NaN"));
  EXPECT_TRUE(kept(s, "d", Op::LessEqual, "NaN"));
  EXPECT_FALSE(kept(s, "d", Op::Less, "1"));
  EXPECT_EQ(s.files()[0].stats.find("NaN"), std::string::npos);
}

// A literal on a FLOAT column may be meant as a float or, as Spark compares with DOUBLE, as a
// double.
TEST_F(Prune, KeepsFloatsWhicheverWayTheLiteralIsRounded) {
  Snapshot s = with("f FLOAT, d DOUBLE", R"([{"f":0.1,"d":-0.0},{"f":-0.1,"d":0.1}])");
  EXPECT_TRUE(kept(s, "f", Op::Less, "-0.1")) << "the float -0.1 is below the double";
  EXPECT_TRUE(kept(s, "f", Op::LessEqual, "-0.1"));
  EXPECT_TRUE(kept(s, "f", Op::Equal, "0.10000000149011612")) << "the float 0.1 as a double";
  EXPECT_TRUE(kept(s, "f", Op::Equal, "-0.1"));
  EXPECT_FALSE(kept(s, "f", Op::Equal, "0.1001"));
  EXPECT_FALSE(kept(s, "f", Op::Less, "-0.1001"));
  EXPECT_TRUE(kept(s, "d", Op::Equal, "0"));
  EXPECT_TRUE(kept(s, "d", Op::LessEqual, "-0.0"));
  EXPECT_FALSE(kept(s, "d", Op::Less, "0"));
  AddFile file = s.files()[0];
  file.stats = R"({"minValues":{"f":-0.10000000149011612},"maxValues":{"f":0.10000000149011612}})";
  EXPECT_TRUE(may_match(s, file, {{"f", Op::Equal, "0.1"}})) << "statistics of another writer";
  EXPECT_TRUE(may_match(s, file, {{"f", Op::Less, "-0.1"}}));
}

TEST_F(Prune, KeepsFloatPartitionsWhicheverWayTheLiteralIsRounded) {
  Snapshot s = with("a INT, f FLOAT", R"([{"a":1,"f":0.1}])", {"f"});
  EXPECT_TRUE(kept(s, "f", Op::Equal, "0.1"));
  EXPECT_TRUE(kept(s, "f", Op::Equal, "0.10000000149011612"));
  EXPECT_TRUE(kept(s, "f", Op::Greater, "0.1"));
  EXPECT_FALSE(kept(s, "f", Op::Greater, "0.2"));
}

TEST_F(Prune, ByBoundsOfBooleans) {
  Snapshot s = with("b BOOLEAN, c BOOLEAN", R"([{"b":true,"c":true},{"b":true,"c":false}])");
  EXPECT_FALSE(kept(s, "b", Op::Equal, "false"));
  EXPECT_TRUE(kept(s, "b", Op::Equal, "true"));
  EXPECT_TRUE(kept(s, "c", Op::Equal, "false"));
  EXPECT_NE(s.files()[0].stats.find(R"("minValues":{"b":true,"c":false})"), std::string::npos);
}

TEST_F(Prune, KnowsThatTimesEndAtMilliseconds) {
  Snapshot s = with("at TIMESTAMP, w TIMESTAMP_NTZ",
                    R"([{"at":1700000000123456,"w":-1},{"at":1700000000123457,"w":-1}])");
  EXPECT_NE(s.files()[0].stats.find(R"("minValues":{"at":"2023-11-14T22:13:20.123Z")"),
            std::string::npos)
      << s.files()[0].stats;
  EXPECT_NE(s.files()[0].stats.find(R"("maxValues":{"at":"2023-11-14T22:13:20.124Z")"),
            std::string::npos)
      << s.files()[0].stats;
  EXPECT_NE(s.files()[0].stats.find(R"("w":"1970-01-01T00:00:00.000"})"), std::string::npos);
  EXPECT_TRUE(kept(s, "at", Op::Equal, "2023-11-14T22:13:20.123457Z"));
  EXPECT_TRUE(kept(s, "at", Op::Greater, "2023-11-14 22:13:20.123456"));
  EXPECT_FALSE(kept(s, "at", Op::Greater, "2023-11-14 22:13:21"));
  EXPECT_FALSE(kept(s, "at", Op::Less, "2023-11-14 22:13:20"));
}

TEST_F(Prune, ByPartitionValues) {
  Snapshot s = with("a INT, p DATE, q STRING", R"([{"a":1,"p":20000,"q":null}])", {"p", "q"});
  EXPECT_TRUE(kept(s, "p", Op::Equal, "2024-10-04"));
  EXPECT_FALSE(kept(s, "p", Op::Less, "2024-10-04"));
  EXPECT_FALSE(kept(s, "p", Op::IsNull));
  EXPECT_TRUE(kept(s, "q", Op::IsNull));
  EXPECT_FALSE(kept(s, "q", Op::Equal, "x"));
  EXPECT_FALSE(kept(s, "q", Op::IsNotNull));
}

TEST_F(Prune, StatisticsHaveTheirForms) {
  Snapshot s = with(
      "b BOOLEAN, x BINARY, m DECIMAL(20,9), d DATE, f DOUBLE, s STRUCT<p: INT>, "
      "ar ARRAY<INT>, last INT",
      R"([{"b":true,"x":"a","m":"0.000000001","d":20000,"f":0.1,"s":{"p":4},
                         "ar":[1],"last":9}])");
  EXPECT_EQ(s.files()[0].stats,
            R"({"numRecords":1,"minValues":{"b":true,"m":0.000000001,"d":"2024-10-04",)"
            R"("f":0.1,"s":{"p":4},"last":9},)"
            R"("maxValues":{"b":true,"m":0.000000001,"d":"2024-10-04","f":0.1,)"
            R"("s":{"p":4},"last":9},"nullCount":{"b":0,"x":0,"m":0,"d":0,"f":0,)"
            R"("s":{"p":0},"last":0}})");
}

TEST_F(Prune, StatisticsThatAreNotJsonKeepTheFile) {
  Snapshot s = with("a INT", R"([{"a":1}])");
  AddFile file = s.files()[0];
  for (const char* stats : {"", "{", "[1]", R"({"minValues":{"a":[5]}})", "null",
                            R"({"minValues":{"a":{"b":7}},"numRecords":"x"})"}) {
    file.stats = stats;
    EXPECT_TRUE(may_match(s, file, {{"a", Op::Less, "0"}})) << stats;
    EXPECT_FALSE(file.records());
  }
}

}  // namespace
}  // namespace ticklake::delta
