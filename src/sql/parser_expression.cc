// Operators, from OR down to unary minus.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "sql/parser.h"

namespace ticklake::sql {

using Op = Binary::Op;

Result<ExpressionPtr> Parser::node(Position position, ExpressionNode node) const {
  int depth = depth_of(node);
  if (depth > kDepthMax) {
    return unsupported(position, fmt::format("an expression over {} levels deep", kDepthMax),
                       "split it over columns of a subquery");
  }
  return std::make_shared<const Expression>(Expression{position, std::move(node), depth});
}

// A long chain of ANDs or ORs becomes a flat tree, shaped as Spark shapes it.
Result<ExpressionPtr> Parser::balanced(Op op, std::span<const ExpressionPtr> operands,
                                       std::span<const Position> positions) const {
  if (operands.size() == 1) return operands[0];
  size_t left_size = operands.size() == 2 ? 1 : (operands.size() - 1) / 2 + 1;
  auto left = TRY(balanced(op, operands.first(left_size), positions.first(left_size - 1)));
  auto right = TRY(balanced(op, operands.subspan(left_size), positions.subspan(left_size)));
  return node(positions[left_size - 1], Binary{op, std::move(left), std::move(right)});
}

Result<ExpressionPtr> Parser::expression() {
  std::vector<ExpressionPtr> operands = {TRY(conjunction())};
  std::vector<Position> positions;
  while (at("OR")) {
    positions.push_back(take().position);
    operands.push_back(TRY(conjunction()));
  }
  return balanced(Op::Or, operands, positions);
}

Result<ExpressionPtr> Parser::conjunction() {
  std::vector<ExpressionPtr> operands = {TRY(negation())};
  std::vector<Position> positions;
  while (at("AND")) {
    positions.push_back(take().position);
    operands.push_back(TRY(negation()));
  }
  return balanced(Op::And, operands, positions);
}

Result<ExpressionPtr> Parser::negation() {
  std::vector<Position> nots;
  while (at("NOT") || at("!")) nots.push_back(take().position);
  ExpressionPtr result = TRY(predicated());
  for (; !nots.empty(); nots.pop_back()) {
    result = TRY(node(nots.back(), Unary{Unary::Op::Not, std::move(result)}));
  }
  return result;
}

// At most one predicate follows a value: a IS NULL IS NULL needs parentheses, as in Spark.
Result<ExpressionPtr> Parser::predicated() {
  Nesting nesting(*this);
  if (nesting.too_deep()) return too_deep();
  ExpressionPtr operand = TRY(value());
  bool found = false;
  return predicate(std::move(operand), found);
}

Result<ExpressionPtr> Parser::predicate(ExpressionPtr operand, bool& found) {
  Position position = peek().position;
  bool negated = (at("NOT") || at("!")) &&
                 at_any({"BETWEEN", "IN", "LIKE", "ILIKE", "RLIKE", "REGEXP"}, 1);
  if (negated) take();
  found = true;
  if (accept("IS")) return is_predicate(std::move(operand), position);
  if (accept("IN")) return in_predicate(std::move(operand), position, negated);
  if (at_any({"LIKE", "ILIKE", "RLIKE", "REGEXP"})) {
    return like_predicate(std::move(operand), position, negated);
  }
  if (accept("BETWEEN")) {
    ExpressionPtr low = TRY(value());
    TRY(expect("AND", "between the bounds of BETWEEN"));
    ExpressionPtr high = TRY(value());
    return node(position,
                Between{negated, std::move(operand), std::move(low), std::move(high)});
  }
  found = false;
  return operand;
}

Result<ExpressionPtr> Parser::is_predicate(ExpressionPtr operand, Position position) {
  bool negated = accept("NOT");
  if (accept("DISTINCT")) {
    TRY(expect("FROM", "after IS DISTINCT"));
    ExpressionPtr right = TRY(value());
    return node(position, IsDistinct{negated, std::move(operand), std::move(right)});
  }
  using What = IsTest::What;
  constexpr std::array<std::pair<std::string_view, What>, 4> kTests = {{
      {"NULL", What::Null},
      {"TRUE", What::True},
      {"FALSE", What::False},
      {"UNKNOWN", What::Unknown},
  }};
  for (auto [word, what] : kTests) {
    if (accept(word)) return node(position, IsTest{what, negated, std::move(operand)});
  }
  return unexpected(negated ? "NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM after IS NOT"
                            : "NULL, NOT NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM after IS",
                    {"NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT"});
}

Result<ExpressionPtr> Parser::in_predicate(ExpressionPtr operand, Position position,
                                           bool negated) {
  if (at("(") && at_query(1)) {
    QueryPtr query = TRY(parenthesized_query());
    return node(position, InSubquery{negated, std::move(operand), std::move(query)});
  }
  TRY(expect("(", "after IN"));
  if (at(")")) return unexpected("a value in the list of IN");
  std::vector<ExpressionPtr> list = TRY(expression_list());
  TRY(expect(")", "or a comma in the list of IN"));
  return node(position, InList{negated, std::move(operand), std::move(list)});
}

Result<ExpressionPtr> Parser::like_predicate(ExpressionPtr operand, Position position,
                                             bool negated) {
  std::string word = take().upper;
  Like like{Like::Op::RLike, negated, std::move(operand), nullptr};
  if (word == "LIKE") like.op = Like::Op::Like;
  if (word == "ILIKE") like.op = Like::Op::ILike;
  bool takes_list = like.op != Like::Op::RLike;
  if (takes_list && at_any({"ANY", "SOME", "ALL"}) && at("(", 1)) {
    bool all = take().upper == "ALL";
    return like_any(like, position, all);
  }
  like.pattern = TRY(value());
  if (takes_list && accept("ESCAPE")) {
    Position escape_position = peek().position;
    like.escape = TRY(string("one character"));
    if (like.escape.size() != 1) {
      return refuse(escape_position, fmt::format("ESCAPE '{}'", printable(like.escape, 40)),
                    "expected a string of one ASCII character");
    }
  }
  return node(position, std::move(like));
}

Result<ExpressionPtr> Parser::like_any(const Like& like, Position position, bool all) {
  TRY(expect("("));
  std::vector<ExpressionPtr> patterns = TRY(expression_list());
  TRY(expect(")", "or a comma in the list of patterns"));
  std::vector<ExpressionPtr> likes;
  for (ExpressionPtr& pattern : patterns) {
    Like one = like;
    one.pattern = std::move(pattern);
    likes.push_back(TRY(node(position, std::move(one))));
  }
  std::vector<Position> positions(likes.size() - 1, position);
  return balanced(all ? Op::And : Op::Or, likes, positions);
}

namespace {

struct Operator {
  std::string_view text;
  Op op;
  int level;  // the higher, the tighter
};

constexpr int kComparisonLevel = 1;
constexpr std::array<Operator, 20> kOperators = {{
    {"=", Op::Equal, 1},          {"==", Op::Equal, 1},        {"!=", Op::NotEqual, 1},
    {"<>", Op::NotEqual, 1},      {"<=>", Op::NullSafeEqual, 1}, {"<", Op::Less, 1},
    {"<=", Op::LessEqual, 1},     {">=", Op::GreaterEqual, 1}, {">", Op::Greater, 1},
    {"|", Op::BitOr, 2},          {"^", Op::BitXor, 3},        {"&", Op::BitAnd, 4},
    {"<<", Op::ShiftLeft, 5},     {"+", Op::Add, 6},           {"-", Op::Subtract, 6},
    {"||", Op::Concat, 6},        {"*", Op::Multiply, 7},      {"/", Op::Divide, 7},
    {"%", Op::Modulo, 7},         {"DIV", Op::IntegerDivide, 7},
}};
constexpr int kShiftLevel = 5;

}  // namespace

// All operators are left-associative, comparisons too: a = b = c is (a = b) = c.
Result<ExpressionPtr> Parser::value(int level) {
  ExpressionPtr left = TRY(unary());
  while (true) {
    const Token& token = peek();
    Operator found{"", Op::Add, -1};
    for (const Operator& candidate : kOperators) {
      if (token.upper == candidate.text) found = candidate;
    }
    size_t tokens = 1;
    // '>' comes one by one, because types end with several: ARRAY<ARRAY<INT>>.
    auto adjacent = [&](size_t ahead) {
      return at(">", ahead) && peek(ahead).begin == peek(ahead - 1).end;
    };
    if (token.upper == ">" && adjacent(1)) {
      tokens = adjacent(2) ? 3 : 2;
      found = {">>", tokens == 3 ? Op::ShiftRightUnsigned : Op::ShiftRight, kShiftLevel};
    }
    if (found.level < 0 || found.level < level) return left;
    Position position = token.position;
    for (; tokens > 0; --tokens) take();
    if (at("NOT") && found.level == kComparisonLevel) {
      return refuse(peek().position, "'NOT' behind a comparison", "put NOT .. in parentheses");
    }
    ExpressionPtr right = TRY(value(found.level + 1));
    left = TRY(node(position, Binary{found.op, std::move(left), std::move(right)}));
  }
}

Result<ExpressionPtr> Parser::unary() {
  std::vector<std::pair<Position, Unary::Op>> signs;
  while (at_any({"-", "+", "~"})) {
    if (at("-") && peek(1).kind == Token::Kind::Number) break;
    const Token& token = take();
    signs.emplace_back(token.position, token.text == "-"   ? Unary::Op::Minus
                                       : token.text == "+" ? Unary::Op::Plus
                                                           : Unary::Op::BitNot);
  }
  ExpressionPtr result = TRY(postfixed());
  for (; !signs.empty(); signs.pop_back()) {
    result = TRY(node(signs.back().first, Unary{signs.back().second, std::move(result)}));
  }
  return result;
}

Result<std::vector<ExpressionPtr>> Parser::expression_list() {
  std::vector<ExpressionPtr> list;
  do {
    list.push_back(TRY(expression()));
  } while (accept(","));
  return list;
}

}  // namespace ticklake::sql
