// What operators combine: names, literals, CASE, CAST, subqueries, and what follows them: [i],
// .field, ::type.
#include <fmt/format.h>

#include "base/text.h"
#include "sql/parser.h"

namespace ticklake::sql {

// All recursion of expressions comes through here or through predicated().
Result<ExpressionPtr> Parser::postfixed() {
  Nesting nesting(*this);
  if (nesting.too_deep()) return too_deep();
  ExpressionPtr result = TRY(primary());
  while (true) {
    Position position = peek().position;
    if (accept("[")) {
      ExpressionPtr index = TRY(value());
      TRY(expect("]", "behind a subscript"));
      position = result->position;
      result = TRY(node(position, Subscript{std::move(result), std::move(index)}));
    } else if (at(".")) {
      take();
      if (at("*")) {
        return unsupported(position, "'.*' behind an expression", "name the fields one by one");
      }
      std::string field = TRY(name("the name of a field after the point"));
      position = result->position;
      result = TRY(node(position, FieldAccess{std::move(result), std::move(field)}));
    } else if (accept("::")) {
      Type target = TRY(type());
      result = TRY(node(position, Cast{false, std::move(result), std::move(target)}));
    } else if (at(":")) {
      return unsupported(position, "a path into JSON text (column:field)",
                         "read the text with from_json(..) or get_json_object(..)");
    } else if (at("COLLATE")) {
      return unsupported(position, "COLLATE", "compare lower(..) or upper(..) of the text");
    } else {
      return result;
    }
  }
}

Result<ExpressionPtr> Parser::primary() {
  const Token& token = peek();
  switch (token.kind) {
    case Token::Kind::Number: return number(false, token.position);
    case Token::Kind::String: return string_literal();
    case Token::Kind::Quoted: return at_lambda() ? lambda() : name_or_call();
    case Token::Kind::Word: return word_primary();
    case Token::Kind::Symbol: break;
    case Token::Kind::End: return unexpected("an expression");
  }
  if (at("-")) {
    Position position = take().position;
    return number(true, position);
  }
  if (at("(")) return at_lambda() ? lambda() : parenthesized();
  if (at("*")) return star({}, token.position);
  if (at("?") || at(":")) {
    return unsupported(token.position, "a query parameter",
                       "write the value itself, or ${name} for a value of the project");
  }
  if ((at(")") || at(";")) && next_ > 0 && tokens_[next_ - 1].text == ",") {
    return refuse(token.position, quoted(token), "expected an expression after the comma");
  }
  return unexpected("an expression");
}

bool Parser::at_reserved() const {
  if (at("END")) return case_nesting_ > 0;
  return at_any({"SELECT", "FROM",  "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION",
                 "EXCEPT", "INTERSECT", "JOIN", "ON", "USING", "AND",   "OR",    "NOT",
                 "IN",     "IS",    "WHEN",  "THEN",  "ELSE",   "AS",    "CREATE"});
}

Result<ExpressionPtr> Parser::word_primary() {
  Position position = peek().position;
  if (at("CASE")) return case_expression();
  if (at_any({"NULL", "TRUE", "FALSE"})) {
    const Token& token = take();
    if (token.upper == "NULL") return node(position, Literal{Type(Kind::Null), "NULL"});
    return node(position, Literal{Type(Kind::Boolean), lowered(token.text), token.upper == "TRUE"});
  }
  if (at("INTERVAL") && at_interval()) {
    IntervalLiteral literal = TRY(interval());
    return node(position, literal);
  }
  if (peek(1).kind == Token::Kind::String &&
      at_any({"DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "X", "TIME"})) {
    return typed_literal();
  }
  if (at("(", 1)) {
    if (at_any({"CAST", "TRY_CAST"})) return cast();
    if (at("EXTRACT")) return extract();
    if (at("TRIM")) return trim();
    if (at("POSITION")) return position_in();
    if (at("EXISTS") && at_query(2)) {
      take();
      QueryPtr query = TRY(parenthesized_query());
      return node(position, Exists{std::move(query)});
    }
    if (at("IDENTIFIER")) return unsupported(position, "IDENTIFIER(..)", "write the name itself");
  } else if (at_any({"CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_USER"}) && !at(".", 1)) {
    return node(position, Call{lowered(take().text), {}});
  }
  if (at_lambda()) return lambda();
  if (at_reserved() && !at(".", 1)) {
    if (next_ > 0 && tokens_[next_ - 1].text == ",") {
      return refuse(position, quoted(peek()),
                    "expected an expression after the comma: remove the comma, or put the name "
                    "in backticks");
    }
    return unexpected("an expression (a column of this name goes in backticks)");
  }
  return name_or_call();
}

Result<ExpressionPtr> Parser::name_or_call() {
  Position position = peek().position;
  std::vector<std::string> parts = {TRY(name("a name"))};
  while (at(".")) {
    take();
    if (at("*")) return star(std::move(parts), position);
    parts.push_back(TRY(name("a name after the point")));
  }
  if (at("(")) return call(joined(parts, "."), position);
  return node(position, ColumnReference{std::move(parts)});
}

Result<ExpressionPtr> Parser::star(std::vector<std::string> qualifier, Position position) {
  TRY(expect("*"));
  Star star{std::move(qualifier), {}};
  if (at_any({"EXCLUDE", "REPLACE"}) && at("(", 1)) {
    return unsupported(peek().position, fmt::format("* {} (..)", peek().upper),
                       at("EXCLUDE") ? "write * EXCEPT (..)" : "list the columns");
  }
  if (at_each({"EXCEPT", "("}) && !at_query(2)) {
    take();
    take();
    do {
      star.except.push_back(TRY(dotted_name("a column to leave out")));
    } while (accept(","));
    TRY(expect(")", "or a comma in EXCEPT (..)"));
  }
  return node(position, std::move(star));
}

// (e), (SELECT ..), or the struct (a, b AS c).
Result<ExpressionPtr> Parser::parenthesized() {
  Position position = peek().position;
  if (at_query(1)) {
    QueryPtr query = TRY(parenthesized_query());
    return node(position, ScalarSubquery{std::move(query)});
  }
  take();
  if (at_name() && at("=>", 1)) return refused_arrow();
  Call row{"struct", {}};
  row.row = true;
  do {
    row.arguments.push_back(TRY(argument(true)));
  } while (accept(","));
  bool lone = row.arguments.size() == 1;
  if (lone && std::holds_alternative<Alias>(row.arguments[0].value->node)) {
    return refuse(tokens_[next_ - 1].position, quoted(tokens_[next_ - 1]),
                  "expected ')' or an operator");
  }
  TRY(expect(")", "or an operator"));
  if (lone) return row.arguments[0].value;
  return node(position, std::move(row));
}

Result<ExpressionPtr> Parser::case_expression() {
  Position position = take().position;
  ++case_nesting_;
  Case result;
  if (!at("WHEN")) result.operand = TRY(expression());
  if (!at("WHEN")) return unexpected("WHEN in CASE", {"WHEN"});
  while (accept("WHEN")) {
    ExpressionPtr condition = TRY(expression());
    TRY(expect("THEN", "after the condition of WHEN"));
    ExpressionPtr value = TRY(expression());
    result.whens.push_back({std::move(condition), std::move(value)});
  }
  if (accept("ELSE")) {
    result.otherwise = TRY(expression());
    TRY(expect("END", "to close CASE"));
  } else if (!accept("END")) {
    return unexpected("WHEN, ELSE or END in CASE", {"WHEN", "ELSE", "END"});
  }
  --case_nesting_;
  return node(position, std::move(result));
}

Result<ExpressionPtr> Parser::cast() {
  const Token& token = take();
  Position position = token.position;
  bool is_try = token.upper == "TRY_CAST";
  TRY(expect("("));
  ExpressionPtr operand = TRY(expression());
  TRY(expect("AS", "before the type of the cast"));
  Type target = TRY(type());
  TRY(expect(")", "behind the type of the cast"));
  return node(position, Cast{is_try, std::move(operand), std::move(target)});
}

bool Parser::at_lambda() const {
  if (at_name()) return at("->", 1);
  if (!at("(")) return false;
  size_t ahead = 1;
  while (at_name(ahead) && at(",", ahead + 1)) ahead += 2;
  return at_name(ahead) && at(")", ahead + 1) && at("->", ahead + 2);
}

Result<ExpressionPtr> Parser::lambda() {
  Position position = peek().position;
  Lambda result;
  if (at("(")) {
    result.parameters = TRY(name_list("a parameter of the function"));
  } else {
    result.parameters = {TRY(name("a parameter of the function"))};
  }
  TRY(expect("->"));
  result.body = TRY(expression());
  return node(position, std::move(result));
}

}  // namespace ticklake::sql
