#include "sql/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ticklake::sql {

namespace {

std::vector<size_t> matching_parentheses(const std::vector<Token>& tokens) {
  std::vector<size_t> closing(tokens.size(), tokens.size() - 1);
  std::vector<size_t> open;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].upper == "(") open.push_back(i);
    if (tokens[i].upper == ")" && !open.empty()) {
      closing[open.back()] = i;
      open.pop_back();
    }
  }
  return closing;
}

// Words that end an item of a list where they follow it, and so cannot be its alias without AS.
constexpr std::array<std::string_view, 58> kNoImplicitAlias = {
    "AND",     "ANTI",   "AS",        "ASC",     "BETWEEN",  "CLUSTER", "CROSS",     "DELAY",
    "DESC",    "DISTRIBUTE", "DIV",   "ELSE",    "EXCEPT",  "FILTER",    "FOR",
    "FROM",    "FULL",   "GROUP",     "HAVING",  "ILIKE",    "IN",      "INNER",     "INTERSECT",
    "INTO",    "IS",     "JOIN",      "LATERAL", "LEFT",     "LIKE",    "LIMIT",     "MINUS",
    "NATURAL", "NOT",    "NULLS",     "OFFSET",  "ON",       "OR",      "ORDER",     "OVER",
    "PIVOT",   "QUALIFY", "RIGHT",    "RLIKE",   "REGEXP",   "SELECT",  "SEMI",      "SETMINUS",
    "SORT",    "TABLESAMPLE", "THEN", "UNION",   "UNPIVOT",  "USING",   "WATERMARK", "WHEN",
    "WHERE",   "WITH",   "CREATE"};

// The word that was likely meant: two letters in wrong order (FORM) count as one mistake.
std::string likely(const Token& token, std::span<const std::string> words) {
  if (token.kind != Token::Kind::Word) return "";
  for (const std::string& word : words) {
    if (word.size() != token.upper.size() || word == token.upper) continue;
    size_t at = std::mismatch(word.begin(), word.end(), token.upper.begin()).first - word.begin();
    std::string swapped = token.upper;
    if (at + 1 < swapped.size()) std::swap(swapped[at], swapped[at + 1]);
    if (swapped == word) return word;
  }
  return nearest(token.text, words);
}

}  // namespace

Parser::Parser(const std::string& text, const std::string& file, std::vector<Token> tokens)
    : text_(text),
      file_(file),
      tokens_(std::move(tokens)),
      closing_(matching_parentheses(tokens_)) {}

const Token& Parser::peek(size_t ahead) const {
  return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
}

const Token& Parser::take() {
  const Token& token = peek();
  if (next_ + 1 < tokens_.size()) ++next_;
  return token;
}

bool Parser::at_each(Words words) const {
  size_t ahead = 0;
  return std::all_of(words.begin(), words.end(), [&](auto word) { return at(word, ahead++); });
}

bool Parser::at_any(Words words, size_t ahead) const {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return at(word, ahead); });
}

bool Parser::at_end(size_t ahead) const {
  return peek(ahead).kind == Token::Kind::End || at(";", ahead);
}

bool Parser::accept(std::string_view word) {
  if (!at(word)) return false;
  take();
  return true;
}

bool Parser::accept_each(Words words) {
  if (!at_each(words)) return false;
  next_ += words.size();
  return true;
}

Result<void> Parser::expect(std::string_view word, std::string_view purpose) {
  if (accept(word)) return {};
  std::string expected(word);
  bool is_word = word[0] >= 'A' && word[0] <= 'Z';
  if (!is_word) expected = fmt::format("'{}'", word);
  if (!purpose.empty()) expected += fmt::format(" {}", purpose);
  if (is_word) return unexpected(expected, {word});
  return unexpected(expected);
}

std::string Parser::quoted(const Token& token) {
  switch (token.kind) {
    case Token::Kind::End: return "the end";
    case Token::Kind::String: return fmt::format("the string '{}'", printable(token.text, 40));
    case Token::Kind::Quoted: return fmt::format("`{}`", printable(token.text, 40));
    default: return fmt::format("'{}'", printable(token.text, 40));
  }
}

