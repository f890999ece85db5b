#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

std::string_view comparison(Binary::Op op) {
  switch (op) {
    case Binary::Op::Equal: return " = ";
    case Binary::Op::NotEqual: return " <> ";
    case Binary::Op::NullSafeEqual: return " IS NOT DISTINCT FROM ";
    case Binary::Op::Less: return " < ";
    case Binary::Op::LessEqual: return " <= ";
    case Binary::Op::Greater: return " > ";
    default: return " >= ";
  }
}

bool is_comparison(Binary::Op op) {
  return op >= Binary::Op::Equal && op <= Binary::Op::GreaterEqual;
}

std::optional<Arithmetic> arithmetic_op(Binary::Op op) {
  switch (op) {
    case Binary::Op::Add: return Arithmetic::Add;
    case Binary::Op::Subtract: return Arithmetic::Subtract;
    case Binary::Op::Multiply: return Arithmetic::Multiply;
    case Binary::Op::Divide: return Arithmetic::Divide;
    case Binary::Op::Modulo: return Arithmetic::Modulo;
    case Binary::Op::IntegerDivide: return Arithmetic::IntegerDivide;
    default: return std::nullopt;
  }
}

Typed boolean(std::string sql, bool may_fail) {
  return {.sql = std::move(sql), .type = Kind::Boolean, .may_fail = may_fail};
}

std::string enclosed(const std::string& sql) { return "(" + sql + ")"; }

}  // namespace

Result<Typed> Analyzer::expression(const Expression& expression, Scope& scope) {
  if (scope.over_groups) {
    auto key = TRY(group_key(expression, scope));
    if (key) return *key;
  }
  bool subquery = std::holds_alternative<InSubquery>(expression.node) ||
                  std::holds_alternative<Exists>(expression.node) ||
                  std::holds_alternative<ScalarSubquery>(expression.node);
  if (subquery && scope.lambdas > 0)
    return at(expression.position, "a subquery cannot stand in a lambda");
  return std::visit([&](const auto& one) { return node(one, expression, scope); }, expression.node);
}

Result<Typed> Analyzer::condition(const Expression& condition, Scope& scope,
                                  std::string_view what) {
  Typed value = TRY(expression(condition, scope));
  if (value.type.kind == Kind::Null) return cast(value, Kind::Boolean);
  if (value.type.kind != Kind::Boolean) {
    return at(condition.position,
              std::string(what) + " needs a BOOLEAN but got " + to_sql(value.type));
  }
  return value;
}

Result<Typed> Analyzer::node(const Literal& literal, const Expression&, Scope&) {
  return Typed{.sql = duckdb_literal(literal), .type = literal.type, .literal = literal};
}

Result<Typed> Analyzer::node(const ColumnReference& reference, const Expression& whole,
                             Scope& scope) {
  auto variable = TRY(lambda_variable(reference.parts, whole.position, scope));
  if (variable) return *variable;
  if (!scope.over_groups) return resolve(reference.parts, whole, scope);
  auto found = find_column(reference.parts, whole.position, scope);
  if (found && *found) {
    std::string name = joined(reference.parts, ".");
    return at(whole.position, "column " + name +
                                  " is neither grouped nor aggregated; add it to GROUP BY or write "
                                  "any_value(" +
                                  name + ")");
  }
  return resolve(reference.parts, whole, scope);
}

Result<Typed> Analyzer::node(const Star&, const Expression& whole, Scope&) {
  return at(whole.position, "* stands alone in a select list, or in count(*)");
}

Result<Typed> Analyzer::negation(const Expression& operand, Scope& scope, std::string_view what) {
  Typed value = TRY(condition(operand, scope, what));
  return boolean("(NOT " + enclosed(value.sql) + ")", value.may_fail);
}

// NOT of the operand. IN over a query is two-valued, NOT IN too: NOT goes down to it, as in Spark.
Result<Typed> Analyzer::opposite(const Expression& operand, Scope& scope, std::string_view what) {
  if (scope.lambdas > 0) return negation(operand, scope, what);
  if (const auto* in = std::get_if<InSubquery>(&operand.node))
    return in_query(*in, !in->negated, operand, scope);
  if (const auto* binary = std::get_if<Binary>(&operand.node)) {
    if (binary->op == Binary::Op::And || binary->op == Binary::Op::Or)
      return logical(*binary, true, scope);
  }
  const auto* unary = std::get_if<Unary>(&operand.node);
  if (unary != nullptr && unary->op == Unary::Op::Not)
    return condition(*unary->operand, scope, "NOT");
  return negation(operand, scope, what);
}

