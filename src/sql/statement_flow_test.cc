// CREATE FLOW .. AS AUTO CDC and its other spellings: what they say, and the words of each refusal.
#include <gtest/gtest.h>

#include "sql/ast.h"
#include "sql/sql.h"
#include "sql/test_statements.h"

namespace ticklake::sql {
namespace {

std::vector<std::string> names(const ColumnSet& set) {
  std::vector<std::string> out;
  if (set.except) out.emplace_back("*");
  for (const NamedAt& name : set.names) out.push_back(name.name);
  return out;
}

using Names = std::vector<std::string>;

TEST(AutoCdc, AFlowWithEverything) {
  Statement flow =
      one("CREATE FLOW f COMMENT 'prices' AS AUTO CDC INTO a.b FROM STREAM(c.d) KEYS (id, `day`)\n"
          "IGNORE NULL UPDATES ON (x, y) APPLY AS DELETE WHEN op = 'D'\n"
          "SEQUENCE BY struct(ts, seq) COLUMNS * EXCEPT (op, ts) STORED AS SCD TYPE 2\n"
          "TRACK HISTORY ON * EXCEPT (y)");
  EXPECT_EQ(flow.kind, Statement::Kind::Flow);
  EXPECT_EQ(flow.name, Names{"f"});
  EXPECT_EQ(flow.target, (Names{"a", "b"}));
  EXPECT_EQ(flow.comment, "prices");
  ASSERT_TRUE(flow.cdc);
  const AutoCdc& cdc = *flow.cdc;
  EXPECT_TRUE(cdc.source->streaming);
  EXPECT_EQ(std::get<TableName>(cdc.source->node).parts, (Names{"c", "d"}));
  ASSERT_EQ(cdc.keys.size(), 2u);
  EXPECT_EQ(cdc.keys[1].name, "day");
  EXPECT_EQ(names(*cdc.ignore_null), (Names{"x", "y"}));
  EXPECT_EQ(to_text(*cdc.delete_when), "(op = D)");
  EXPECT_EQ(cdc.truncate_when, nullptr);
  EXPECT_EQ(to_text(*cdc.sequence), "struct(ts, seq)");
  EXPECT_EQ(names(*cdc.columns), (Names{"*", "op", "ts"}));
  EXPECT_TRUE(cdc.keeps_history);
  EXPECT_EQ(names(*cdc.history), (Names{"*", "y"}));
}

TEST(AutoCdc, TheLeastAndTheOtherSpellings) {
  Statement flow = one("create flow f as auto cdc into t from stream s keys (id) sequence by ts");
  EXPECT_FALSE(flow.cdc->keeps_history);
  EXPECT_FALSE(flow.cdc->ignore_null);
  EXPECT_FALSE(flow.cdc->columns);
  Statement older =
      one("APPLY CHANGES INTO t FROM STREAM(s) KEYS (id) IGNORE NULL UPDATES "
          "APPLY AS TRUNCATE WHEN op = 'T' SEQUENCE BY ts COLUMNS id, x "
          "STORED AS SCD TYPE 1");
  EXPECT_EQ(older.kind, Statement::Kind::Flow);
  EXPECT_EQ(older.target, Names{"t"});
  EXPECT_EQ(names(*older.cdc->ignore_null), Names{"*"});
  EXPECT_EQ(names(*older.cdc->columns), (Names{"id", "x"}));
  Statement table =
      one("CREATE OR REFRESH STREAMING TABLE t TBLPROPERTIES (a = 1) FLOW AUTO CDC "
          "FROM STREAM s KEYS (id) SEQUENCE BY ts");
  EXPECT_EQ(table.kind, Statement::Kind::StreamingTable);
  EXPECT_EQ(table.query, nullptr);
  ASSERT_TRUE(table.cdc);
  Statement empty = one("CREATE OR REFRESH STREAMING TABLE t (id INT)");
  EXPECT_EQ(empty.query, nullptr);
  EXPECT_EQ(empty.cdc, nullptr);
  auto read = references(flow);
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].name, Names{"s"});
}