Error Parser::unexpected(std::string_view expected, Words candidates) const {
  const Token& token = peek();
  // SELECT a FORM t: the culprit was taken for an alias.
  if (implicit_alias_ + 1 == next_ && next_ > 0) {
    constexpr std::array<std::string_view, 12> kClauses = {
        "FROM",  "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT",
        "UNION", "JOIN",  "INNER", "LEFT",   "USING", "OFFSET"};
    std::vector<std::string> words(kClauses.begin(), kClauses.end());
    const Token& alias = tokens_[implicit_alias_];
    std::string near = likely(alias, words);
    if (!near.empty()) {
      return refuse(alias.position, fmt::format("{} before {}", quoted(alias), quoted(token)),
                    fmt::format("did you mean {}?", near));
    }
  }
  std::string near = likely(token, std::vector<std::string>(candidates.begin(), candidates.end()));
  std::string advice = fmt::format("expected {}", expected);
  if (!near.empty() && near != token.upper) advice += fmt::format("; did you mean {}?", near);
  return refuse(token.position, quoted(token), advice);
}

Error Parser::refuse(Position position, std::string_view found, std::string_view advice) const {
  return error_at(Code::Invalid, file_, position, fmt::format("found {}; {}", found, advice));
}

Error Parser::unsupported(Position position, std::string_view found,
                          std::string_view advice) const {
  return error_at(Code::Unsupported, file_, position, fmt::format("found {}; {}", found, advice));
}

Error Parser::too_deep() const {
  return unsupported(peek().position, "a query nested too deeply",
                     "split it with WITH or a temporary view");
}

std::string_view Parser::source(size_t begin, size_t end) const {
  return std::string_view(text_).substr(begin, end - begin);
}

bool Parser::at_name(size_t ahead) const {
  return peek(ahead).kind == Token::Kind::Word || peek(ahead).kind == Token::Kind::Quoted;
}

Result<std::string> Parser::name(std::string_view what) {
  const Token& token = peek();
  if (token.kind == Token::Kind::String) {
    return refuse(token.position, quoted(token),
                  fmt::format("expected {}; names go in backticks: `{}`", what,
                              printable(token.text, 40)));
  }
  if (!at_name()) return unexpected(what);
  return take().text;
}

Result<std::vector<std::string>> Parser::dotted_name(std::string_view what) {
  std::vector<std::string> parts = {TRY(name(what))};
  while (at(".")) {
    take();
    parts.push_back(TRY(name("a name after the point")));
  }
  return parts;
}

Result<std::vector<std::string>> Parser::table_name() {
  Position position = peek().position;
  if (at("IDENTIFIER") && at("(", 1)) {
    return unsupported(position, "IDENTIFIER(..)", "write the name itself");
  }
  if (!at(".", 1) && at_any({"AS", "SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT",
                             "JOIN", "ON", "UNION"})) {
    return unexpected("the name of a table");
  }
  std::vector<std::string> parts = TRY(dotted_name("the name of a table"));
  if (parts.size() > 3) {
    return refuse(position, fmt::format("a name of {} parts", parts.size()),
                  "a table's name has at most three: catalog.database.table");
  }
  if (at("-") && at_name(1) && peek().begin == tokens_[next_ - 1].end) {
    return refuse(position, fmt::format("'{}-{}'", parts.back(), peek(1).text),
                  fmt::format("a name with a hyphen goes in backticks: `{}-{}`", parts.back(),
                              peek(1).text));
  }
  return parts;
}

Result<std::vector<std::string>> Parser::name_list(std::string_view what) {
  TRY(expect("(", fmt::format("before {}", what)));
  std::vector<std::string> names;
  do {
    names.push_back(TRY(name(what)));
  } while (accept(","));
  TRY(expect(")", fmt::format("or a comma after {}", what)));
  return names;
}

bool Parser::at_implicit_alias() const {
  if (peek().kind == Token::Kind::Quoted) return true;
  if (peek().kind != Token::Kind::Word) return false;
  // WINDOW w AS (..) is a clause, and a lone "window" a name.
  if (at("WINDOW") && at_name(1) && at("AS", 2)) return false;
  if (at("END")) return case_nesting_ == 0;
  return std::find(kNoImplicitAlias.begin(), kNoImplicitAlias.end(), peek().upper) ==
         kNoImplicitAlias.end();
}

Result<std::string> Parser::alias() {
  if (accept("AS")) {
    if (at("(")) {
      return unsupported(peek().position, "a list of aliases", "give one name after AS");
    }
    return name("a name after AS");
  }
  if (!at_implicit_alias()) return std::string();
  implicit_alias_ = next_;
  return take().text;
}

Result<std::string> Parser::string(std::string_view what) {
  if (peek().kind != Token::Kind::String) {
    return unexpected(fmt::format("{} in quotes", what));
  }
  std::string text;
  while (peek().kind == Token::Kind::String) text += take().text;
  return text;
}

Result<ExpressionPtr> Parser::whole_expression() {
  ExpressionPtr result = TRY(expression());
  if (peek().kind != Token::Kind::End) return unexpected("an operator or the end");
  return result;
}

}  // namespace ticklake::sql
