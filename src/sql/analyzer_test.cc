#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "sql/sql.h"

namespace ticklake::sql {
namespace {

struct World {
  std::map<std::string, Relation> tables;
  Catalog catalog;

  World() {
    add("bronze", "raw STRING, kafka_ts TIMESTAMP, v BINARY");
    add("silver", "symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, seq BIGINT, day DATE");
    add("t", "a INT, b BIGINT, d DECIMAL(10,2), s STRING");
    catalog.find = [this](const std::vector<std::string>& name) -> std::optional<Relation> {
      auto found = tables.find(lowered(name.back()));
      if (found == tables.end()) return std::nullopt;
      return found->second;
    };
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void add(const std::string& name, const std::string& ddl) {
    tables[name] = {"c.d." + name, *parse_ddl(ddl), nullptr};
    catalog.candidates.push_back(name);
  }

  Result<Plan> plan(const std::string& text) {
    auto statements = TRY(parse(text, "f.sql"));
    return analyze(statements.front(), catalog, {.file = "f.sql", .now_us = 1'000'000});
  }
  std::string refusal(const std::string& text) {
    auto made = plan(text);
    return made ? "accepted" : made.error().message;
  }
  std::string types(const std::string& text) {
    auto made = plan(text);
    return made ? to_ddl(made->output) : made.error().message;
  }
  std::string sql(const std::string& text) {
    auto made = plan(text);
    return made ? made->duckdb_sql : made.error().message;
  }
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

size_t times(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Analyzer, LambdasAreTyped) {
  World world;
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT transform(array(a), x -> x + b) AS x FROM t", "x ARRAY<BIGINT>"},
      {"SELECT transform(array(s), (v, i) -> i) AS x FROM t", "x ARRAY<INT>"},
      {"SELECT aggregate(array(d), 0.0D, (total, v) -> total + v) AS x FROM t", "x DOUBLE"},
      {"SELECT transform_values(map(s, a), (k, v) -> struct(k, v)) AS x FROM t",
       "x MAP<STRING, STRUCT<k: STRING, v: INT>>"},
      {"SELECT zip_with(array(a), array(s), (x, y) -> y) AS x FROM t", "x ARRAY<STRING>"},
      {"SELECT filter(array(a), a -> a > 1) AS x, exists(array(a), x -> x IS NULL) AS y FROM t",
       "x ARRAY<INT>, y BOOLEAN"},
  };
  for (const auto& [text, types] : cases) EXPECT_EQ(world.types(text), types) << text;
}

TEST(Analyzer, LambdasAreRefusedWithAReason) {
  World world;
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT transform(array(1), x -> sum(a)) FROM t", "an aggregate cannot stand in a lambda"},
      {"SELECT transform(array(a), x -> row_number() OVER (ORDER BY a)) FROM t",
       "a window function cannot stand in a lambda"},
      {"SELECT transform(array(a), x -> (SELECT max(b) FROM t)) FROM t",
       "a subquery cannot stand in a lambda"},
      {"SELECT upper(x -> x) FROM t", "upper() takes no lambda"},
      {"SELECT filter(array(a), x -> x) FROM t", "must give a BOOLEAN but gives INT"},
      {"SELECT transform(array(a), (x, X) -> x) FROM t", "the lambda has two parameters X"},
      {"SELECT aggregate(array(a), 0, (p, x) -> p + b) FROM t",
       "the start value of aggregate() is INT but its lambda gives BIGINT; cast the start value"},
      {"SELECT transform(array(a), x -> y) FROM t", "unknown column y"},
      {"SELECT x -> x FROM t", "a lambda stands here where a value is expected"},
      {"SELECT median(a) WITHIN GROUP (ORDER BY a) FROM t", "median() takes no WITHIN GROUP"},
      {"SELECT percentile_cont(0.5) FROM t", "percentile_cont() needs one order"},
      {"SELECT rand() FROM t", "its result differs from run to run"},
      {"SELECT array_join(a, ',') FROM t",
       "argument 1 of array_join() expects an ARRAY but got INT"},
      {"SELECT from_utc_timestamp(ts, symbol) FROM silver", "must be a string literal"},
  };
  for (const auto& [text, reason] : cases) {
    EXPECT_TRUE(holds(world.refusal(text), reason)) << text << ": " << world.refusal(text);
  }
}

TEST(Analyzer, TypesAreSparks) {
  World world;
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT sum(a) AS x, sum(d) AS y, avg(d) AS z FROM t",
       "x BIGINT, y DECIMAL(20,2), z DECIMAL(14,6)"},
      {"SELECT a / 2 AS x, a DIV 2 AS y, a % 2 AS z FROM t", "x DOUBLE, y BIGINT, z INT"},
      {"SELECT d * d AS x, d / d AS y, d + 1 AS z FROM t",
       "x DECIMAL(21,4), y DECIMAL(23,13), z DECIMAL(11,2)"},
      {"SELECT coalesce(a, b) AS x, a + d AS y, a + 1.5D AS z FROM t",
       "x BIGINT, y DECIMAL(13,2), z DOUBLE"},
      {"SELECT count(*) AS n, max(s) AS m, collect_list(a) AS l FROM t",
       "n BIGINT, m STRING, l ARRAY<INT>"},
      {"SELECT round(d, 1) AS x, ceil(d) AS y, floor(1.5D) AS z FROM t",
       "x DECIMAL(10,1), y DECIMAL(9,0), z BIGINT"},
      {"SELECT l.x AS x, l.y.z AS z FROM (SELECT array(named_struct('x', a, 'y', named_struct('z', "
       "s))) AS l FROM t)",
       "x ARRAY<INT>, z ARRAY<STRING>"},
      {"SELECT row_number() OVER (ORDER BY a) AS r FROM t", "r INT"},
      {"SELECT ema(d, 20) OVER (ORDER BY a) AS e, vwap(d, a) OVER (ORDER BY a) AS v FROM t",
       "e DOUBLE, v DOUBLE"},
      {"SELECT macd(a) OVER (ORDER BY a) AS m, bollinger(a, 5, 1.5) OVER (ORDER BY a) AS b FROM t",
       "m STRUCT<line: DOUBLE, signal: DOUBLE, histogram: DOUBLE>, "
       "b STRUCT<lower: DOUBLE, middle: DOUBLE, upper: DOUBLE>"},
      {"SELECT to_date(ts) AS d, ts - INTERVAL 1 HOUR AS e, day + INTERVAL 1 DAY AS f FROM silver",
       "d DATE, e TIMESTAMP, f DATE"},
      {"SELECT * FROM range(3)", "id BIGINT"},
      {"SELECT * FROM VALUES (1, 'x'), (2.5, NULL)", "col1 DECIMAL(11,1), col2 STRING"},
      {"SELECT a FROM t UNION ALL SELECT b FROM t", "a BIGINT"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(world.types(text), expected) << text;
}

TEST(Analyzer, RefusalsSayWhereWhatAndWhatToDo) {
  World world;
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT smbol FROM silver", "f.sql:1:8: unknown column smbol; did you mean symbol?"},
      {"SELECT symbol FROM silber", "f.sql:1:20: unknown table silber; did you mean silver?"},
      {"SELECT coalesc(a) FROM t",
       "f.sql:1:8: the function coalesc() is not supported; did you mean coalesce()?"},
      {"SELECT symbol, sum(size) FROM silver",
       "f.sql:1:8: column symbol is neither grouped nor aggregated; add it to GROUP BY or write "
       "any_value(symbol)"},
      {"SELECT a FROM t WHERE sum(a) > 1",
       "f.sql:1:23: the aggregate sum() cannot stand in WHERE; use HAVING"},
      {"SELECT a FROM t JOIN t u ON t.a = u.a",
       "f.sql:1:8: column a is ambiguous: it is in c.d.t and in u; write the table's name or alias "
       "before it"},
      {"SELECT (SELECT max(b) FROM t u WHERE u.a = x.a) FROM t",
       "f.sql:1:44: unknown column x.a; did you mean u.a?"},
      {"SELECT (SELECT max(u.b) FROM t u WHERE u.a = t.b) FROM t GROUP BY a",
       "f.sql:1:46: column t.b of the outer query is neither grouped nor aggregated there"},
      {"SELECT explode(a), explode(a) FROM t",
       "f.sql:1:8: a select list takes one generator such as explode(); put the other in LATERAL "
       "VIEW"},
      {"SELECT explode(a) + 1 FROM t",
       "f.sql:1:8: explode() makes rows: it stands alone in a select list, in LATERAL VIEW or in "
       "FROM"},
      {"SELECT explode(a) FROM t", "f.sql:1:8: explode() takes an ARRAY or a MAP but got INT"},
      {"SELECT count(*), explode(array(1)) FROM t",
       "f.sql:1:18: explode() beside aggregates is not supported; aggregate in a subquery, or use "
       "LATERAL VIEW"},
      {"SELECT posexplode(array(1)) AS (a, b, c) FROM t",
       "f.sql:1:8: posexplode() makes 2 columns but AS names 3"},
      {"SELECT a AS (b, c) FROM t",
       "f.sql:1:8: AS (..) names the columns of a generator such as posexplode()"},
      {"SELECT a FROM t LATERAL VIEW upper(a) v AS x",
       "f.sql:1:17: LATERAL VIEW takes explode, explode_outer, inline, inline_outer, posexplode, "
       "posexplode_outer, stack of values"},
      {"SELECT grouping(a) FROM t GROUP BY a",
       "f.sql:1:8: grouping() is for queries with GROUPING SETS, ROLLUP or CUBE"},
      {"SELECT grouping(b) FROM t GROUP BY ROLLUP (a)",
       "f.sql:1:17: grouping() takes columns of GROUP BY"},
      {"SELECT grouping_id(b, a) FROM t GROUP BY ROLLUP (a, b)",
       "f.sql:1:8: grouping_id() takes all columns of GROUP BY in their order, or none"},
      {"SELECT 1 FROM silver GROUP BY window(ts, '1 minute', '2 minutes')",
       "f.sql:1:31: the slide of window() is longer than its duration, so that rows would be in no "
       "window; make it at most as long"},
      {"SELECT 1 FROM silver GROUP BY window(ts, '2 minutes', '1 minute', '-1 minute')",
       "f.sql:1:31: the start of window() shifts its windows, so it must be shorter than the "
       "slide"},
      {"SELECT 1 FROM silver GROUP BY session_window(ts, seq)",
       "f.sql:1:50: the gap of session_window() must be an interval such as '5 minutes', INTERVAL "
       "5 MINUTES or a CASE of these, but it is BIGINT"},
      {"SELECT 1 FROM silver GROUP BY session_window(ts, '1 year')",
       "f.sql:1:50: a time window takes no months or years: their lengths differ"},
      {"SELECT 1 FROM silver GROUP BY window(ts, '1 day'), session_window(ts, '1 day')",
       "f.sql:1:52: there can be one window() or session_window() in a GROUP BY"},
      {"SELECT window_time(ts) FROM silver",
       "f.sql:1:8: window_time() takes a window: the column of window() or session_window()"},
      {"SELECT a FROM t WHERE (a, b) IN (SELECT a FROM t)",
       "f.sql:1:30: the query of IN must have 2 columns but has 1"},
      {"SELECT from_json(v, 'a INT') FROM bronze",
       "f.sql:1:18: from_json() needs a STRING but got BINARY; write CAST(v AS STRING)"},
      {"SELECT regexp_like(s, '(?=x)') FROM t",
       "f.sql:1:8: the regular expression uses lookahead, which is not supported; write it "
       "without"},
      {"SELECT regexp_like(s, '(a)\\\\1') FROM t",
       "f.sql:1:8: the regular expression uses a backreference, which is not supported; write it "
       "without"},
      {"SELECT CAST(day AS INT) FROM silver",
       "f.sql:1:8: a value of type DATE cannot be cast to INT"},
      {"SELECT date_format(ts, 'yyyy-MM-dd G') FROM silver",
       "f.sql:1:8: 'G' in the date pattern 'yyyy-MM-dd G' is not supported here; supported are "
       "yyyy "
       "MM dd HH mm ss SSS SSSSSS and quoted text"},
      {"SELECT upper() FROM t", "f.sql:1:8: upper() takes 1 argument but got 0"},
      {"SELECT abs(day) FROM silver",
       "f.sql:1:8: argument 1 of abs() expects a number but got DATE"},
      {"SELECT rank() FROM t", "f.sql:1:8: rank() needs OVER (ORDER BY ..)"},
      {"SELECT ema(a, 2) FROM t", "f.sql:1:8: ema() needs OVER (ORDER BY ..)"},
      {"SELECT ema(a) OVER (ORDER BY b) FROM t",
       "f.sql:1:8: ema() takes 2 arguments but got 1"},
      {"SELECT rsi(a, 0) OVER (ORDER BY b) FROM t",
       "f.sql:1:8: the second argument of rsi(), a period, must be a literal whole number from 1 "
       "to 1000000"},
      {"SELECT atr(a, a, a, 2000000) OVER (ORDER BY b) FROM t",
       "f.sql:1:8: the fourth argument of atr(), a period, must be a literal whole number from 1 "
       "to 1000000"},
      {"SELECT bollinger(a, 20, -2) OVER (ORDER BY b) FROM t",
       "f.sql:1:8: the third argument of bollinger(), a width, must be a literal number above 0"},
      {"SELECT sma(a, 3) OVER (PARTITION BY b) FROM t",
       "f.sql:1:23: this window function needs ORDER BY in its OVER clause"},
      {"SELECT sma(a, 3) OVER (ORDER BY b ROWS 2 PRECEDING) FROM t",
       "f.sql:1:23: sma() takes no frame (ROWS or RANGE): it sees the rows of its partition up to "
       "this one"},
      {"SELECT a FROM t ORDER BY 2",
       "f.sql:1:26: ORDER BY 2 is not the number of a column: there are 1"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(world.refusal(text), expected) << text;
}

// Where the catalog has no files and no registries, as for a table's constraints.
TEST(Analyzer, WhatTheCatalogDoesNotHaveIsRefused) {
  World world;
  EXPECT_EQ(world.refusal("CREATE STREAMING TABLE x"),
            "f.sql:1:1: a table without a query (AS SELECT ..) is not supported");
  EXPECT_EQ(world.refusal("SELECT * FROM read_files('/in')"),
            "f.sql:1:15: read_files() is not available here");
  EXPECT_EQ(world.refusal("SELECT to_avro(a) FROM t"),
            "f.sql:1:16: Avro and schema registries are not available here");
}

TEST(Analyzer, StreamsTakeOnlyWhatNeedsNoEnd) {
  World world;
  auto refusal = [&](const std::string& query) {
    return world.refusal("CREATE STREAMING TABLE x AS " + query);
  };
  EXPECT_TRUE(
      holds(refusal("SELECT DISTINCT symbol FROM STREAM silver"), "DISTINCT over a stream"));
  EXPECT_EQ(refusal("SELECT DISTINCT symbol, ts FROM STREAM silver WATERMARK ts DELAY OF INTERVAL "
                    "1 SECOND"),
            "accepted");
  EXPECT_TRUE(holds(refusal("SELECT symbol FROM STREAM silver LIMIT 1"), "LIMIT over a stream"));
  EXPECT_TRUE(holds(refusal("SELECT symbol FROM STREAM silver ORDER BY ts"), "ORDER BY over a"));
  EXPECT_TRUE(holds(refusal("SELECT count(*) AS n FROM STREAM silver"), "needs a time window"));
  EXPECT_TRUE(
      holds(refusal("SELECT count(*) AS n FROM STREAM silver GROUP BY window(ts, '1 hour')"),
            "needs a WATERMARK"));
  EXPECT_TRUE(holds(refusal("SELECT symbol FROM silver"), "a streaming table reads a stream"));
  EXPECT_TRUE(holds(world.refusal("CREATE MATERIALIZED VIEW x AS SELECT symbol FROM STREAM silver"),
                    "STREAM is for CREATE STREAMING TABLE"));
  EXPECT_TRUE(
      holds(world.refusal("CREATE STREAMING TABLE x PARTITIONED BY (symbl) AS SELECT symbol FROM "
                          "STREAM silver"),
            "did you mean symbol?"));
}

TEST(Analyzer, FromJsonIsCalledOnceARowAboveItsSource) {
  World world;
  auto plan = world.plan(
      "CREATE STREAMING TABLE x AS SELECT t.a, t.b FROM (SELECT from_json(raw, 'a INT, b INT') AS "
      "t, "
      "from_json(raw, 'a INT, b INT').a AS again FROM STREAM bronze WHERE kafka_ts IS NOT NULL) "
      "WHERE t.a > 0");
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->payload_functions.size(), 1u);
  EXPECT_EQ(times(plan->duckdb_sql, "ticklake_payload_0("), 1u);
  EXPECT_TRUE(holds(plan->duckdb_sql, "ticklake_payload_0(\"t0\".\"raw\", \"t0\".\"__row\")"));
  EXPECT_TRUE(plan->has_row);
  EXPECT_EQ(plan->inputs[0].columns, (std::vector<std::string>{"kafka_ts", "raw"}));
}

TEST(Analyzer, WindowedAggregatesDecompose) {
  World world;
  auto plan = world.plan(
      "CREATE STREAMING TABLE x (CONSTRAINT ok EXPECT (n > 0)) AS SELECT symbol, window.start AS "
      "minute, max_by(price, struct(ts, seq)) AS c, avg(price) AS p, count(*) AS n FROM STREAM "
      "silver "
      "WATERMARK ts DELAY OF INTERVAL 10 SECONDS GROUP BY window(ts, '1 minute'), symbol");
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_TRUE(plan->windowed);
  EXPECT_EQ(plan->windowed->window_us, 60'000'000);
  EXPECT_EQ(plan->windowed->delay_us, 10'000'000);
  EXPECT_EQ(plan->windowed->event_time_column, "ts");
  EXPECT_EQ(to_ddl(plan->output), "symbol STRING, minute TIMESTAMP, c DOUBLE, p DOUBLE, n BIGINT");
  EXPECT_EQ(plan->windowed->partial_schema.fields[0].name, "window_end");
  EXPECT_EQ(plan->windowed->partial_schema.fields[1].name, "rows");
  EXPECT_FALSE(plan->has_row);
  EXPECT_EQ(plan->expectations, 1);
  EXPECT_TRUE(holds(plan->windowed->merge_sql, "GROUP BY \"window_end\""));
}

TEST(Analyzer, WindowedAggregatesThatDoNotDecomposeKeepRows) {
  World world;
  auto plan = world.plan(
      "CREATE STREAMING TABLE x AS SELECT window.end AS e, first(price) AS f FROM STREAM silver "
      "WATERMARK ts DELAY OF INTERVAL 10 SECONDS GROUP BY window(ts, '1 minute')");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->windowed->merge_sql,
            "SELECT \"window_end\", \"rows\", \"x0_0\" FROM ticklake_input('partial')");
  EXPECT_EQ(to_ddl(plan->windowed->partial_schema),
            "window_end TIMESTAMP, rows BIGINT, x0_0 DOUBLE");
}

TEST(Analyzer, ConjunctsAreInPartitionForm) {
  World world;
  auto plan = world.plan(
      "SELECT symbol FROM silver WHERE day = '2026-01-05' AND 5 < size AND price "
      "IS NOT NULL AND (seq = 1 OR seq = 2)");
  ASSERT_TRUE(plan) << plan.error().message;
  const auto& conjuncts = plan->inputs[0].conjuncts;
  ASSERT_EQ(conjuncts.size(), 3u);
  EXPECT_EQ(conjuncts[0].literal, "2026-01-05");
  EXPECT_EQ(conjuncts[1].column, "size");
  EXPECT_EQ(conjuncts[1].op, Conjunct::Op::Greater);
  EXPECT_EQ(conjuncts[2].op, Conjunct::Op::IsNotNull);
}

TEST(Analyzer, SubqueriesPruneTheirOwnInput) {
  World world;
  auto plan = world.plan(
      "SELECT a, (SELECT max(price) FROM silver WHERE day = '2026-01-05' AND seq = t.a) FROM t "
      "WHERE EXISTS (SELECT 1 FROM silver AS s WHERE s.size > 7 AND s.seq = t.b) AND a < 3");
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->inputs.size(), 3u);
  auto text = [](const PlanInput& input) {
    std::string out = input.table + ":";
    for (const Conjunct& one : input.conjuncts) out += " " + one.column + " " + one.literal;
    return out;
  };
  EXPECT_EQ(text(plan->inputs[0]), "c.d.t: a 3");
  EXPECT_EQ(text(plan->inputs[1]), "c.d.silver: size 7");
  EXPECT_EQ(text(plan->inputs[2]), "c.d.silver: day 2026-01-05");
  EXPECT_EQ(plan->inputs[0].columns, (std::vector<std::string>{"b", "a"}));
}

