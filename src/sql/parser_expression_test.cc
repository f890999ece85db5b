// Expressions, seen through to_text().
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sql/parser.h"

namespace ticklake::sql {
namespace {

Result<ExpressionPtr> parsed(const std::string& text) {
  const std::string file = "f";
  Result<std::vector<Token>> tokens = tokenize(text, file);
  if (!tokens) return tokens.error();
  return Parser(text, file, *tokens).whole_expression();
}

std::string text_of(const std::string& sql) {
  Result<ExpressionPtr> result = parsed(sql);
  return result ? to_text(**result) : result.error().message;
}

struct Example {
  std::string sql;
  std::string expected;
};

void check(std::initializer_list<Example> cases) {
  for (const Example& one : cases) EXPECT_EQ(text_of(one.sql), one.expected) << one.sql;
}

TEST(Expression, ArithmeticBindsAsInSpark) {
  check({
      {"1 + 2 * 3", "(1 + (2 * 3))"},
      {"(1 + 2) * 3", "((1 + 2) * 3)"},
      {"a - b - c", "((a - b) - c)"},
      {"a / b % c DIV d", "(((a / b) % c) div d)"},
      {"-a * b", "((- a) * b)"},
      {"- - a", "(- (- a))"},
      {"-+~a", "(- (+ ~a))"},
      {"a - -1", "(a - -1)"},
      {"a -1", "(a - 1)"},
      {"-1::string", "CAST(-1 AS STRING)"},
      {"a || b || 'c'", "concat(concat(a, b), c)"},
      {"a + b || c", "concat((a + b), c)"},
      {"a | b & c ^ d", "(a | ((b & c) ^ d))"},
      {"a & b << 2 + 1", "(a & (b << (2 + 1)))"},
      {"a >> 1 >>> 2", "((a >> 1) >>> 2)"},
      {"a > > b", "f:1:5: found '>'; expected an expression"},
  });
}

TEST(Expression, ComparisonsBindLooserThanArithmeticAndTighterThanNot) {
  check({
      {"a = b + 1", "(a = (b + 1))"},
      {"a == b", "(a = b)"},
      {"a <> b", "(NOT (a = b))"},
      {"a != b", "(NOT (a = b))"},
      {"a <=> NULL", "(a <=> NULL)"},
      {"a < b = c", "((a < b) = c)"},
      {"a | 1 = 3", "((a | 1) = 3)"},
      {"NOT a = b", "(NOT (a = b))"},
      {"!a", "(NOT a)"},
      {"NOT NOT a", "(NOT (NOT a))"},
      {"NOT a AND b", "((NOT a) AND b)"},
      {"a = NOT b", "f:1:5: found 'NOT' behind a comparison; put NOT .. in parentheses"},
      {"a OR b AND c", "(a OR (b AND c))"},
      {"a AND b OR c AND d", "((a AND b) OR (c AND d))"},
      {"a = b IS NULL", "((a = b) IS NULL)"},
  });
}

TEST(Expression, LongChainsAreBalancedAsInSpark) {
  check({
      {"a AND b AND c", "((a AND b) AND c)"},
      {"a AND b AND c AND d", "((a AND b) AND (c AND d))"},
      {"a OR b OR c OR d OR e", "(((a OR b) OR c) OR (d OR e))"},
  });
  std::string chain = "a = 0";
  for (int i = 1; i < 5000; ++i) chain += fmt::format(" OR a = {}", i);
  Result<ExpressionPtr> result = parsed(chain);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_LT((*result)->depth, 20);
}

TEST(Expression, Predicates) {
  check({
      {"a BETWEEN 1 AND 2 AND b", "(between(a, 1, 2) AND b)"},
      {"a NOT BETWEEN b - 1 AND b + 1", "(NOT between(a, (b - 1), (b + 1)))"},
      {"a IN (1, 2, 3)", "(a IN (1, 2, 3))"},
      {"a + 1 NOT IN (1)", "(NOT ((a + 1) IN (1)))"},
      {"a LIKE 'x%'", "a LIKE x%"},
      {"a NOT LIKE 'x!%' ESCAPE '!'", "(NOT a LIKE x!% ESCAPE '!')"},
      {"a ILIKE 'x'", "ilike(a, x)"},
      {"a RLIKE '^x'", "RLIKE(a, ^x)"},
      {"a REGEXP '^x'", "RLIKE(a, ^x)"},
      {"a LIKE ANY ('x', 'y')", "(a LIKE x OR a LIKE y)"},
      {"a NOT LIKE ALL ('x', 'y')", "((NOT a LIKE x) AND (NOT a LIKE y))"},
      {"a IS NULL", "(a IS NULL)"},
      {"a IS NOT NULL", "(a IS NOT NULL)"},
      {"a IS TRUE", "(a <=> true)"},
      {"a IS NOT FALSE", "(NOT (a <=> false))"},
      {"a IS UNKNOWN", "(a IS NULL)"},
      {"a IS DISTINCT FROM b", "(NOT (a <=> b))"},
      {"a IS NOT DISTINCT FROM b", "(a <=> b)"},
      {"a IN (SELECT b FROM t)", "(a IN (listquery()))"},
      {"NOT EXISTS (SELECT 1)", "(NOT exists())"},
      {"(SELECT max(a) FROM t) + 1", "(scalarsubquery() + 1)"},
      {"((SELECT 1)) + ((SELECT 2) - 1)", "(scalarsubquery() + (scalarsubquery() - 1))"},
      {"exists(a, x -> x > 1)",
       "exists(a, lambdafunction((namedlambdavariable() > 1), namedlambdavariable()))"},
  });
}

TEST(Expression, CaseAndCasts) {
  check({
      {"CASE WHEN a > 1 THEN 'x' ELSE 'y' END", "CASE WHEN (a > 1) THEN x ELSE y END"},
      {"CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END",
       "CASE WHEN (a = 1) THEN x WHEN (a = 2) THEN y END"},
      {"CASE WHEN CASE WHEN a THEN b END THEN 1 END",
       "CASE WHEN CASE WHEN a THEN b END THEN 1 END"},
      {"CAST(a AS decimal(18, 4))", "CAST(a AS DECIMAL(18,4))"},
      {"TRY_CAST(a AS DOUBLE)", "TRY_CAST(a AS DOUBLE)"},
      {"a::int::bigint + 1", "(CAST(CAST(a AS INT) AS BIGINT) + 1)"},
      {"cast(a as array<array<int>>)", "CAST(a AS ARRAY<ARRAY<INT>>)"},
      {"cast(a as map<string, struct<b: int, c array<long>>>)",
       "CAST(a AS MAP<STRING, STRUCT<b: INT, c: ARRAY<BIGINT>>>)"},
  });
}

TEST(Expression, CallsInAllSpellings) {
  check({
      {"COUNT(*)", "count(1)"},
      {"count(DISTINCT a, b)", "count(DISTINCT a, b)"},
      {"sum(ALL a)", "sum(a)"},
      {"sum(a) FILTER (WHERE b > 1)", "sum(a) FILTER (WHERE (b > 1))"},
      {"nth_value(a, 2) IGNORE NULLS", "nth_value(a, 2) ignore nulls"},
      {"nth_value(a, 2 IGNORE NULLS)", "nth_value(a, 2) ignore nulls"},
      {"f(a, b => 1)", "f(a, b => 1)"},
      {"substring(a FROM 2 FOR 3)", "substring(a, 2, 3)"},
      {"substr(a FROM 2)", "substr(a, 2, 2147483647)"},
      {"trim(a)", "trim(a)"},
      {"trim('x' FROM a)", "TRIM(BOTH x FROM a)"},
      {"trim(LEADING FROM a)", "ltrim(a)"},
      {"trim(TRAILING 'x' FROM a)", "TRIM(TRAILING x FROM a)"},
      {"trim(both)", "trim(both)"},
      {"position('x' IN a)", "locate(x, a, 1)"},
      {"position('x', a)", "position(x, a, 1)"},
      {"overlay(a PLACING 'x' FROM 2 FOR 1)", "overlay(a, x, 2, 1)"},
      {"extract(year FROM t)", "extract(year FROM t)"},
      {"dateadd(DAY, 1, t)", "timestampadd(DAY, 1, t)"},
      {"date_add(t, 1)", "date_add(t, 1)"},
      {"datediff(hour, a, b)", "timestampdiff(HOUR, a, b)"},
      {"current_timestamp", "current_timestamp()"},
      {"current_date()", "current_date()"},
      {"left(a, 2) || right(b, 1)", "concat(left(a, 2), right(b, 1))"},
      {"if(a, b, c)", "(IF(a, b, c))"},
      {"struct(a AS x, b)", "struct(a AS x, b)"},
      {"(a, b + 1)", "named_struct(a, a, col2, (b + 1))"},
      {"transform(a, x -> x + 1)",
       "transform(a, lambdafunction((namedlambdavariable() + 1), namedlambdavariable()))"},
      {"aggregate(a, 0, (x, y) -> x + y)",
       "aggregate(a, 0, lambdafunction((namedlambdavariable() + namedlambdavariable()), "
       "namedlambdavariable(), namedlambdavariable()), lambdafunction(namedlambdavariable(), "
       "namedlambdavariable()))"},
  });
}

TEST(Expression, WindowsWithSparksDefaultFrames) {
  const std::string ranked =
      "row_number() OVER (PARTITION BY a ORDER BY b DESC NULLS LAST ROWS BETWEEN UNBOUNDED "
      "PRECEDING AND CURRENT ROW)";
  check({
      {"row_number() OVER (PARTITION BY a ORDER BY b DESC)", ranked},
      {"sum(x) OVER ()",
       "sum(x) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"},
      {"sum(x) OVER (ORDER BY a, b NULLS LAST)",
       "sum(x) OVER (ORDER BY a ASC NULLS FIRST, b ASC NULLS LAST RANGE BETWEEN UNBOUNDED "
       "PRECEDING AND CURRENT ROW)"},
      {"avg(x) OVER (ORDER BY t ROWS 2 PRECEDING)",
       "avg(x) OVER (ORDER BY t ASC NULLS FIRST ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"},
      {"avg(x) OVER (ORDER BY t RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND 1 FOLLOWING)",
       "avg(x) OVER (ORDER BY t ASC NULLS FIRST RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND 1 "
       "FOLLOWING)"},
      {"lag(x) OVER (ORDER BY t)",
       "lag(x, 1, NULL) OVER (ORDER BY t ASC NULLS FIRST ROWS BETWEEN -1 FOLLOWING AND -1 "
       "FOLLOWING)"},
      {"sum(x) OVER w", "sum(x) OVER w"},
      {"sum(x) OVER (w)", "sum(x) OVER w"},
      {"sum(x) OVER (ROWS BETWEEN UNBOUNDED FOLLOWING AND CURRENT ROW)",
       "f:1:27: found UNBOUNDED FOLLOWING as the start of a window frame; the start of a frame "
       "comes before its end"},
      {"sum(x) OVER (PARTITON BY a)",
       "f:1:14: found 'PARTITON'; expected PARTITION BY, ORDER BY, ROWS, RANGE or ')' in a "
       "window; did you mean PARTITION?"},
  });
}

TEST(Expression, NamesPathsAndSubscripts) {
  check({
      {"a.b.c", "a.b.c"},
      {"`a b`.`c``d`", "a b.c`d"},
      {"a[0].b[1]", "a[0].b[1]"},
      {"f(x).y.z", "f(x).y.z"},
      {"(a).b", "a.b"},
      {"date + timestamp + window.end", "((date + timestamp) + window.end)"},
      {"interval - 5", "(interval - 5)"},
      {"offset + values + first + last + open + close + end",
       "((((((offset + values) + first) + last) + open) + close) + end)"},
      {"left + right", "(left + right)"},
      {"2024_data + 5min", "(2024_data + 5min)"},
      {"`from`", "from"},
      {"t.from", "t.from"},
      {"from",
       "f:1:1: found 'from'; expected an expression (a column of this name goes in backticks)"},
      {"a:b", "f:1:2: found a path into JSON text (column:field); read the text with "
              "from_json(..) or get_json_object(..)"},
      {"(price volume)", "f:1:8: found 'volume'; expected ')' or an operator"},
  });
}

TEST(Expression, DefaultNamesAreThoseOfSpark) {
  auto name_of = [](const std::string& sql) { return default_name(**parsed(sql)); };
  EXPECT_EQ(name_of("t.a.b"), "b");
  EXPECT_EQ(name_of("CAST(t.a AS INT)"), "a");
  EXPECT_EQ(name_of("CAST(a + 1 AS INT)"), "CAST((a + 1) AS INT)");
  EXPECT_EQ(name_of("window(ts, '1 minute')"), "window");
  EXPECT_EQ(name_of("upper(Symbol)"), "upper(Symbol)");
  EXPECT_EQ(name_of("f(a.b).c"), "f(a.b).c");
  ExpressionPtr sum = *parsed("t.price + 1");
  Texts texts;
  texts.patterns[std::get<Binary>(sum->node).left.get()] = "price";
  EXPECT_EQ(default_name(*sum, texts), "(price + 1)");
  texts.patterns[sum.get()] = "{0} plus {1}";
  EXPECT_EQ(default_name(*sum, texts), "price plus 1");
}

TEST(Expression, PositionsAreThoseOfTheFirstCharacterOrTheOperator) {
  Result<ExpressionPtr> sum = parsed("`größe` +\n  b");
  ASSERT_TRUE(sum);
  EXPECT_EQ((*sum)->position.line, 1);
  EXPECT_EQ((*sum)->position.column, 9);
  const auto& node = std::get<Binary>((*sum)->node);
  EXPECT_EQ(node.left->position.column, 1);
  EXPECT_EQ(node.right->position.line, 2);
  EXPECT_EQ(node.right->position.column, 3);
}

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(Expression, DeepNestingIsRefusedNotACrash) {
  const std::string deep = "a query nested too deeply; split it with WITH or a temporary view";
  for (const char* open : {"(", "f(", "trim(", "position(", "NOT (", "- (", "a[", "CASE WHEN ",
                           "cast(", "(SELECT ", "a IN (", "x -> ", "sum(a) OVER (ORDER BY ",
                           "trim(BOTH ", "a + (", "((a, "}) {
    for (int count : {150, 401, 3000}) {
      Result<ExpressionPtr> result = parsed(repeated(open, count));
      EXPECT_FALSE(result) << open;
      bool too_deep = result.error().message.find(deep) != std::string::npos ||
                      result.error().message.find("levels deep") != std::string::npos;
      EXPECT_TRUE(too_deep || count <= 400) << open << ": " << result.error().message;
    }
  }
  EXPECT_TRUE(parsed(repeated("(", 150) + "a" + repeated(")", 150)));
  EXPECT_TRUE(parsed(repeated("f(", 150) + "a" + repeated(")", 150)));
  EXPECT_TRUE(parsed("a" + repeated(" + a", 390)));
  EXPECT_FALSE(parsed("a" + repeated(" + a", 20000)));
  EXPECT_FALSE(parsed("cast(a as " + repeated("array<", 3000)));
  EXPECT_FALSE(parsed(repeated("- ", 20000) + "a"));
  EXPECT_FALSE(parsed(repeated("NOT ", 20000) + "a"));
  EXPECT_FALSE(parsed("a" + repeated("[0]", 20000)));
  EXPECT_FALSE(parsed("a" + repeated("::int", 20000)));
}

}  // namespace
}  // namespace ticklake::sql