Result<Typed> Analyzer::node(const Unary& unary, const Expression& whole, Scope& scope) {
  if (unary.op == Unary::Op::Not) {
    return has_subquery(*unary.operand) ? opposite(*unary.operand, scope, "NOT")
                                        : negation(*unary.operand, scope, "NOT");
  }
  Typed value = TRY(expression(*unary.operand, scope));
  if (value.type.kind == Kind::Interval && unary.op != Unary::Op::BitNot) {
    if (unary.op == Unary::Op::Minus) value.sql = "(-" + value.sql + ")";
    return value;
  }
  if (unary.op == Unary::Op::BitNot) {
    if (!value.type.is_integral())
      return at(whole.position, "~ needs an integer but got " + to_sql(value.type));
    return Typed{.sql = "(~" + value.sql + ")", .type = value.type, .may_fail = value.may_fail};
  }
  if (value.type.kind == Kind::String || value.type.kind == Kind::Null)
    value = TRY(cast(value, Kind::Double));
  if (!value.type.is_numeric())
    return at(whole.position, "a sign needs a number but got " + to_sql(value.type));
  if (unary.op == Unary::Op::Plus) return value;
  if (value.literal && !value.literal->text.starts_with('-')) {
    value.literal->text = "-" + value.literal->text;
    value.literal->value = -value.literal->value;
    value.sql = duckdb_literal(*value.literal);
    return value;
  }
  return Typed{.sql = "(-" + value.sql + ")",
               .type = value.type,
               .may_fail = value.may_fail || value.type.is_integral()};
}

Result<Typed> Analyzer::compared(Binary::Op op, const Typed& left, const Typed& right,
                                 Position position) {
  Typed values[] = {left, right};
  auto type = common_type(values);
  if (!type || type->kind == Kind::Map) {
    return at(position, "values of types " + to_sql(left.type) + " and " + to_sql(right.type) +
                            " cannot be compared");
  }
  Typed a = TRY(located(position, cast(left, *type)));
  Typed b = TRY(located(position, cast(right, *type)));
  bool ordering = op >= Binary::Op::Less;
  if (ordering) {
    a = TRY(located(position, order_key(a)));
    b = TRY(located(position, order_key(b)));
  }
  return boolean(enclosed(a.sql + std::string(comparison(op)) + b.sql), a.may_fail || b.may_fail);
}

// The right side is not evaluated where the left one decides, if it may raise an error. Negated,
// each side is, and AND and OR change places.
Result<Typed> Analyzer::logical(const Binary& binary, bool negated, Scope& scope) {
  std::string written = binary.op == Binary::Op::And ? "AND" : "OR";
  auto side = [&](const Expression& one) {
    return negated ? opposite(one, scope, written) : condition(one, scope, written);
  };
  Typed left = TRY(side(*binary.left));
  Typed right = TRY(side(*binary.right));
  bool both = (binary.op == Binary::Op::And) != negated;
  std::string word = both ? "AND" : "OR";
  std::string plain = "(" + left.sql + " " + word + " " + right.sql + ")";
  if (!right.may_fail) return boolean(plain, left.may_fail);
  std::string decided = both ? "FALSE" : "TRUE";
  return boolean("CASE WHEN " + left.sql + " IS NOT DISTINCT FROM " + decided + " THEN " + decided +
                     " ELSE " + plain + " END",
                 true);
}