TEST(Analyzer, GeneratorsKeepTheRowsOfAStream) {
  World world;
  auto plan = world.plan(
      "CREATE STREAMING TABLE x AS SELECT symbol, e, explode(array(e, 2)) AS f "
      "FROM STREAM silver LATERAL VIEW explode(array(seq)) v AS e WHERE price > 0");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(plan->has_row);
  EXPECT_EQ(to_ddl(plan->output), "symbol STRING, e BIGINT, f BIGINT");
  // a join could change their order
  EXPECT_EQ(times(plan->duckdb_sql, "JOIN"), 0u);
  for (const char* query :
       {"SELECT a FROM STREAM t, LATERAL explode(array(a)) AS u(e)",
        "SELECT a FROM STREAM t, LATERAL (SELECT t.a) AS u",
        "SELECT a, count(*) FROM STREAM t GROUP BY ROLLUP (a)",
        "SELECT a FROM STREAM t UNION ALL SELECT a FROM STREAM t",
        "SELECT a FROM STREAM t WHERE a IN (SELECT b FROM t)",
        "SELECT a, EXISTS (SELECT 1 FROM VALUES (1) AS v(x) WHERE x = a) AS e FROM STREAM t"}) {
    std::string refusal = world.refusal(std::string("CREATE STREAMING TABLE x AS ") + query);
    EXPECT_TRUE(refusal.starts_with("f.sql:1:")) << query << ": " << refusal;
  }
}

