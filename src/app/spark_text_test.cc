#include "app/spark_text.h"

#include <gtest/gtest.h>

namespace ticklake::app {
namespace {

std::vector<std::string> texts(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& token : spark_tokens(text)) {
    out.push_back(std::string(token.text) + "@" + std::to_string(token.depth));
  }
  return out;
}

TEST(SparkText, TokensLeaveCommentsOutAndKeepQuotedTextsWhole) {
  EXPECT_EQ(texts("a_1 -- b (\n/* c */(d, 'it''s \\' (' , `e``f`)\"g\""),
            (std::vector<std::string>{"a_1@0", "(@0", "d@1", ",@1", "'it'@1", "'s \\' ('@1", ",@1",
                                      "`e`@1", "`f`@1", ")@0", "\"g\"@0"}));
  EXPECT_EQ(
      texts("SELECT /*+ h */ 'open"),
      (std::vector<std::string>{"SELECT@0", "/@0", "*@0", "+@0", "h@0", "*@0", "/@0", "'open@0"}));
  EXPECT_TRUE(texts("-- all\n/* all").empty());
}

TEST(SparkText, WordsAreFoundOutsideParenthesesInAnyCase) {
  auto tokens = spark_tokens("CREATE t (c AS x) as select");
  auto at = find_words(tokens, {"AS"});
  ASSERT_TRUE(at);
  EXPECT_EQ(tokens[*at].begin, 18U);
  EXPECT_EQ(end_of(tokens[*at]), 20U);
  EXPECT_TRUE(find_words(tokens, {"AS", "SELECT"}));
  EXPECT_FALSE(find_words(tokens, {"AS"}, *at + 1));
  EXPECT_FALSE(find_words(tokens, {"SELECT", "FROM"}));
}

TEST(SparkText, TheStarOverACallLosesAColumn) {
  auto changed = [](const std::string& text) {
    auto tokens = spark_tokens(text);
    size_t call = 0, behind = 0;
    while (!tokens[call].is("read_files")) ++call;
    auto star = find_star(tokens, call);
    if (!star) return text;
    std::string made = text.substr(0, tokens[*star].begin);
    made += star_without(tokens, *star, "m", &behind);
    return made + text.substr(end_of(tokens[behind - 1]));
  };
  EXPECT_EQ(changed("SELECT * FROM read_files()"), "SELECT * EXCEPT (m) FROM read_files()");
  EXPECT_EQ(changed("SELECT a, * EXCEPT (b) FROM STREAM(read_files())"),
            "SELECT a, * EXCEPT (m, b) FROM STREAM(read_files())");
  EXPECT_EQ(changed("SELECT * FROM (SELECT DISTINCT *, m.x FROM STREAM read_files())"),
            "SELECT * FROM (SELECT DISTINCT * EXCEPT (m), m.x FROM STREAM read_files())");
  std::string other = "SELECT * FROM t UNION ALL SELECT a * 2, m.x FROM read_files()";
  EXPECT_EQ(changed(other), other);
}

TEST(SparkText, NamesAndTextsAreQuotedAsSparkReadsThem) {
  EXPECT_EQ(spark_name("a_1"), "a_1");
  EXPECT_EQ(spark_name("1a"), "`1a`");
  EXPECT_EQ(spark_name("a`b"), "`a``b`");
  EXPECT_EQ(spark_name(std::vector<std::string>{"a", "b c"}), "a.`b c`");
  EXPECT_EQ(spark_string("it's \\"), "'it\\'s \\\\'");
}

}  // namespace
}  // namespace ticklake::app