Result<Typed> Analyzer::node(const Binary& binary, const Expression& whole, Scope& scope) {
  if (binary.op == Binary::Op::And || binary.op == Binary::Op::Or)
    return logical(binary, false, scope);
  Typed left = TRY(expression(*binary.left, scope));
  Typed right = TRY(expression(*binary.right, scope));
  if (is_comparison(binary.op)) return compared(binary.op, left, right, whole.position);
  if (binary.op == Binary::Op::Concat) {
    auto function = TRY(find_scalar("concat", 2));
    return located(whole.position,
                   sql::call(*function, {"concat", options_.now_us}, {left, right}));
  }
  if (auto op = arithmetic_op(binary.op)) {
    if (is_time_or_interval(left.type) || is_time_or_interval(right.type)) {
      texts_.patterns[&whole] = time_text(binary.op, left, right);
      return time_arithmetic(binary.op, left, right, whole.position);
    }
    return located(whole.position, arithmetic(*op, left, right));
  }
  bool integers = left.type.is_integral() && right.type.is_integral();
  bool bits = binary.op == Binary::Op::BitAnd || binary.op == Binary::Op::BitOr ||
              binary.op == Binary::Op::BitXor;
  if (!bits) {
    std::string name = binary.op == Binary::Op::ShiftLeft    ? "shiftleft"
                       : binary.op == Binary::Op::ShiftRight ? "shiftright"
                                                             : "shiftrightunsigned";
    auto function = TRY(find_scalar(name, 2));
    return located(whole.position, sql::call(*function, {name, options_.now_us}, {left, right}));
  }
  if (!integers) {
    return at(whole.position, "bit operators need integers but got " + to_sql(left.type) + " and " +
                                  to_sql(right.type));
  }
  Typed values[] = {left, right};
  Type type = *common_type(values);
  Typed a = TRY(cast(left, type));
  Typed b = TRY(cast(right, type));
  std::string_view pattern = binary.op == Binary::Op::BitAnd  ? "({0} & {1})"
                             : binary.op == Binary::Op::BitOr ? "({0} | {1})"
                                                              : "xor({0}, {1})";
  return Typed{
      .sql = filled(pattern, {a.sql, b.sql}), .type = type, .may_fail = a.may_fail || b.may_fail};
}

Result<Typed> Analyzer::node(const IsTest& test, const Expression& whole, Scope& scope) {
  Typed value = TRY(expression(*test.operand, scope));
  std::string negation = test.negated ? " IS NOT " : " IS ";
  if (test.what == IsTest::What::Null)
    return boolean(enclosed(value.sql + negation + "NULL"), value.may_fail);
  if (value.type.kind != Kind::Boolean)
    return at(whole.position, "IS TRUE needs a BOOLEAN but got " + to_sql(value.type));
  std::string word = test.what == IsTest::What::True    ? "TRUE"
                     : test.what == IsTest::What::False ? "FALSE"
                                                        : "NULL";
  return boolean(enclosed(value.sql + negation + word), value.may_fail);
}

Result<Typed> Analyzer::node(const IsDistinct& distinct, const Expression& whole, Scope& scope) {
  Typed left = TRY(expression(*distinct.left, scope));
  Typed right = TRY(expression(*distinct.right, scope));
  Typed same = TRY(compared(Binary::Op::NullSafeEqual, left, right, whole.position));
  if (!distinct.negated) same.sql = "(NOT " + same.sql + ")";
  return same;
}

Result<Typed> Analyzer::node(const Between& between, const Expression& whole, Scope& scope) {
  Typed value = TRY(expression(*between.operand, scope));
  Typed low = TRY(expression(*between.low, scope));
  Typed high = TRY(expression(*between.high, scope));
  Typed a = TRY(compared(Binary::Op::GreaterEqual, value, low, whole.position));
  Typed b = TRY(compared(Binary::Op::LessEqual, value, high, whole.position));
  std::string both = "(" + a.sql + " AND " + b.sql + ")";
  return boolean(between.negated ? "(NOT " + both + ")" : both, a.may_fail || b.may_fail);
}

Result<Typed> Analyzer::node(const InList& in, const Expression& whole, Scope& scope) {
  Arguments values = {TRY(expression(*in.operand, scope))};
  for (const ExpressionPtr& one : in.list) values.push_back(TRY(expression(*one, scope)));
  auto type = common_type(values);
  if (!type)
    return at(whole.position, "the values of IN are of types that cannot be compared; cast them");
  std::vector<std::string> texts;
  bool may_fail = false;
  for (const Typed& one : values) {
    Typed value = TRY(located(whole.position, cast(one, *type)));
    may_fail |= value.may_fail;
    texts.push_back(value.sql);
  }
  std::string operand = texts[0];
  texts.erase(texts.begin());
  return boolean(enclosed(operand + (in.negated ? " NOT IN (" : " IN (") + listed(texts) + ")"),
                 may_fail);
}

Result<Typed> Analyzer::node(const InSubquery& in, const Expression& whole, Scope& scope) {
  return in_query(in, in.negated, whole, scope);
}

