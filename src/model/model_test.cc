#include <arrow/type.h>
#include <gtest/gtest.h>

#include "model/arrow.h"
#include "model/type.h"

namespace ticklake {
namespace {

TEST(TypeTest, EveryTypeGoesThroughItsThreeViews) {
  auto schema = parse_ddl(
      "a BOOLEAN, b TINYINT, c SMALLINT, d INT, e BIGINT, f FLOAT, g DOUBLE, h DECIMAL(18,4), i "
      "STRING NOT NULL, "
      "j BINARY, k DATE, l TIMESTAMP, m TIMESTAMP_NTZ, n STRUCT<x: INT, `y z`: STRING>, o "
      "ARRAY<DECIMAL(38,0)>, "
      "p MAP<STRING, ARRAY<STRUCT<q: DATE>>>");
  ASSERT_TRUE(schema) << schema.error().message;
  auto again = parse_ddl(to_ddl(*schema));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, *schema);
  auto from_delta = schema_from_delta_json(to_delta_json(*schema));
  ASSERT_TRUE(from_delta) << from_delta.error().message;
  EXPECT_EQ(*from_delta, *schema);
  auto back = schema_from_arrow(*to_arrow(*schema));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, *schema);
}

TEST(TypeTest, CommentsAndMetadataSurviveDelta) {
  Schema schema{{Field{"a", Kind::Integer, false, "how many", R"({"k":[1]})"}}};
  EXPECT_EQ(to_delta_json(schema),
            R"({"type":"struct","fields":[{"name":"a","type":"integer","nullable":false,)"
            R"("metadata":{"k":[1],"comment":"how many"}}]})");
  EXPECT_EQ(*schema_from_delta_json(to_delta_json(schema)), schema);
}

TEST(TypeTest, WrongTextSaysWhatAndWhere) {
  struct Case {
    std::string_view text, message;
  };
  for (auto [text, message] :
       {Case{"a DOUBEL",
             "expected a type (did you mean DOUBLE?) at character 3 of the type \"a DOUBEL\", "
             "found \"DOUBEL\""},
        Case{"a INT b",
             "expected \",\" or the end at character 7 of the type \"a INT b\", found \"b\""},
        Case{"a ARRAY<INT",
             "expected \">\" at character 12 of the type \"a ARRAY<INT\", found its end"},
        Case{"a DECIMAL(39,0)",
             "expected a number from 1 to 38 at character 11 of the type \"a DECIMAL(39,0)\", "
             "found \"39\""}}) {
    auto parsed = parse_ddl(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message);
  }
  std::string deep = "a ";
  for (int i = 0; i < 10'000; ++i) deep += "ARRAY<";
  EXPECT_FALSE(parse_ddl(deep));
}

TEST(TypeTest, UnreadableDeltaSchemasAreErrors) {
  for (std::string_view bad : {"", "[]", "{}", R"({"fields":[{"name":"a"}]})",
                               R"({"fields":[{"name":"a","type":"variant"}]})",
                               R"({"fields":[{"name":"a","type":{"type":"array"}}]})"}) {
    EXPECT_FALSE(schema_from_delta_json(bad)) << bad;
  }
}

TEST(TypeTest, ColumnsAreFoundIgnoringCase) {
  Schema schema{{Field{"Price", Kind::Double}}};
  EXPECT_EQ(schema.find("pRICE"), 0);
  EXPECT_EQ(schema.find("prices"), -1);
}

}  // namespace
}  // namespace ticklake
