// Joins of a stream with tables: what is read once, what comes first, what is refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "sql/test_statements.h"

namespace ticklake::sql {
namespace {

Catalog catalog() {
  Catalog out;
  out.find = [](const std::vector<std::string>& name) -> std::optional<Relation> {
    std::string last = lowered(name.back());
    if (last == "trades") {
      return Relation{"c.d.trades", *parse_ddl("id INT, symbol STRING, ts TIMESTAMP, raw STRING"),
                      nullptr};
    }
    if (last == "closes") {
      return Relation{"c.d.closes", *parse_ddl("symbol STRING, close DOUBLE, note STRING"),
                      nullptr};
    }
    if (last != "view") return std::nullopt;
    return Relation{"c.d.view", {}, std::make_shared<const Statement>(
        one("CREATE TEMPORARY VIEW view AS SELECT symbol, max(close) AS high FROM closes "
            "GROUP BY symbol"))};
  };
  return out;
}

Result<Plan> planned(const std::string& query) {
  return analyze(one("CREATE STREAMING TABLE x AS " + query), catalog(), {.file = "f.sql"});
}

std::string refused(const std::string& query) {
  auto plan = planned(query);
  return plan ? "accepted" : plan.error().message;
}

TEST(StreamJoin, TheStreamComesFirstAndTablesGiveTheColumnsInUse) {
  for (const char* query :
       {"SELECT s.id, c.close FROM STREAM trades s JOIN closes c ON s.symbol = c.symbol",
        "SELECT s.id, c.close FROM closes c JOIN STREAM trades s USING (symbol)",
        "SELECT s.id, c.close FROM STREAM trades s LEFT JOIN closes c ON s.symbol = c.symbol",
        "SELECT s.id, c.close FROM closes c RIGHT JOIN STREAM trades s USING (symbol)"}) {
    auto plan = planned(query);
    ASSERT_TRUE(plan) << query << ": " << plan.error().message;
    EXPECT_TRUE(plan->streaming && plan->has_row);
    ASSERT_EQ(plan->inputs.size(), 2u);
    EXPECT_TRUE(plan->inputs[0].streaming) << query;
    EXPECT_FALSE(plan->inputs[1].streaming) << query;
    auto columns = plan->inputs[1].columns;
    std::ranges::sort(columns);
    EXPECT_EQ(columns, (std::vector<std::string>{"close", "symbol"})) << query;
    EXPECT_TRUE(plan->inputs[1].query.empty());
    EXPECT_TRUE(plan->duckdb_sql.ends_with("ORDER BY \"__row\"")) << plan->duckdb_sql;
    EXPECT_TRUE(plan->picked.empty());
  }
}

TEST(StreamJoin, SubqueriesAndViewsAreInputsOfTheirOwn) {
  auto plan = planned(
      "SELECT id, high, n FROM STREAM trades s JOIN view v USING (symbol) LEFT JOIN (SELECT symbol "
      "AS k, count(*) AS n FROM closes GROUP BY symbol) c ON k = symbol");
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->inputs.size(), 5u);
  EXPECT_TRUE(plan->inputs[0].streaming);
  int sides = 0, tables = 0;
  for (const auto& input : plan->inputs) {
    if (input.streaming) continue;
    bool is_side = !input.query.empty();
    (is_side ? sides : tables) += 1;
    EXPECT_EQ(is_side, input.table.empty());
    EXPECT_EQ(is_side, input.within.empty());
    bool named = plan->duckdb_sql.find("ticklake_input('" + input.id + "')") != std::string::npos;
    EXPECT_EQ(named, is_side);
  }
  EXPECT_EQ(sides, 2);
  EXPECT_EQ(tables, 2);
  auto semi = planned("SELECT id FROM STREAM trades s LEFT SEMI JOIN view v USING (symbol)");
  ASSERT_TRUE(semi) << semi.error().message;
  EXPECT_EQ(semi->inputs.size(), 3u);
}

TEST(StreamJoin, ConditionsOnWhatAnOuterJoinPadsRuleOutNoFiles) {
  auto conjuncts = [](const std::string& query) {
    auto plan = planned(query);
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? plan->inputs.at(1).conjuncts.size() : 99;
  };
  std::string columns = "SELECT id, close FROM STREAM trades s ";
  EXPECT_EQ(conjuncts(columns + "JOIN closes c ON s.symbol = c.symbol WHERE s.id > 1"), 0u);
  EXPECT_EQ(conjuncts(columns + "JOIN closes c USING (symbol) WHERE note = 'a'"), 1u);
  EXPECT_EQ(conjuncts(columns + "LEFT JOIN closes c USING (symbol) WHERE note = 'a'"), 0u);
}

// DuckDB hashes an outer join by comparisons of the two sides only.
TEST(StreamJoin, AnOpenEndIsACompare) {
  auto text = [](const std::string& on) {
    auto plan = planned("SELECT s.id FROM STREAM trades s LEFT JOIN (SELECT symbol, close AS d, "
                        "CAST(note AS TIMESTAMP) AS b, CAST(note AS DATE) AS e, CAST(note AS INT) "
                        "AS n FROM closes) h ON s.symbol = h.symbol AND " + on);
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? plan->duckdb_sql : "";
  };
  auto compares = [&](const std::string& on) {
    return text(on).find("'infinity'") != std::string::npos ||
           text(on).find("100000000000000000000") != std::string::npos;
  };
  EXPECT_TRUE(compares("s.ts >= h.b AND (h.e IS NULL OR s.ts < h.e)"));
  EXPECT_TRUE(compares("h.b <= s.ts AND (h.e >= s.ts OR h.e IS NULL)"));
  EXPECT_TRUE(compares("s.id > 0 AND (h.n IS NULL OR s.id <= h.n)"));
  // NULL is not before an open end, but `h.b IS NULL` alone is true.
  EXPECT_FALSE(compares("(h.b IS NULL OR s.ts < h.b)"));
  EXPECT_FALSE(compares("s.ts >= h.b AND (h.b IS NULL OR s.ts < h.e)"));
  EXPECT_FALSE(compares("s.ts >= h.b AND (h.e IS NOT NULL OR s.ts < h.e)"));
  EXPECT_FALSE(compares("s.id > 0 AND (h.d IS NULL OR s.id < h.d)"));
  EXPECT_NE(refused("SELECT s.id FROM STREAM trades s JOIN closes h ON s.id > 0 AND (h.close IS "
                    "NULL OR nope < h.close)")
                .find("nope"),
            std::string::npos);
}

// What windows are over is one input, whose rows a statement over the others makes.
TEST(StreamJoin, WindowsAreOverRowsThatAreStored) {
  auto plan = planned(
      "SELECT s.symbol, c.symbol AS other, sum(s.id) AS ids, max(close) AS high FROM STREAM trades "
      "WATERMARK ts DELAY OF INTERVAL 1 SECOND s LEFT JOIN closes c ON s.symbol = c.symbol JOIN "
      "view v ON v.symbol = s.symbol WHERE c.note = 'a' GROUP BY window(s.ts, '1 minute'), 1, 2");
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_TRUE(plan->windowed);
  EXPECT_EQ(plan->windowed->event_time_column, "ts");
  ASSERT_EQ(plan->inputs.size(), 5u);
  const auto& rows = plan->inputs[0];
  EXPECT_TRUE(rows.streaming && rows.table.empty() && rows.within.empty());
  EXPECT_EQ(to_ddl(rows.schema),
            "id INT, symbol STRING, ts TIMESTAMP, c_symbol STRING, close DOUBLE");
  EXPECT_NE(rows.query.find("\"note\" = 'a'"), std::string::npos) << rows.query;
  auto within = [&](const std::string& id) {
    return std::ranges::count(plan->inputs, id, &PlanInput::within);
  };
  EXPECT_EQ(within(rows.id), 3);  // the stream, the table, and the view over the table
  EXPECT_EQ(within(""), 1);
  std::string reads = "ticklake_input('" + rows.id + "')";
  EXPECT_NE(plan->windowed->partial_sql.find(reads), std::string::npos);
  EXPECT_EQ(plan->windowed->partial_sql.find("JOIN"), std::string::npos);
  // USING, a star, and DISTINCT, which is a window of the instant.
  auto distinct = planned(
      "SELECT DISTINCT * FROM STREAM trades WATERMARK ts DELAY OF INTERVAL 1 SECOND JOIN closes "
      "USING (symbol)");
  ASSERT_TRUE(distinct) << distinct.error().message;
  EXPECT_EQ(to_ddl(distinct->inputs[0].schema),
            "id INT, symbol STRING, ts TIMESTAMP, raw STRING, close DOUBLE, note STRING");
  auto merged = planned(
      "SELECT symbol, count(*) AS n FROM closes a FULL JOIN closes b USING (symbol) JOIN STREAM "
      "trades WATERMARK ts DELAY OF INTERVAL 1 SECOND s USING (symbol) GROUP BY window(ts, '1 "
      "minute'), symbol");
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_EQ(to_ddl(merged->inputs[0].schema), "ts TIMESTAMP, symbol_2 STRING");
}

TEST(StreamJoin, WhatAStreamCannotAnswerIsRefused) {
  struct {
    const char* query;
    const char* words;
  } cases[] = {
      {"SELECT id FROM STREAM trades s FULL JOIN closes c USING (symbol)",
       "FULL JOIN keeps the rows of the table that the stream never matches"},
      {"SELECT id FROM STREAM trades s RIGHT JOIN closes c USING (symbol)",
       "as in STREAM s LEFT JOIN t"},
      {"SELECT id FROM closes c LEFT JOIN STREAM trades s USING (symbol)",
       "as in t RIGHT JOIN STREAM s"},
      {"SELECT c.symbol FROM closes c LEFT SEMI JOIN STREAM trades s USING (symbol)",
       "put STREAM on the left"},
      {"SELECT c.symbol FROM closes c LEFT ANTI JOIN STREAM trades s USING (symbol)",
       "put STREAM on the left"},
      {"SELECT s.id FROM STREAM trades s JOIN STREAM closes c USING (symbol)",
       "a join of two streams"},
      {"SELECT s.id FROM STREAM trades s, STREAM closes c", "a join of two streams"},
      {"SELECT c.note, w.n FROM (SELECT symbol, count(*) AS n FROM STREAM trades WATERMARK ts "
       "DELAY OF INTERVAL 1 SECOND GROUP BY window(ts, '1 minute'), symbol) w JOIN closes c USING "
       "(symbol)",
       "rows of windows over a stream are not joined"},
      {"SELECT s.id FROM STREAM trades s, LATERAL (SELECT close FROM closes c WHERE c.symbol = "
       "s.symbol)",
       "LATERAL (SELECT ..) beside a stream"},
      {"SELECT s.id, from_json(c.note, 'a INT') AS n FROM STREAM trades s JOIN closes c USING "
       "(symbol)",
       "decode the payload in a subquery"},
      {"SELECT s.id FROM STREAM trades s JOIN (SELECT NULL AS a, symbol FROM closes) c USING "
       "(symbol)",
       "column a of what the stream is joined with"},
      {"SELECT id FROM STREAM trades WHERE symbol IN (SELECT symbol FROM closes)",
       "write LEFT SEMI JOIN"},
      {"SELECT id, e FROM STREAM trades, LATERAL explode(array(id)) AS v(e)",
       "write LATERAL VIEW"},
  };
  for (const auto& one : cases) {
    EXPECT_NE(refused(one.query).find(one.words), std::string::npos)
        << one.query << "\n  " << refused(one.query);
  }
}

}  // namespace
}  // namespace ticklake::sql