// As in Spark, IN and NOT IN over a query are false where SQL knows no answer.
Result<Typed> Analyzer::in_query(const InSubquery& in, bool negated, const Expression& whole,
                                 Scope& scope) {
  Typed value = TRY(expression(*in.operand, scope));
  Rows rows = TRY(query(*in.query, subquery_environment_, &scope));
  std::string text = "({0} IN (listquery(" + correlations(scope) + ")))";
  texts_.patterns[&whole] = in.negated ? "(NOT " + text + ")" : text;
  const auto* row = std::get_if<Call>(&in.operand->node);
  Arguments values = {value};
  if (row != nullptr && row->row && value.parts) values = *value.parts;
  if (rows.columns.size() != values.size()) {
    return at(whole.position, "the query of IN must have " + std::to_string(values.size()) +
                                  (values.size() == 1 ? " column" : " columns") + " but has " +
                                  std::to_string(rows.columns.size()));
  }
  std::string id = new_id("s");
  std::vector<std::string> equal;
  Typed left, right;
  for (size_t i = 0; i < values.size(); ++i) {
    const Column& column = rows.columns[i];
    auto type = common_type(values[i].type, column.type);
    if (!type) {
      return at(whole.position, "values of types " + to_sql(values[i].type) + " and " +
                                    to_sql(column.type) + " cannot be compared");
    }
    std::string name = quoted_name(id) + "." + quoted_name(column.sql_name);
    left = TRY(located(whole.position, cast(values[i], *type)));
    right = TRY(located(whole.position, cast({.sql = name, .type = column.type}, *type)));
    equal.push_back(left.sql + " = " + right.sql);
  }
  std::string from = " FROM (" + rows.sql + ") AS " + quoted_name(id);
  std::string inner = "SELECT " + right.sql + from;
  if (values.size() == 1) {
    std::string word = negated ? " NOT IN (" : " IN (";
    return boolean("COALESCE(" + left.sql + word + inner + "), FALSE)", true);
  }
  std::string all = "(" + listed(equal, " AND ") + ")";
  if (!negated) return boolean("EXISTS (SELECT 1" + from + " WHERE " + all + ")", true);
  return boolean("(NOT EXISTS (SELECT 1" + from + " WHERE " + all + " IS NOT FALSE))", true);
}

Result<Typed> Analyzer::node(const Exists& exists, const Expression& whole, Scope& scope) {
  Rows rows = TRY(query(*exists.query, subquery_environment_, &scope));
  texts_.patterns[&whole] = "exists(" + correlations(scope) + ")";
  return boolean("EXISTS (" + rows.sql + ")", true);
}

Result<Typed> Analyzer::node(const ScalarSubquery& subquery, const Expression& whole,
                             Scope& scope) {
  Rows rows = TRY(query(*subquery.query, subquery_environment_, &scope));
  texts_.patterns[&whole] = "scalarsubquery(" + correlations(scope) + ")";
  if (rows.columns.size() != 1) {
    return at(whole.position, "a query used as a value must have one column but has " +
                                  std::to_string(rows.columns.size()));
  }
  return Typed{.sql = "(" + rows.sql + ")", .type = rows.columns[0].type, .may_fail = true};
}

Result<Typed> Analyzer::node(const Like& like, const Expression& whole, Scope& scope) {
  Typed value = TRY(expression(*like.operand, scope));
  Typed pattern = TRY(expression(*like.pattern, scope));
  value = TRY(located(like.operand->position, coerce(value, Kind::String)));
  pattern = TRY(located(like.pattern->position, coerce(pattern, Kind::String)));
  Typed out;
  if (like.op == Like::Op::RLike) {
    auto function = TRY(find_scalar("rlike", 2));
    out = TRY(located(whole.position,
                      sql::call(*function, {"rlike", options_.now_us}, {value, pattern})));
  } else {
    std::string word = like.op == Like::Op::Like ? " LIKE " : " ILIKE ";
    out = boolean(enclosed(value.sql + word + pattern.sql + " ESCAPE " + quoted_text(like.escape)),
                  value.may_fail || pattern.may_fail);
  }
  if (like.negated) out.sql = "(NOT " + out.sql + ")";
  return out;
}

