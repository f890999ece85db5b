#include "sql/lexer.h"

#include <gtest/gtest.h>

namespace ticklake::sql {
namespace {

std::string texts(const std::string& sql) {
  Result<std::vector<Token>> tokens = tokenize(sql, "f");
  if (!tokens) return tokens.error().message;
  std::string out;
  for (const Token& token : *tokens) {
    if (token.kind == Token::Kind::End) break;
    if (!out.empty()) out += "|";
    out += token.text;
  }
  return out;
}

TEST(Lexer, WordsNumbersAndSymbols) {
  EXPECT_EQ(texts("SELECT a.b,c FROM `x y`"), "SELECT|a|.|b|,|c|FROM|x y");
  EXPECT_EQ(texts("1 1.5 .5 1. 1e3 1.5E-2 10L 1.0D 2BD 3s 4Y 5f"),
            "1|1.5|.5|1.|1e3|1.5E-2|10L|1.0D|2BD|3s|4Y|5f");
  EXPECT_EQ(texts("a.1b t.5min 1e _x"), "a|.|1b|t|.|5min|1e|_x");
  EXPECT_EQ(texts("a<=>b<=c<>d!=e==f||g::h->i=>j<<k>>l"),
            "a|<=>|b|<=|c|<>|d|!=|e|==|f||||g|::|h|->|i|=>|j|<<|k|>|>|l");
}

TEST(Lexer, Comments) {
  EXPECT_EQ(texts("a -- b 'c\nd /* e /* f */ g */ h"), "a|d|h");
  EXPECT_EQ(texts("a--"), "a");
  EXPECT_EQ(texts("a/**/b"), "a|b");
  EXPECT_EQ(texts("a\n /* b /* c */"),
            "f:2:2: found a comment that never ends; close each '/*' with '*/'");
}

TEST(Lexer, StringsAndTheirEscapes) {
  EXPECT_EQ(texts(R"('a\'b\"c\\d\ne\tf')"), "a'b\"c\\d\ne\tf");
  EXPECT_EQ(texts("'it''s' \"say \"\"so\"\"\""), "it's|say \"so\"");
  EXPECT_EQ(texts(R"('50\% a\_b \q')"), R"(50\% a\_b q)");
  EXPECT_EQ(texts(R"('\u00e9 \U0001F600 \uD83D\uDE00 \101')"), "é 😀 😀 A");
  EXPECT_EQ(texts(R"('\u12' '\uD83D')"), "u12|\xEF\xBF\xBD");
  EXPECT_EQ(texts(R"(r'a\nb' R"c\d")"), R"(a\nb|c\d)");
  EXPECT_EQ(texts("'größe'"), "größe");
  EXPECT_EQ(texts("a\n 'b"),
            "f:2:2: found a string that never ends; close it with ' (inside a string, write \\')");
  EXPECT_EQ(texts("'a\\"),
            "f:1:1: found a string that never ends; close it with ' (inside a string, write \\')");
}

TEST(Lexer, NamesInBackticks) {
  EXPECT_EQ(texts("`a``b` `größe`"), "a`b|größe");
  EXPECT_EQ(texts("`a"), "f:1:1: found a name in backticks that never ends; close it with `");
  EXPECT_EQ(texts("``"), "f:1:1: found an empty name (``); write a name between the backticks");
}

TEST(Lexer, WhatBeginsNothing) {
  EXPECT_EQ(texts("a é"),
            "f:1:3: found 'é', which begins nothing in SQL; write names with such letters in "
            "backticks");
  EXPECT_EQ(texts("größe"),
            "f:1:3: found 'ö', which begins nothing in SQL; write names with such letters in "
            "backticks");
  EXPECT_EQ(texts("a\xC2\xA0" "b"),
            "f:1:2: found a no-break space (U+00A0); write an ordinary blank");
  EXPECT_EQ(texts("a = ‘b’"),
            "f:1:5: found '‘'; write plain quotes, hyphens and blanks instead of typographic "
            "ones");
  EXPECT_EQ(texts(std::string("a \0", 3)),
            "f:1:3: found '\\x00', which begins nothing in SQL; remove it");
  EXPECT_EQ(texts("a 'é\xFF'"),
            "f:1:5: found bytes that are not UTF-8; save the file as UTF-8");
  EXPECT_EQ(texts("1.5abc"),
            "f:1:1: found '1.5abc', which is neither a number nor a name; number suffixes are L, "
            "S, Y, D, F and BD");
}

TEST(Lexer, PositionsCountCharactersAndLines) {
  Result<std::vector<Token>> tokens = tokenize("\xEF\xBB\xBF'é' a\r\n\tb", "f");
  ASSERT_TRUE(tokens);
  ASSERT_EQ(tokens->size(), 4u);
  EXPECT_EQ((*tokens)[0].position.column, 1);
  EXPECT_EQ((*tokens)[1].position.column, 5);
  EXPECT_EQ((*tokens)[2].position.line, 2);
  EXPECT_EQ((*tokens)[2].position.column, 2);
}

}  // namespace
}  // namespace ticklake::sql
