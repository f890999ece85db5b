// What AUTO CDC becomes: the events' query, the rules, the target's columns; and what is refused.
#include <gtest/gtest.h>

#include "base/text.h"
#include "sql/sql.h"

namespace ticklake::sql {
namespace {

using Names = std::vector<std::string>;

Catalog catalog() {
  static const Schema schema = *parse_ddl(
      "id INT, name STRING, price DOUBLE, op STRING, ts TIMESTAMP, seq BIGINT, tags MAP<STRING, "
      "STRING>, place STRUCT<a: INT, b: STRING>");
  Catalog out;
  out.find = [](const std::vector<std::string>& name) -> std::optional<Relation> {
    static const Schema taken = *parse_ddl("id INT, __Cdc_file INT, ts TIMESTAMP");
    if (name.back() == "taken") return Relation{"c.d.taken", taken, nullptr};
    if (name.back() != "s") return {};
    return Relation{"c.d.s", schema, nullptr};
  };
  return out;
}

Result<ChangePlan> plan(const std::string& flow, const std::string& table = "t") {
  auto statements = parse("CREATE STREAMING TABLE " + table +
                              ";\nCREATE FLOW f AS AUTO CDC INTO t FROM STREAM s " + flow,
                          "f.sql");
  if (!statements) return statements.error();
  return analyze_changes(*(*statements)[1].cdc, "f.sql", (*statements)[0], catalog(), 0);
}

std::string refusal(const std::string& flow, const std::string& table = "t") {
  auto result = plan(flow, table);
  return result ? "accepted" : result.error().message;
}

Names columns(const Schema& schema) {
  Names out;
  for (const auto& field : schema.fields) out.push_back(field.name);
  return out;
}

TEST(Changes, AllColumnsByDefault) {
  auto made = plan("KEYS (id) SEQUENCE BY ts");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->rules.keys, Names{"id"});
  EXPECT_EQ(columns(made->target),
            (Names{"id", "name", "price", "op", "ts", "seq", "tags", "place"}));
  EXPECT_FALSE(made->rules.keeps_history);
  EXPECT_EQ(made->events_plan.output.fields.back().name, "__operation");
  EXPECT_TRUE(made->events_plan.streaming);
  EXPECT_TRUE(made->events_plan.has_row);
}

TEST(Changes, ListsAndHistory) {
  auto made = plan(
      "KEYS (ID) IGNORE NULL UPDATES ON * EXCEPT (name) APPLY AS DELETE WHEN op = 'D' "
      "SEQUENCE BY struct(ts, seq) COLUMNS * EXCEPT (op, tags, place, seq) "
      "STORED AS SCD TYPE 2 TRACK HISTORY ON (price)");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->rules.keys, Names{"id"});
  EXPECT_EQ(columns(made->target), (Names{"id", "name", "price", "ts", "__START_AT", "__END_AT"}));
  EXPECT_EQ(to_sql(made->target.fields[4].type), "STRUCT<ts: TIMESTAMP, seq: BIGINT>");
  EXPECT_EQ(made->rules.tracked, Names{"price"});
  EXPECT_EQ(made->rules.filled, (Names{"id", "price", "ts"}));
}

TEST(Changes, TheListOfTheTableCastsAndOrders) {
  auto made = plan("KEYS (id) SEQUENCE BY seq COLUMNS (id, price) STORED AS SCD TYPE 2",
                   "t (price DECIMAL(10,2) COMMENT 'last', Id BIGINT NOT NULL, __START_AT BIGINT, "
                   "__END_AT BIGINT, CONSTRAINT positive EXPECT (price > 0) ON VIOLATION DROP ROW)"
                   " TBLPROPERTIES ('ticklake.pace' = '1 s', 'delta.appendOnly' = 'false')");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(columns(made->target), (Names{"price", "Id", "__START_AT", "__END_AT"}));
  EXPECT_EQ(made->rules.keys, Names{"Id"});
  EXPECT_EQ(to_sql(made->target.fields[0].type), "DECIMAL(10,2)");
  EXPECT_EQ(made->target.fields[0].comment, "last");
  EXPECT_FALSE(made->target.fields[1].nullable);
  EXPECT_TRUE(made->events_plan.output.fields[1].nullable);
  EXPECT_EQ(made->events_plan.expectations, 1);
  EXPECT_EQ(made->events.properties,
            (std::map<std::string, std::string>{{"ticklake.pace", "1 s"}}));
}