TEST(Analyzer, DivisionIsCheckedAndNullsSortFirst) {
  World world;
  EXPECT_TRUE(holds(world.sql("SELECT a / b FROM t"), "[DIVIDE_BY_ZERO]"));
  EXPECT_FALSE(holds(world.sql("SELECT a / 2 FROM t"), "[DIVIDE_BY_ZERO]"));
  EXPECT_TRUE(holds(world.sql("SELECT a FROM t ORDER BY a"), "ASC NULLS FIRST"));
  EXPECT_TRUE(holds(world.sql("SELECT a FROM t ORDER BY a DESC"), "DESC NULLS LAST"));
}

TEST(Analyzer, ATemporaryViewIsExpanded) {
  World world;
  auto view = parse("CREATE TEMPORARY VIEW v AS SELECT a AS x FROM t", "v.sql");
  ASSERT_TRUE(view);
  world.tables["v"] = {"v", {}, std::make_shared<Statement>(view->front())};
  EXPECT_EQ(world.types("SELECT x + 1 AS y FROM v"), "y INT");
  EXPECT_TRUE(holds(world.refusal("SELECT a FROM v"), "unknown column a"));
}

TEST(Analyzer, NotReachesTheInBelowAndAndOr) {
  World world;
  const std::string in = "a IN (SELECT b FROM t)";
  const std::vector<std::string> conditions = {
      "NOT (" + in + " OR a = 7)", "NOT (a = 7 AND (" + in + "))",
      "NOT (a = 7 OR NOT (a NOT IN (SELECT b FROM t) AND a < 9))"};
  for (const std::string& what : conditions) {
    std::string sql = world.sql("SELECT a FROM t WHERE " + what);
    EXPECT_TRUE(holds(sql, " NOT IN (SELECT")) << sql;
  }
}

TEST(Analyzer, NaturalJoinIsNotOfHiddenColumns) {
  World world;
  world.catalog.file_columns = [](const auto&, bool) -> Result<Schema> {
    return *parse_ddl("k INT, v INT, _metadata STRUCT<file_path: STRING>");
  };
  std::string sql = world.sql(
      "SELECT * FROM read_files('a', format => 'json') NATURAL JOIN "
      "read_files('b', format => 'json')");
  EXPECT_TRUE(holds(sql, "\"k\" = ")) << sql;
  EXPECT_FALSE(holds(sql, "\"_metadata\" = ")) << sql;
}

TEST(Functions, AreManyAndSorted) {
  auto names = function_names();
  EXPECT_GE(names.size(), 150u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

}  // namespace
}  // namespace ticklake::sql
