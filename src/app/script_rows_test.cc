#include "app/script_rows.h"

#include <gtest/gtest.h>

#include "formats/formats.h"

namespace ticklake::app {
namespace {

Schema ticks() {
  return Schema{{{.name = "symbol", .type = Type{Kind::String}},
                 {.name = "ts", .type = Type{Kind::Timestamp}},
                 {.name = "price", .type = Type{Kind::Double}}}};
}

CellRows found(const Schema& schema, const std::string& json_lines) {
  auto batch = formats::from_json_lines(json_lines, schema);
  EXPECT_TRUE(batch) << (batch ? "" : batch.error().message);
  auto rows = cell_rows(schema, {*batch});
  EXPECT_TRUE(rows) << (rows ? "" : rows.error().message);
  return *rows;
}

ExpectedRows expected(const std::vector<std::string>& block) {
  auto rows = parse_rows(block, 10, "a.test");
  EXPECT_TRUE(rows) << (rows ? "" : rows.error().message);
  return *rows;
}

TEST(ScriptRows, ValuesAreComparedNotTheirTexts) {
  auto rows = found(ticks(), R"({"symbol":"IBM","ts":"2026-01-05T14:30:00Z","price":141.2}
{"symbol":null,"ts":null,"price":1}
)");
  EXPECT_EQ(difference(expected({"symbol | ts | price", "-------+----+------", "NULL | NULL | 1",
                                 "| IBM | 2026-01-05 15:30:00+01:00 | 141.200 |"}),
                       rows, false),
            "");
}

TEST(ScriptRows, TextsThatWouldBeReadOtherwiseAreQuoted) {
  Schema schema{{{.name = "text", .type = Type{Kind::String}}}};
  auto rows = found(schema, R"({"text":"NULL"}
{"text":""}
{"text":" a"}
{"text":"a|b"}
{"text":"{\"a\":\"x|y\"}"}
{"text":"half \""}
{"text":null}
)");
  std::vector<std::string> drawn = drawn_rows(rows);
  EXPECT_EQ(drawn, (std::vector<std::string>{"text", R"("NULL")", R"("")", R"(" a")", R"("a|b")",
                                             R"({"a":"x|y"})", R"("half \"")", "NULL"}));
  EXPECT_EQ(difference(expected(drawn), rows, true), "");
}

TEST(ScriptRows, MissingUnexpectedAndDifferingRowsAreToldApart) {
  auto rows = found(ticks(), R"({"symbol":"IBM","ts":"2026-01-05T14:30:00Z","price":141.2}
{"symbol":"AAPL","ts":"2026-01-05T14:31:00Z","price":9}
{"symbol":"GOOG","ts":"2026-01-05T14:32:00Z","price":7}
)");
  EXPECT_EQ(
      difference(expected({"symbol | ts | price", "IBM | 2026-01-05T14:30:00Z | 141.2",
                           "MSFT | 2026-01-06T00:00:00Z | 5", "AAPL | 2026-01-05T14:31:00Z | 10"}),
                 rows, false),
      "1 row missing, 1 row unexpected, 1 row with other values; 1 as expected\n"
      "                     symbol | ts                   | price\n"
      "  missing, line 12   MSFT   | 2026-01-06T00:00:00Z | 5\n"
      "  unexpected         GOOG   | 2026-01-05T14:32:00Z | 7.0\n"
      "  expected, line 13  AAPL   | 2026-01-05T14:31:00Z | 10\n"
      "  found              AAPL   | 2026-01-05T14:31:00Z | 9.0\n"
      "                                                     ^^^\n");
}

TEST(ScriptRows, OrderCountsWhereTheQueryHasOne) {
  Schema schema{{{.name = "n", .type = Type{Kind::Long}}}};
  auto rows = found(schema, "{\"n\":1}\n{\"n\":2}\n{\"n\":2}\n");
  EXPECT_EQ(difference(expected({"n", "2", "1", "2"}), rows, false), "");
  EXPECT_EQ(difference(expected({"n", "1", "2", "2"}), rows, true), "");
  EXPECT_EQ(difference(expected({"n", "2", "1", "2"}), rows, true),
            "the rows are right, their order is not\n"
            "                     n\n"
            "  expected, line 11  2\n"
            "  found there        1\n");
  EXPECT_EQ(difference(expected({"n", "1", "2"}), rows, true),
            "1 row unexpected; 2 as expected\n              n\n  unexpected  2\n");
}

TEST(ScriptRows, RowsOfAnotherWidthAndNoNamesAreRefused) {
  auto width = parse_rows({"a | b", "1"}, 10, "a.test");
  ASSERT_FALSE(width);
  EXPECT_EQ(width.error().message,
            "a.test:11: this row has 1 cell, the line of names has 2; put a cell that holds a | "
            "into double quotes");
  EXPECT_FALSE(parse_rows({}, 10, "a.test"));
}

}  // namespace
}  // namespace ticklake::app