TEST(AutoCdc, Refusals) {
  auto flow = [](const std::string& rest) { return "CREATE FLOW f AS AUTO CDC INTO t " + rest; };
  struct Example {
    std::string sql;
    std::string message;
  };
  const std::string order =
      "each clause stands once; the order is FROM, KEYS, IGNORE NULL UPDATES, APPLY AS DELETE "
      "WHEN, APPLY AS TRUNCATE WHEN, SEQUENCE BY, COLUMNS, STORED AS, TRACK HISTORY ON";
  const std::string from = "FROM STREAM s KEYS (id) ";
  const Example examples[] = {
      {"CREATE OR REPLACE FLOW f AS AUTO CDC INTO t",
       "1:1: found CREATE OR .. FLOW; write CREATE FLOW"},
      {"AUTO CDC INTO t", "1:1: found AUTO; write CREATE FLOW name AS AUTO CDC INTO table .."},
      {"CREATE FLOW f AS AUTO CDC ONCE INTO t",
       "1:27: found AUTO CDC ONCE; remove ONCE: the flow takes what is there and then what comes"},
      {"CREATE FLOW f AS SELECT 1", "1:18: found 'SELECT'; expected INSERT INTO or AUTO CDC INTO "
                                      "after AS"},
      {"CREATE STREAMING TABLE t FLOW AUTO CDC INTO t FROM STREAM s KEYS (id) SEQUENCE BY a",
       "1:40: found INTO; remove it: the flow fills the table that it stands in"},
      {flow("FROM s KEYS (id) SEQUENCE BY ts"),
       "1:39: found 's'; AUTO CDC reads a stream: write FROM STREAM(table), of a temporary view "
       "where a query is needed"},
      {flow("FROM STREAM s SEQUENCE BY ts"),
       "1:48: found 'SEQUENCE'; expected KEYS (..), the columns that tell rows of the table apart"},
      {flow("FROM STREAM s KEYS id SEQUENCE BY ts"),
       "1:53: found 'id'; expected '(' and the columns of the key after KEYS"},
      {flow("FROM STREAM s KEYS (id, ID) SEQUENCE BY ts"), "1:58: found 'ID' twice; remove one"},
      {flow("FROM STREAM s KEYS (a.b) SEQUENCE BY ts"),
       "1:54: found 'a...' in a list of columns; name whole columns; put a temporary view before "
       "the flow for others"},
      {flow(from),
       "1:58: found the end; expected SEQUENCE BY and what tells which change is the "
       "later one"},
      {flow(from + "SEQUENCE BY a, b"),
       "1:71: found a second expression of SEQUENCE BY; write SEQUENCE BY struct(a, b)"},
      {flow(from + "SEQUENCE BY a APPLY AS DELETE WHEN b"), "1:72: found APPLY here; " + order},
      {flow(from + "SEQUENCE BY a SYSTEM SEQUENCE BY b"),
       "1:72: found SYSTEM SEQUENCE BY; remove it: SEQUENCE BY alone orders the changes"},
      {flow(from + "SEQUENCE BY a STORED AS BITEMPORAL"),
       "1:82: found STORED AS BITEMPORAL; write STORED AS SCD TYPE 2"},
      {flow(from + "SEQUENCE BY a STORED AS SCD TYPE 3"),
       "1:91: found '3'; expected 1 or 2 after STORED AS SCD TYPE"},
      {flow(from + "APPLY AS TRUNCATE WHEN b SEQUENCE BY a STORED AS SCD TYPE 2"),
       "1:97: found STORED AS SCD TYPE 2 with APPLY AS TRUNCATE WHEN; only SCD TYPE 1 can be "
       "truncated: delete the keys, or remove one of the two"},
      {flow(from + "SEQUENCE BY a TRACK HISTORY ON b"),
       "1:72: found TRACK HISTORY without a history; write STORED AS SCD TYPE 2 before it, or "
       "remove it"},
      {flow(from + "SEQUENCE BY a STORED AS SCD TYPE 2 COLUMNS (b)"),
       "1:93: found COLUMNS here; " + order},
      {flow(from + "SEQUENCE BY a STORD AS SCD TYPE 2"),
       "1:72: found 'STORD'; expected a clause of AUTO CDC or ';'; did you mean STORED?"},
      {flow(from + "SEQUENCE BY a WHERE b"),
       "1:72: found WHERE; filter in a temporary view, and write FROM STREAM(view)"},
  };
  for (const Example& example : examples) {
    EXPECT_EQ(refusal(example.sql), "f.sql:" + example.message) << example.sql;
  }
}

}  // namespace
}  // namespace ticklake::sql
