#include <gtest/gtest.h>

#include "base/text.h"
#include "sql/sql.h"

namespace ticklake::sql {
namespace {

Catalog catalog_of(const Statement& view) {
  Catalog out;
  out.find = [view](const std::vector<std::string>& name) -> std::optional<Relation> {
    auto schema = *parse_ddl("a INT, b BIGINT, bytes BINARY, s STRUCT<a: INT>");
    if (name.back() == "t") return Relation{"c.d.t", schema, nullptr};
    if (name.back() == "v") {
      return Relation{"c.d.v", {}, std::make_shared<const Statement>(view)};
    }
    return {};
  };
  return out;
}

// The columns picked, or "" where the statement does more; "!" and why where it is refused.
std::string picked(const std::string& query, const std::string& columns = "") {
  auto views = parse("CREATE TEMPORARY VIEW v AS SELECT b AS a, a AS b FROM STREAM t", "v.sql");
  auto statements = parse("CREATE STREAMING TABLE x " + columns + " AS " + query, "f.sql");
  if (!statements || !views) return "!" + (views ? statements : views).error().message;
  auto plan = analyze(statements->front(), catalog_of(views->front()), {.file = "f.sql"});
  if (!plan) return "!" + plan.error().message;
  return joined(plan->picked, ",");
}

TEST(PassThrough, IsWhatOnlyPicksColumns) {
  EXPECT_EQ(picked("SELECT b AS c, A FROM STREAM t"), "b,a");
  EXPECT_EQ(picked("SELECT CAST(bytes AS STRING) AS raw, s FROM STREAM t"), "bytes,s");
  EXPECT_EQ(picked("SELECT CAST(a AS INT) AS a FROM STREAM t"), "a");
  EXPECT_EQ(picked("SELECT CAST(value AS STRING) AS raw, offset FROM STREAM read_kafka("
                   "bootstrapServers => 'embedded', subscribe => 'ticks')"),
            "value,offset");
  EXPECT_EQ(picked("SELECT a, b FROM STREAM t", "(x INT COMMENT 'renamed', y BIGINT)"), "a,b");
}

TEST(PassThrough, WhatDoesMoreIsNot) {
  for (const char* query :
       {"SELECT a FROM STREAM t WHERE b > 1", "SELECT a + 1 AS a FROM STREAM t",
        "SELECT CAST(a AS BIGINT) AS a FROM STREAM t", "SELECT s.a FROM STREAM t",
        "SELECT CAST(a AS STRING) AS a FROM STREAM t", "SELECT 1 AS one FROM STREAM t",
        "SELECT a FROM (SELECT b AS a FROM STREAM t)", "SELECT * FROM STREAM t"}) {
    EXPECT_EQ(picked(query), "") << query;
  }
  EXPECT_EQ(picked("SELECT a, b FROM STREAM t", "(b BIGINT, a INT)"), "") << "taken by name";
  EXPECT_EQ(picked("SELECT a FROM STREAM t", "(a INT, CONSTRAINT c EXPECT (a > 1))"), "");
}

TEST(PassThrough, AViewsColumnsAreNotItsInputs) {
  std::string answer = picked("SELECT a FROM STREAM v");
  EXPECT_TRUE(answer.empty() || answer[0] == '!') << answer;
  answer = picked("SELECT a FROM v");
  EXPECT_TRUE(answer.empty() || answer[0] == '!') << answer;
}

}  // namespace
}  // namespace ticklake::sql