TEST(Changes, Refusals) {
  struct Example {
    std::string flow;
    std::string message;
    std::string table = "t";
  };
  const Example examples[] = {
      {"KEYS (idd) SEQUENCE BY ts", "2:54: KEYS names idd, which is not there; did you mean id?"},
      {"KEYS (id) SEQUENCE BY ts COLUMNS (name, ts)",
       "2:54: the key id is not among COLUMNS; add it there"},
      {"KEYS (place) SEQUENCE BY ts",
       "2:54: the key place is STRUCT<a: INT, b: STRING>; a key is of a simple type"},
      {"KEYS (id) SEQUENCE BY tags",
       "2:70: SEQUENCE BY tags is MAP<STRING, STRING>, which has no order; use a number, a time, a "
       "text or a struct of such"},
      {"KEYS (id) SEQUENCE BY current_timestamp()",
       "2:70: SEQUENCE BY current_timestamp() says nothing about the row; name a column of the "
       "source that tells which change is the later one"},
      {"KEYS (id) IGNORE NULL UPDATES ON (x) SEQUENCE BY ts",
       "2:82: IGNORE NULL UPDATES ON names x, which is not there; there are id, name, price, op, "
       "ts, seq, tags, place"},
      {"KEYS (id) SEQUENCE BY ts COLUMNS (id, name) STORED AS SCD TYPE 2 TRACK HISTORY ON (price)",
       "2:131: TRACK HISTORY ON names price, which is not there; there are id, name"},
      {"KEYS (id) SEQUENCE BY ts COLUMNS (id, name)",
       "1:27: column price is not one of AUTO CDC, which gives id, name", "t (price DOUBLE)"},
      {"KEYS (id) SEQUENCE BY ts COLUMNS (id, name)",
       "1:27: the column list lacks name; add it, or leave it out with COLUMNS", "t (id INT)"},
      {"KEYS (id) SEQUENCE BY ts COLUMNS (id) STORED AS SCD TYPE 2",
       "1:27: the column list lacks __START_AT; declare it with the type of SEQUENCE BY, TIMESTAMP",
       "t (id INT)"},
      {"KEYS (id) SEQUENCE BY ts COLUMNS (id) STORED AS SCD TYPE 2",
       "1:35: __START_AT is TIMESTAMP, as SEQUENCE BY is; declare it so",
       "t (id INT, __START_AT INT, __END_AT TIMESTAMP)"},
      {"KEYS (id) SEQUENCE BY ts COLUMNS (id)",
       "1:1: PARTITIONED BY names day, which is not a column; there are id",
       "t PARTITIONED BY (day)"},
  };
  for (const Example& example : examples) {
    EXPECT_EQ(refusal(example.flow, example.table), "f.sql:" + example.message) << example.flow;
  }
}

TEST(Changes, NamesThatAreTaken) {
  auto statements = parse(
      "CREATE STREAMING TABLE t FLOW AUTO CDC FROM STREAM taken KEYS (id) "
      "SEQUENCE BY ts",
      "f.sql");
  ASSERT_TRUE(statements);
  const Statement& table = (*statements)[0];
  auto made = analyze_changes(*table.cdc, "f.sql", table, catalog(), 0);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message,
            "f.sql:1:40: the column name __Cdc_file is reserved; leave it out with COLUMNS * "
            "EXCEPT (__Cdc_file), or rename it in a temporary view");
}

}  // namespace
}  // namespace ticklake::sql
