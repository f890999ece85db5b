// Whole statements: which are read, what they say, and the words of each refusal.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sql/ast.h"
#include "sql/sql.h"
#include "sql/test_statements.h"

namespace ticklake::sql {
namespace {

using Kind = Statement::Kind;

const Select& select_of(const Statement& statement) {
  return std::get<Select>(statement.query->body);
}

TEST(Statement, AStreamingTableWithEverything) {
  const std::string sql =
      "CREATE OR REFRESH STREAMING TABLE main.market.silver (\n"
      "  symbol STRING NOT NULL COMMENT 'the ticker',\n"
      "  price DECIMAL(18, 4),\n"
      "  CONSTRAINT positive EXPECT (price > 0) ON VIOLATION DROP ROW,\n"
      "  CONSTRAINT `has symbol` EXPECT ( symbol IS NOT NULL ) ON VIOLATION FAIL UPDATE,\n"
      "  CONSTRAINT late EXPECT (ts > '2026')\n"
      ")\n"
      "PARTITIONED BY (symbol) USING delta COMMENT 'clean ' 'ticks'\n"
      "TBLPROPERTIES ('ticklake.quarantine' = 'errors', delta.x = 3, y = true, z 'w')\n"
      "AS SELECT * FROM STREAM bronze";
  Statement table = one("-- first\n" + sql + " ;\n");
  EXPECT_EQ(table.kind, Kind::StreamingTable);
  EXPECT_EQ(table.name, (std::vector<std::string>{"main", "market", "silver"}));
  EXPECT_EQ(table.file, "f.sql");
  EXPECT_EQ(table.position.line, 2);
  EXPECT_EQ(table.text, sql);
  EXPECT_EQ(table.comment, "clean ticks");
  EXPECT_EQ(table.partition_columns, std::vector<std::string>{"symbol"});
  EXPECT_EQ(table.properties,
            (std::map<std::string, std::string>{
                {"ticklake.quarantine", "errors"}, {"delta.x", "3"}, {"y", "true"}, {"z", "w"}}));
  ASSERT_EQ(table.columns.size(), 2u);
  EXPECT_EQ(table.columns[0].name, "symbol");
  EXPECT_FALSE(table.columns[0].nullable);
  EXPECT_EQ(table.columns[0].comment, "the ticker");
  EXPECT_EQ(table.columns[1].type, Type::decimal(18, 4));
  EXPECT_EQ(table.columns[1].position.line, 4);
  ASSERT_EQ(table.expectations.size(), 3u);
  EXPECT_EQ(table.expectations[0].name, "positive");
  EXPECT_EQ(table.expectations[0].text, "price > 0");
  EXPECT_EQ(table.expectations[0].on_violation, Expectation::OnViolation::DropRow);
  EXPECT_EQ(table.expectations[1].text, "symbol IS NOT NULL");
  EXPECT_EQ(table.expectations[1].on_violation, Expectation::OnViolation::FailUpdate);
  EXPECT_EQ(table.expectations[2].on_violation, Expectation::OnViolation::Keep);
  EXPECT_EQ(to_text(*table.expectations[2].condition), "(ts > 2026)");
}

TEST(Statement, ViewsAndQueries) {
  EXPECT_EQ(one("CREATE OR REFRESH MATERIALIZED VIEW m AS SELECT 1 AS x").kind,
            Kind::MaterializedView);
  Statement view = one("create or replace temporary view v (a COMMENT 'x', b) as select 1, 2");
  EXPECT_EQ(view.kind, Kind::TemporaryView);
  ASSERT_EQ(view.columns.size(), 2u);
  EXPECT_FALSE(view.columns[0].type);
  EXPECT_EQ(view.columns[0].comment, "x");
  EXPECT_TRUE(one("CREATE STREAMING TABLE IF NOT EXISTS a AS SELECT * FROM STREAM(b)")
                  .if_not_exists);
  EXPECT_EQ(one("VALUES (1, 'a'), (2, 'b')").kind, Kind::Query);
  Result<std::vector<Statement>> three = parse(";SELECT 1;;SELECT 2; (SELECT 3) -- end", "f");
  ASSERT_TRUE(three);
  ASSERT_EQ(three->size(), 3u);
  EXPECT_EQ((*three)[1].text, "SELECT 2");
  EXPECT_EQ((*three)[2].text, "(SELECT 3)");
  EXPECT_TRUE(parse("", "f")->empty());
  EXPECT_TRUE(parse(" /* nothing */ ; ", "f")->empty());
}

TEST(Statement, WhatSparkAccepts) {
  for (const char* sql : {
           "CREATE STREAMING TABLE a AS SELECT * FROM STREAM b",
           "CREATE STREAMING TABLE a (id INT, s STRING COMMENT 'x') USING delta COMMENT 'c' "
           "TBLPROPERTIES ('k'='v') PARTITIONED BY (s) AS SELECT * FROM STREAM b",
           "CREATE MATERIALIZED VIEW m AS SELECT 1 AS x",
           "CREATE MATERIALIZED VIEW m (x INT, CONSTRAINT v EXPECT (x > 0)) AS SELECT 1 AS x",
           "CREATE TEMPORARY VIEW v AS SELECT * FROM STREAM b",
           "CREATE TEMP VIEW v COMMENT 'c' TBLPROPERTIES (a = 1) AS (SELECT 1)",
           "SELECT * FROM STREAM b WATERMARK ts DELAY OF INTERVAL 10 SECONDS",
           "SELECT window.start, count(*) FROM STREAM b WATERMARK ts DELAY OF INTERVAL 10 SECONDS "
           "AS t GROUP BY window(ts, '1 minute')",
           "SELECT * FROM STREAM read_kafka(bootstrapServers => 'x', subscribe => 't')",
           "SELECT * FROM STREAM(read_kafka(bootstrapServers => 'x', `kafka.a.b` => 't'))",
           "SELECT * FROM STREAM read_files('/p', format => 'json')",
           "SELECT * FROM read_files('/p', format => 'json')",
           "SELECT * FROM STREAM b WITH ('k' = 'v')",
           "CREATE STREAMING TABLE a AS SELECT * FROM STREAM json.`/p`",
           "CREATE STREAMING TABLE a AS SELECT * FROM STREAM delta.`/p`",
           "WITH a (x) AS (SELECT 1), b (SELECT * FROM a) SELECT * FROM b",
           "SELECT a date, b end, c window FROM t timestamp ORDER BY 1 LIMIT ALL OFFSET 2",
           "SELECT DISTINCT * EXCEPT (a, b.c), t.* EXCEPT (d) FROM t",
           "SELECT * EXCEPT SELECT 1",
           "SELECT 1 UNION ALL SELECT 2 UNION SELECT 3 INTERSECT SELECT 4 EXCEPT ALL SELECT 5",
           "((SELECT 1) UNION (SELECT 2)) ORDER BY 1",
           "(SELECT 1 LIMIT 1) LIMIT 2",
           "SELECT * FROM ((SELECT 1) UNION ALL (SELECT 2)) t",
           "SELECT * FROM ((SELECT 1) a JOIN b ON true)",
           "SELECT * FROM (a JOIN (b CROSS JOIN c) ON a.x = b.x), d",
           "SELECT * FROM VALUES (1, 2), (3, 4) AS t(a, b) WHERE a > 1",
           "SELECT a, sum(b) FROM t GROUP BY ALL HAVING sum(b) > 1 ORDER BY ALL DESC",
           "SELECT a FROM t QUALIFY row_number() OVER w = 1 WINDOW w AS (PARTITION BY a)",
           "SELECT /*+ BROADCAST(t) */ a FROM t",
           "SELECT * FROM a LEFT OUTER JOIN b USING (x, y) FULL JOIN c ON c.x = a.x ANTI JOIN d "
           "ON true LEFT SEMI JOIN e ON true RIGHT JOIN f USING (x)",
           "SELECT * FROM t VERSION AS OF 3 JOIN u TIMESTAMP AS OF '2026-01-01' v ON true",
           "SELECT * FROM t FOR SYSTEM_VERSION AS OF '3' x, u FOR TIMESTAMP AS OF now() - "
           "INTERVAL 1 DAY",
           "SELECT 1 AS from, 2 AS select",
           "SELECT stream FROM stream",
           "SELECT stream.a FROM stream AS stream WHERE stream.a > 1",
       }) {
    EXPECT_EQ(refusal(sql), "accepted") << sql;
  }
}

TEST(Statement, FromSaysWhatIsStreamed) {
  auto item = [](const std::string& from) {
    Statement statement = one("SELECT * FROM " + from);
    return *select_of(statement).from.at(0);
  };
  EXPECT_TRUE(item("STREAM b").streaming);
  EXPECT_TRUE(item("STREAM(c.d.b) AS x").streaming);
  EXPECT_EQ(item("STREAM(c.d.b) AS x").alias, "x");
  EXPECT_TRUE(item("STREAM stream").streaming);
  EXPECT_FALSE(item("stream AS s").streaming);
  EXPECT_FALSE(item("stream.b").streaming);
  FromItem kafka = item("STREAM read_kafka(subscribe => 't', `a.b` => 1) k");
  EXPECT_TRUE(kafka.streaming);
  const auto& function = std::get<TableFunction>(kafka.node);
  EXPECT_EQ(function.name, "read_kafka");
  ASSERT_EQ(function.arguments.size(), 2u);
  EXPECT_EQ(function.arguments[1].name, "a.b");
  FromItem marked = item("STREAM b WATERMARK to_timestamp(t) AS ts DELAY OF INTERVAL '1' MINUTE x");
  ASSERT_TRUE(marked.watermark);
  EXPECT_EQ(marked.watermark->name, "ts");
  EXPECT_EQ(marked.watermark->delay_us, 60'000'000);
  EXPECT_EQ(marked.alias, "x");
  EXPECT_EQ(item("(SELECT 1) WATERMARK a DELAY OF INTERVAL 0 SECONDS t(b)").column_aliases,
            std::vector<std::string>{"b"});
  EXPECT_EQ(std::get<TableName>(item("t VERSION AS OF 12").node).version, 12);
  EXPECT_EQ(std::get<TableName>(item("t WITH ('a' = 'b') x").node).options.at("a"), "b");
  FromItem joined = item("a JOIN b ON a.x = b.x LEFT ANTI JOIN c USING (x)");
  const auto& anti = std::get<Join>(joined.node);
  EXPECT_EQ(anti.kind, Join::Kind::LeftAnti);
  EXPECT_EQ(anti.using_columns, std::vector<std::string>{"x"});
  EXPECT_EQ(std::get<Join>(anti.left->node).kind, Join::Kind::Inner);
  EXPECT_EQ(std::get<Join>(item("a JOIN b").node).kind, Join::Kind::Cross);
}

TEST(Statement, QueriesKeepTheirShape) {
  Statement sets = one("SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 ORDER BY 1 LIMIT 4");
  const auto& outer = std::get<SetOperation>(sets.query->body);
  EXPECT_EQ(outer.op, SetOperation::Op::Union);
  EXPECT_TRUE(outer.all);
  EXPECT_EQ(std::get<SetOperation>(outer.right->body).op, SetOperation::Op::Intersect);
  EXPECT_EQ(sets.query->order_by.size(), 1u);
  EXPECT_TRUE(sets.query->limit);

  Statement wrapped = one("(SELECT a FROM t LIMIT 1) ORDER BY a");
  const Select& around = select_of(wrapped);
  EXPECT_TRUE(std::holds_alternative<DerivedTable>(around.from.at(0)->node));
  EXPECT_FALSE(wrapped.query->limit);

  Statement sorted = one("SELECT a FROM t ORDER BY a, b DESC, c NULLS LAST, d DESC NULLS FIRST");
  const std::vector<SortItem>& items = sorted.query->order_by;
  ASSERT_EQ(items.size(), 4u);
  EXPECT_TRUE(items[0].nulls_first && !items[0].descending);
  EXPECT_TRUE(!items[1].nulls_first && items[1].descending);
  EXPECT_FALSE(items[2].nulls_first);
  EXPECT_TRUE(items[3].nulls_first);

  Statement rows = one("VALUES 1, 2");
  EXPECT_EQ(std::get<Values>(rows.query->body).rows.size(), 2u);
  Statement star = one("SELECT t.* EXCEPT (a, b.c) FROM t");
  const auto& node = std::get<Star>(select_of(star).items.at(0).expression->node);
  EXPECT_EQ(node.qualifier, std::vector<std::string>{"t"});
  EXPECT_EQ(node.except.at(1), (std::vector<std::string>{"b", "c"}));
}

struct Example {
  std::string sql;
  std::string message;
};

void check(std::initializer_list<Example> examples) {
  for (const Example& example : examples) {
    EXPECT_EQ(refusal(example.sql), "f.sql:" + example.message) << example.sql;
  }
}

TEST(Flow, SaysWhereItsRowsGo) {
  auto parsed = parse(
      "CREATE STREAMING TABLE a (id INT) COMMENT 'c';\n"
      "CREATE FLOW c.f COMMENT 'k' AS INSERT INTO x.a BY NAME SELECT * FROM STREAM b;\n"
      "CREATE FLOW g AS INSERT INTO ONCE a BY NAME SELECT * FROM b;\n"
      "CREATE FLOW h AS INSERT ONCE INTO a (SELECT * FROM b);\n"
      "CREATE STREAMING TABLE t (id INT) FLOW INSERT BY NAME SELECT * FROM STREAM b",
      "f.sql");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->size(), 5u);
  const auto& all = *parsed;
  EXPECT_EQ(all[0].query, nullptr);
  EXPECT_EQ(all[1].kind, Statement::Kind::Flow);
  EXPECT_EQ(all[1].name, (std::vector<std::string>{"c", "f"}));
  EXPECT_EQ(all[1].target, (std::vector<std::string>{"x", "a"}));
  EXPECT_EQ(all[1].target_position.column, 44);
  EXPECT_EQ(all[1].comment, "k");
  EXPECT_TRUE(all[1].by_name && !all[1].once);
  EXPECT_TRUE(all[2].by_name && all[2].once);
  EXPECT_TRUE(!all[3].by_name && all[3].once && all[3].query != nullptr);
  EXPECT_EQ(all[4].kind, Statement::Kind::StreamingTable);
  EXPECT_TRUE(all[4].by_name && all[4].query != nullptr);
}

TEST(Refusal, StatementsOfOthers) {
  check({
      {"CREATE OR REPLACE FLOW f AS INSERT INTO a SELECT 1",
       "1:1: found CREATE OR .. FLOW; write CREATE FLOW"},
      {"CREATE FLOW f AS INSERT OVERWRITE a SELECT 1",
       "1:25: found INSERT OVERWRITE; a flow adds rows: write INSERT INTO, or make a MATERIALIZED "
       "VIEW"},
      {"CREATE FLOW f AS INSERT INTO a (b, c) SELECT 1, 2",
       "1:32: found a list of columns behind the table of INSERT; name the query's columns with AS "
       "and write BY NAME"},
      {"CREATE FLOW f AS INSERT INTO a BY NAME",
       "1:39: found the end; expected SELECT, WITH or VALUES after NAME"},
      {"CREATE TABLE a AS SELECT 1",
       "1:1: found CREATE TABLE; write CREATE OR REFRESH STREAMING TABLE (appended to) or "
       "MATERIALIZED VIEW (recomputed)"},
      {"CREATE VIEW a AS SELECT 1",
       "1:1: found CREATE VIEW; write CREATE TEMPORARY VIEW, or MATERIALIZED VIEW to store its "
       "rows"},
      {"CREATE LIVE TABLE a AS SELECT 1",
       "1:1: found CREATE LIVE TABLE; write CREATE OR REFRESH MATERIALIZED VIEW"},
      {"CREATE OR REFRESH STREAMING LIVE TABLE a AS SELECT 1",
       "1:1: found CREATE STREAMING LIVE TABLE; write CREATE OR REFRESH STREAMING TABLE"},
      {"CREATE SINK s WITH (format 'kafka')",
       "1:1: found CREATE SINK; ticklake has no sinks yet: read the table itself"},
      {"SET a = 1", "1:1: found SET; put the value under configuration in spark-pipeline.yml"},
      {"DROP MATERIALIZED VIEW m",
       "1:1: found DROP; remove the statement that creates the table from the project"},
      {"REFRESH STREAMING TABLE a",
       "1:1: found REFRESH; run the project instead: ticklake run --refresh NAME"},
      {"SELEC 1", "1:1: found 'SELEC'; expected CREATE, SELECT, WITH or VALUES; did you mean "
                  "SELECT?"},
      {"CREATE STREEMING TABLE a AS SELECT 1",
       "1:8: found 'STREEMING'; expected STREAMING TABLE, MATERIALIZED VIEW, FLOW or "
       "TEMPORARY VIEW after CREATE; did you mean STREAMING?"},
      {"CREATE OR REPLACE STREAMING TABLE a AS SELECT 1",
       "1:1: found CREATE OR REPLACE STREAMING TABLE; write CREATE OR REFRESH STREAMING TABLE"},
      {"CREATE OR REFRESH TEMPORARY VIEW a AS SELECT 1",
       "1:1: found CREATE OR REFRESH TEMPORARY VIEW; write CREATE OR REPLACE TEMPORARY VIEW"},
      {"CREATE OR REFRESH STREAMING TABLE IF NOT EXISTS a AS SELECT 1",
       "1:35: found IF NOT EXISTS in CREATE OR REFRESH STREAMING TABLE; remove it"},
      {"42", "1:1: found '42'; expected CREATE, SELECT, WITH or VALUES"},
  });
}

TEST(Refusal, ClausesOfATable) {
  auto table = [](const std::string& rest) { return "CREATE STREAMING TABLE a " + rest; };
  const std::string query = " AS SELECT * FROM STREAM b";
  check({
      {table("CLUSTER BY (id)" + query),
       "1:26: found CLUSTER BY; write PARTITIONED BY (..), or remove it"},
      {table("SCHEDULE EVERY 1 HOUR" + query),
       "1:26: found SCHEDULE; remove it: ticklake run refreshes whenever an input changes"},
      {table("FLOW REPLACE WHERE x > 1 BY NAME SELECT 1"),
       "1:26: found FLOW; write AS SELECT .., FLOW INSERT BY NAME SELECT .. or FLOW AUTO CDC .."},
      {table("USING parquet" + query), "1:32: found the format 'parquet'; tables are stored as "
                                       "delta: write USING delta or nothing"},
      {table("COMMENT 'a' COMMENT 'b'" + query), "1:38: found a second COMMENT; remove one"},
      {table("COMMENT a" + query), "1:34: found 'a'; expected the comment in quotes"},
      {table("PARTITIONED BY (days(ts))" + query),
       "1:42: found days(..) in PARTITIONED BY; compute it as a column of the query and partition "
       "by that"},
      {table("TBLPROPERTIES ('a' = )" + query),
       "1:47: found ')'; expected a string, a number, true or false as the value of the property "
       "'a'"},
      {table("TBLPROPERTIES (a = 1, a = 2)" + query),
       "1:48: found the property 'a' twice; remove one"},
      {table("PARTITONED BY (x)" + query),
       "1:26: found 'PARTITONED'; expected AS and a query, or COMMENT, TBLPROPERTIES, PARTITIONED "
       "BY or USING delta; did you mean PARTITIONED?"},
      {table("SELECT 1"), "1:26: found 'SELECT'; expected AS before the query"},
      {table("(x)" + query), "1:28: found ')'; expected the type of column 'x'"},
      {table("(x INTT)" + query), "1:29: found 'INTT'; expected a type; did you mean INT?"},
      {table("(x VARCHAR(10))" + query), "1:29: found the type VARCHAR; write STRING"},
      {table("(x INT, X STRING)" + query),
       "1:34: found a second column 'X'; give each its own name"},
      {table("(x INT DEFAULT 1)" + query),
       "1:33: found DEFAULT at a column; a column takes NOT NULL and COMMENT '..'"},
      {table("(CONSTRAINT c CHECK (x > 0))" + query),
       "1:40: found a constraint CHECK; write CONSTRAINT name EXPECT (condition)"},
      {table("(CONSTRAINT c EXPECT (x > 0) ON VIOLATION DROP)" + query),
       "1:68: found 'DROP'; expected DROP ROW or FAIL UPDATE after ON VIOLATION"},
      {table("(CONSTRAINT c EXPECT (x > 0), CONSTRAINT C EXPECT (y))" + query),
       "1:56: found a second constraint 'C'; give each its own name"},
      {"CREATE TEMPORARY VIEW a.b AS SELECT 1",
       "1:25: found 'a.b' as the name of a temporary view; a temporary view has a name of one "
       "part"},
      {"CREATE TEMPORARY VIEW a USING delta AS SELECT 1",
       "1:25: found USING in a temporary view; remove it: a temporary view stores nothing"},
  });
}

TEST(Refusal, Queries) {
  check({
      {"SELECT a FORM t", "1:10: found 'FORM' before 't'; did you mean FROM?"},
      {"SELECT * FORM t",
       "1:10: found 'FORM'; expected a comma, an operator, the next clause or ';'; did you mean "
       "FROM?"},
      {"SELECT a FROM t WHER b = 1", "1:17: found 'WHER' before 'b'; did you mean WHERE?"},
      {"SELECT a FROM t GRUOP BY a", "1:17: found 'GRUOP' before 'BY'; did you mean GROUP?"},
      {"SELECT a, FROM t", "1:11: found 'FROM'; expected an expression after the comma: remove the "
                           "comma, or put the name in backticks"},
      {"CREATE STREAMING TABLE AS SELECT 1", "1:24: found 'AS'; expected the name of a table"},
      {"SELECT a FROM WHERE b", "1:15: found 'WHERE'; expected the name of a table"},
      {"SELECT a FROM", "1:14: found the end; expected the name of a table"},
      {"SELECT a FROM t WHERE", "1:22: found the end; expected an expression"},
      {"SELECT a FROM t GROUP a", "1:23: found 'a'; expected BY after GROUP"},
      {"SELECT a FROM t SELECT b",
       "1:17: found 'SELECT'; expected a comma, an operator, the next clause or ';'"},
      {"SELECT (a FROM t", "1:11: found 'FROM'; expected ')' or an operator"},
      {"SELECT count(a FROM t", "1:16: found 'FROM'; expected ')' or a comma in count(..)"},
      {"SELECT a FROM my-table",
       "1:15: found 'my-table'; a name with a hyphen goes in backticks: `my-table`"},
      {"SELECT a FROM a.b.c.d", "1:15: found a name of 4 parts; a table's name has at most three: "
                                "catalog.database.table"},
      {"SELECT a FROM t@v3", "1:16: found '@' after the name of a table; write VERSION AS OF 3 for "
                             "@v3, TIMESTAMP AS OF '..' for a time"},
      {"SELECT a FROM t VERSION AS OF x",
       "1:31: found 'x'; expected the number of a version after VERSION AS OF"},
      {"SELECT a FROM t LATERAL VIEW b x AS c",
       "1:32: found 'x'; expected a function such as explode(..) in LATERAL VIEW"},
      {"SELECT a FROM t, LATERAL u",
       "1:26: found 'u'; expected a query in parentheses or a function after LATERAL"},
      {"SELECT a FROM t, LATERAL VIEW explode(b) x AS c",
       "1:18: found LATERAL VIEW here; put it behind all tables and joins of FROM"},
      {"SELECT a FROM t NATURAL JOIN u ON a = b",
       "1:32: found 'ON'; expected no condition behind a NATURAL JOIN"},
      {"SELECT a FROM t GROUP BY CUBE (a, b, c, d, e, f, g, h, i, j, k, l, m)",
       "1:26: found a CUBE of over 12 columns; write the needed sets with GROUPING SETS"},
      {"SELECT a FROM t TABLESAMPLE (10 PERCENT)",
       "1:17: found TABLESAMPLE; write WHERE pmod(xxhash64(key), 10) = 0 for a sample"},
      {"SELECT a FROM t PIVOT (sum(b) c IN (1))",
       "1:33: found 'IN'; expected FOR and a column behind the aggregates of PIVOT"},
      {"SELECT a FROM t PIVOT (sum(b) FOR b + 1 IN (1))",
       "1:37: found '+'; expected IN behind the columns of PIVOT"},
      {"SELECT a FROM t PIVOT (sum(b) FOR abs(b) IN (1))",
       "1:35: found an expression among the columns of PIVOT; compute it in a query before"},
      {"SELECT a FROM t UNPIVOT (v FOR n IN ((b, c)))",
       "1:38: found '('; expected a column"},
      {"SELECT a FROM t UNPIVOT ((v, w) FOR n IN ((b)))",
       "1:43: found 1 columns for 2 values; list as many columns as UNPIVOT has values"},
      {"SELECT a FROM t DISTRIBUTE BY a", "1:17: found DISTRIBUTE BY; remove it"},
      {"SELECT a FROM t LEFT u", "1:22: found 'u'; expected JOIN after LEFT"},
      {"SELECT a FROM STREAM (SELECT 1)",
       "1:15: found STREAM of a query; put STREAM before the table inside the query"},
      {"SELECT a FROM STREAM b IDENTIFIED BY n",
       "1:24: found IDENTIFIED BY; remove it: ticklake names its streams"},
      {"SELECT a FROM STREAM b AS x WATERMARK ts DELAY OF INTERVAL 1 SECOND",
       "1:24: found the alias 'x' before WATERMARK; put it behind: WATERMARK .. DELAY OF INTERVAL "
       ".. AS alias"},
      {"SELECT a FROM STREAM b WATERMARK ts",
       "1:36: found the end; expected DELAY OF INTERVAL .. behind the expression of WATERMARK"},
      {"SELECT a FROM STREAM b WATERMARK ts DELAY OF 10 SECONDS",
       "1:46: found '10'; expected INTERVAL after DELAY OF"},
      {"SELECT a FROM STREAM b WATERMARK ts DELAY OF INTERVAL 1 MONTH",
       "1:46: found a delay in months or years; write it in days or shorter, as in INTERVAL 10 "
       "SECONDS"},
      {"SELECT f(a.b => 1)",
       "1:14: found '=>' behind an expression; the name of an argument is one word; with points it "
       "goes in backticks"},
      {"SELECT :a", "1:8: found a query parameter; write the value itself, or ${name} for a value "
                    "of the project"},
      {"SELECT a FROM 'x.csv'", "1:15: found the string 'x.csv'; read files with read_files(..), "
                                "and write the names of tables without quotes"},
      {"SELECT a AS 'b'", "1:13: found the string 'b'; expected a name after AS; names go in "
                          "backticks: `b`"},
      {"WITH RECURSIVE a AS (SELECT 1) SELECT 1",
       "1:6: found WITH RECURSIVE; write the steps as joins"},
      {"WITH a AS (SELECT 1), A AS (SELECT 2) SELECT 1",
       "1:23: found 'A' twice in WITH; give each query its own name"},
      {"VALUES (1, 2), (3)", "1:16: found a row of 1 values; the first row has 2"},
      {"SELECT 128Y", "1:8: found '128Y'; it is out of the range of TINYINT"},
      {"SELECT DATE '2026-02-30'",
       "1:8: found DATE '2026-02-30'; expected a date such as DATE '2026-01-05'"},
      {"SELECT 1\n  FROM t\n WHERE 'größe' = b c",
       "3:20: found 'c'; expected a comma, an operator, the next clause or ';'"},
  });
}

TEST(Refusal, OfStatementsThatChangeRows) {
  check({
      {"DELETE t", "1:8: found 't'; expected FROM after DELETE"},
      {"UPDATE t SET", "1:13: found the end; expected the column to set"},
      {"UPDATE t SET a.b.c = 1",
       "1:14: found 'a.b.c' in SET; set a whole column of t: a field of a "
       "struct with named_struct(..)"},
      {"MERGE INTO t USING s ON t.a = s.a",
       "1:34: found the end; expected WHEN MATCHED or WHEN NOT MATCHED"},
      {"MERGE INTO t USING s ON a WHEN MATCHED THEN DELETE WHEN MATCHED THEN DELETE",
       "1:27: found a WHEN clause without a condition before others of its kind; only the last "
       "WHEN "
       "MATCHED, WHEN NOT MATCHED and WHEN NOT MATCHED BY SOURCE may be without AND"},
      {"MERGE INTO t USING s ON a WHEN NOT MATCHED THEN DELETE",
       "1:49: found 'DELETE'; expected INSERT after WHEN NOT MATCHED .. THEN"},
      {"MERGE INTO t USING s ON a WHEN NOT MATCHED THEN INSERT (b, c) VALUES (1)",
       "1:56: found 1 values for 2 columns; give each column one"},
      {"INSERT t SELECT 1", "1:8: found 't'; expected INTO or OVERWRITE after INSERT"},
      {"INSERT INTO t PARTITION (a = 1, A) SELECT 1",
       "1:33: found the column A twice in PARTITION; name it once"},
      {"INSERT INTO t WITH ('partitionOverwriteMode' = 'dynamic') SELECT 1",
       "1:15: found partitionOverwriteMode of INSERT INTO; write INSERT OVERWRITE"},
      {"INSERT INTO t REPLACE SELECT 1", "1:23: found 'SELECT'; expected WHERE after REPLACE"},
      {"ALTER TABLE t ADD x INT",
       "1:19: found 'x'; expected COLUMN, COLUMNS or CONSTRAINT after ADD"},
      {"ALTER TABLE t ADD CONSTRAINT c CHECK price > 0",
       "1:38: found 'price'; expected '(' before the condition of CHECK"},
  });
}

TEST(Refusal, UnsupportedIsToldFromWrong) {
  EXPECT_EQ(parse("TRUNCATE TABLE a", "f").error().code, Code::Unsupported);
  EXPECT_EQ(parse("SELECT a FROM t DISTRIBUTE BY a", "f").error().code, Code::Unsupported);
  EXPECT_EQ(parse("SELECT a FROM", "f").error().code, Code::Invalid);
}

const char* const kLong[] = {
    "CREATE OR REFRESH STREAMING TABLE `a b`.c (x INT NOT NULL COMMENT 'y', z STRUCT<q: "
    "ARRAY<INT>>, CONSTRAINT e EXPECT (x BETWEEN 1 AND 2 OR z.q[0] IS NOT NULL) ON VIOLATION DROP "
    "ROW) PARTITIONED BY (x) TBLPROPERTIES ('k' = 'v', a.b = -1) COMMENT r'c' AS WITH w (n) AS "
    "(SELECT 1) SELECT DISTINCT count(*) FILTER (WHERE a > 1) OVER (PARTITION BY b ORDER BY c "
    "DESC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n, CASE WHEN a LIKE "
    "'x%' ESCAPE '!' THEN INTERVAL '1:02' HOUR TO MINUTE ELSE TRY_CAST(b AS DECIMAL(18, 4)) END, "
    "* EXCEPT (p, q.r) FROM STREAM(read_kafka(subscribe => 't')) WATERMARK ts AS e DELAY OF "
    "INTERVAL 10 SECONDS AS t (m, n) LEFT JOIN u VERSION AS OF 3 USING (x) WHERE EXISTS (SELECT "
    "1 FROM v) AND trim(BOTH 'x' FROM s) NOT IN ('a', \"b\") GROUP BY ALL HAVING x -> 1 WINDOW w "
    "AS (ORDER BY z) UNION ALL (VALUES (1, 2)) ORDER BY 1 LIMIT 5 OFFSET 2; SELECT 1 -- end",
    "SELECT transform(a, (x, y) -> x + y)[0].f::int, -1.5e3D, 10L, X'1F', DATE '2026-01-05', "
    "TIMESTAMP '2026-01-05T14:30:00Z', extract(YEAR FROM t), position('a' IN b), overlay(a "
    "PLACING 'b' FROM 1 FOR 2), substring(a FROM 1 FOR 2), dateadd(DAY, 1, t), a <=> b, a >>> 1, "
    "`c``d` /* e /* f */ */, posexplode(l) AS (p, e) FROM ((SELECT 1) a NATURAL LEFT JOIN (b)) , "
    "LATERAL (SELECT a.x) z, json.`/p` WITH ('o' = 1) , "
    "VALUES (1) AS v(w) LATERAL VIEW OUTER explode(l) t AS e GROUP BY a, ROLLUP(b, (c, d)), "
    "GROUPING SETS ((a), CUBE(e), ()) QUALIFY rank() OVER w = 1; SELECT INTERVAL '1-2' YEAR TO "
    "MONTH, (a, b) IN (SELECT 1, 2) FROM t GROUP BY a WITH CUBE; TABLE t",
    "INSERT OVERWRITE TABLE delta.`/p` WITH ('partitionOverwriteMode' = 'dynamic') PARTITION (a = "
    "'x', b) (c, d) VALUES (1, 2); INSERT INTO t BY NAME REPLACE WHERE a > 1 AND b IS NULL SELECT "
    "1 AS a; ALTER TABLE t ADD COLUMNS (a DECIMAL(10, 2) COMMENT 'c' AFTER b, d INT FIRST); ALTER "
    "TABLE t CHANGE COLUMN a TYPE BIGINT; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0); ALTER "
    "TABLE t UNSET TBLPROPERTIES IF EXISTS ('a', b.c); MERGE WITH SCHEMA EVOLUTION INTO t USING s "
    "ON t.a = s.a WHEN NOT MATCHED THEN INSERT *",
};

TEST(Robustness, EveryPrefixAndEveryHoleIsReadOrRefused) {
  int accepted = 0;
  for (const std::string text : kLong) {
    for (size_t size = 0; size <= text.size(); ++size) {
      accepted += parse(text.substr(0, size), "f").has_value() ? 1 : 0;
      accepted += parse(text.substr(size), "f").has_value() ? 1 : 0;
    }
    for (size_t at = 0; at < text.size(); at += 13) {
      for (const char* put : {"", "(", ")", "'", "`", ",", " NOT ", " SELECT ", "\xFF", " 1 "}) {
        std::string changed = text;
        changed.replace(at, 3, put);
        accepted += parse(changed, "f").has_value() ? 1 : 0;
      }
    }
  }
  EXPECT_GT(accepted, 10);
}

TEST(References, TablesAsWrittenWithoutThoseOfWith) {
  Statement statement = one(
      "CREATE STREAMING TABLE x AS WITH c AS (SELECT * FROM inner_t, c) "
      "SELECT (SELECT max(a) FROM sub) FROM STREAM main.db.s JOIN C ON EXISTS (SELECT 1 FROM ex) "
      "LEFT JOIN (SELECT * FROM deep UNION ALL SELECT * FROM STREAM read_kafka(subscribe => 't')) "
      "d ON true WHERE a IN (SELECT b FROM wh)");
  std::vector<std::string> names;
  for (const Reference& reference : references(statement)) {
    std::string text = reference.streaming ? "STREAM " : "";
    for (const std::string& part : reference.name) text += part + ".";
    names.push_back(text);
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"STREAM ", "STREAM main.db.s.", "c.", "deep.", "ex.",
                                             "inner_t.", "sub.", "wh."}));
}

}  // namespace
}  // namespace ticklake::sql
