#include <arrow/array.h>
#include <gtest/gtest.h>

#include "query/fixture.h"
#include "query/series.h"

namespace ticklake::query {
namespace {

class MarketFunctionsTest : public QueryFixture {};

constexpr const char* kEma =
    "SELECT ticklake_ema(ticklake_statement(), ticklake_ema_rows(ticklake_statement(), x "
    "ORDER BY t, ticklake_tie(x)) OVER w, row_number() OVER (PARTITION BY s ORDER BY t, "
    "ticklake_tie(x)), 2::DOUBLE) AS e FROM ticklake_input('i0') "
    "WINDOW w AS (PARTITION BY s ORDER BY t, ticklake_tie(x) "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) ORDER BY s, t";

TEST_F(MarketFunctionsTest, AStatementRunsOnOtherRowsEachTime) {
  auto prepared = prepare(over_batch(kEma, "e DOUBLE", "s INT, t INT, x DOUBLE"));
  ASSERT_TRUE(prepared);
  auto schema = schema_of("s INT, t INT, x DOUBLE");
  auto expect = [&](const BatchPtr& rows, const char* expected) {
    auto got = prepared->run({rows});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(text_of(got->batches), text_of({batch_of(schema_of("e DOUBLE"), {expected})}));
  };
  auto rows = batch_of(schema, {"[1, 1, 2, 1, 2]", "[3, 1, 1, 2, 2]", "[9, 1, 7, 2, null]"});
  expect(rows, "[null, 1.5, 6.5, null, null]");
  expect(rows->Slice(0, 2), "[null, 5]");
  expect(rows, "[null, 1.5, 6.5, null, null]");
}

TEST_F(MarketFunctionsTest, MoreRowsThanMemoryAreAnErrorThatLeavesNothingBehind) {
  open({.threads = 2, .memory_bytes_max = 64 << 20});
  // DuckDB's own memory is free again after each level, the series are not.
  std::string rows_of_all = "SELECT i, i::DOUBLE AS x FROM range(100000) t(i)";
  for (int level = 0; level < 12; ++level) {
    rows_of_all = R"(SELECT i, ticklake_ema(ticklake_statement(), ticklake_ema_rows(
        ticklake_statement(), x ORDER BY i, ticklake_tie(x)) OVER (ORDER BY i ROWS BETWEEN
        UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), row_number() OVER (ORDER BY i),
        2::DOUBLE) AS x FROM ()" +
                  rows_of_all + ")";
  }
  auto error = error_of(("SELECT count(x) AS n FROM (" + rows_of_all + ")").c_str(), "n BIGINT");
  EXPECT_EQ(error.code, Code::Unavailable);
  EXPECT_EQ(error.message,
            "the rows of ema() take more than 16 MiB of memory; ask for fewer of them with WHERE, "
            "or for candles in place of ticks");
  auto rows = batch_of(schema_of("s INT, t INT, x DOUBLE"), {"[1, 1]", "[1, 2]", "[3, 4]"});
  auto after = answer(over_batch(kEma, "e DOUBLE", "s INT, t INT, x DOUBLE"), {rows});
  EXPECT_EQ(text_of(after.batches), text_of({batch_of(schema_of("e DOUBLE"), {"[null, 3.5]"})}));
}

TEST(Series, AreWorkedOutOncePerIndicatorAndParameters) {
  SeriesSet set(100);
  EXPECT_TRUE(set.reserve(60));
  EXPECT_TRUE(set.reserve(40));
  EXPECT_FALSE(set.reserve(1));
  auto series = set.find(set.add({1, 2, 3}));
  ASSERT_TRUE(series);
  const Indicator& sma = *find_indicator("sma");
  const double two[] = {2}, one[] = {1};
  auto values = series->values(sma, two);
  EXPECT_EQ(values, series->values(sma, two));
  EXPECT_NE(values, series->values(sma, one));
  EXPECT_NE(values, series->values(*find_indicator("ema"), two));
  EXPECT_EQ(values->at(2), 2.5);
  EXPECT_FALSE(set.find(1));
  EXPECT_FALSE(set.find(-1));
  set.clear();
  EXPECT_FALSE(set.find(0));
  EXPECT_TRUE(set.reserve(100));
}

}  // namespace
}  // namespace ticklake::query