Result<Typed> Analyzer::node(const Case& chosen, const Expression& whole, Scope& scope) {
  Arguments results;
  std::vector<std::string> tests;
  bool may_fail = false;
  std::optional<Typed> operand;
  if (chosen.operand != nullptr) operand = TRY(expression(*chosen.operand, scope));
  for (const Case::When& when : chosen.whens) {
    Typed test;
    if (operand) {
      Typed value = TRY(expression(*when.condition, scope));
      test = TRY(compared(Binary::Op::Equal, *operand, value, when.condition->position));
    } else {
      test = TRY(condition(*when.condition, scope, "WHEN"));
    }
    may_fail |= test.may_fail;
    tests.push_back(test.sql);
    results.push_back(TRY(expression(*when.result, scope)));
  }
  if (chosen.otherwise != nullptr) results.push_back(TRY(expression(*chosen.otherwise, scope)));
  auto type = common_type(results);
  if (!type) {
    std::vector<std::string> types;
    for (const Typed& one : results) types.push_back(to_sql(one.type));
    return at(whole.position,
              "the results of CASE are of types " + listed(types) + "; cast them to one");
  }
  std::string sql = "CASE";
  for (size_t i = 0; i < results.size(); ++i) {
    Typed value = TRY(located(whole.position, cast(results[i], *type)));
    may_fail |= value.may_fail;
    sql += i < tests.size() ? " WHEN " + tests[i] + " THEN " + value.sql : " ELSE " + value.sql;
  }
  return Typed{.sql = sql + " END", .type = *type, .may_fail = may_fail};
}

Result<Typed> Analyzer::node(const Cast& cast, const Expression& whole, Scope& scope) {
  Typed value = TRY(expression(*cast.operand, scope));
  return located(whole.position, sql::cast(value, cast.type, cast.is_try));
}

Result<Typed> Analyzer::node(const Extract& extract, const Expression& whole, Scope& scope) {
  Typed field = {.sql = quoted_text(extract.field), .type = Kind::String};
  field.literal = Literal{Kind::String, extract.field};
  Typed value = TRY(expression(*extract.operand, scope));
  auto function = TRY(find_scalar("date_part", 2));
  return located(whole.position,
                 sql::call(*function, {"extract", options_.now_us}, {field, value}));
}

Result<Typed> Analyzer::node(const Trim& trim, const Expression& whole, Scope& scope) {
  std::string name = trim.side == Trim::Side::Both      ? "trim"
                     : trim.side == Trim::Side::Leading ? "ltrim"
                                                        : "rtrim";
  Arguments values;
  if (trim.characters != nullptr) values.push_back(TRY(expression(*trim.characters, scope)));
  values.push_back(TRY(expression(*trim.operand, scope)));
  auto function = TRY(find_scalar(name, values.size()));
  return located(whole.position, sql::call(*function, {name, options_.now_us}, values));
}

Result<Typed> Analyzer::node(const FieldAccess& access, const Expression& whole, Scope& scope) {
  Typed value = TRY(expression(*access.operand, scope));
  return field(std::move(value), access.field, whole.position);
}

Result<Typed> Analyzer::node(const Subscript& subscript, const Expression& whole, Scope& scope) {
  Typed value = TRY(expression(*subscript.operand, scope));
  Typed index = TRY(expression(*subscript.index, scope));
  if (value.type.kind == Kind::Struct && index.literal && index.type.kind == Kind::String) {
    texts_.patterns[&whole] = "{0}.{1}";
    return field(std::move(value), index.literal->text, whole.position);
  }
  if (value.type.kind == Kind::Map) {
    auto function = TRY(find_scalar("element_at", 2));
    return located(whole.position,
                   sql::call(*function, {"element_at", options_.now_us}, {value, index}));
  }
  if (value.type.kind != Kind::Array || !index.type.is_integral()) {
    return at(whole.position, "[..] takes an ARRAY and an integer, or a MAP and a key, but got " +
                                  to_sql(value.type) + " and " + to_sql(index.type));
  }
  Typed out = {.type = value.type.children->front().type, .may_fail = true};
  std::string message =
      quoted_text("[INVALID_ARRAY_INDEX] The index ") + " || CAST(" + index.sql +
      " AS VARCHAR) || " +
      quoted_text(
          " is out of bounds; use try_element_at, whose first index is 1, to get NULL instead");
  out.sql = filled(
      "CASE WHEN {1} >= 0 AND {1} < len({0}) THEN list_extract({0}, {1} + 1) WHEN {0} IS NOT NULL "
      "AND {1} IS "
      "NOT NULL THEN {2} END",
      {value.sql, index.sql, raising(out.type, message)});
  return out;
}

Result<Typed> Analyzer::node(const Lambda&, const Expression& whole, Scope&) {
  return at(whole.position, "a lambda stands here where a value is expected");
}

Result<Typed> Analyzer::node(const Alias& alias, const Expression&, Scope& scope) {
  return expression(*alias.operand, scope);
}

}  // namespace ticklake::sql
