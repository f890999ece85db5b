#include <algorithm>

#include "sql/coercion.h"

namespace ticklake::sql {
namespace {

constexpr int kPrecisionMax = 38;
constexpr int kScaleMin = 6;

Type adjusted(int precision, int scale) {
  if (precision <= kPrecisionMax) return Type::decimal(precision, scale);
  int whole = precision - scale;
  return Type::decimal(kPrecisionMax, std::max(kPrecisionMax - whole, std::min(scale, kScaleMin)));
}

std::string power_of_ten(int exponent) {
  return "CAST('1" + std::string(static_cast<size_t>(exponent), '0') + "' AS HUGEINT)";
}

// All digits of a decimal as an integer, without its point.
std::string unscaled(const Typed& value) {
  if (value.type.scale == 0) return "CAST(" + value.sql + " AS HUGEINT)";
  std::string factor = "CAST('1" + std::string(value.type.scale, '0') + "' AS DECIMAL(" +
                       std::to_string(value.type.scale + 1) + ",0))";
  return "CAST(" + value.sql + " * " + factor + " AS HUGEINT)";
}

// Digits as a decimal of that scale.
std::string rescaled(const std::string& digits, const Type& type) {
  std::string whole = "CAST(" + digits + " AS DECIMAL(38,0))";
  if (type.scale > 0) {
    std::string scale = std::to_string(type.scale);
    whole += " * CAST('0." + std::string(type.scale - 1u, '0') + "1' AS DECIMAL(" + scale + "," +
             scale + "))";
  }
  return cast_text(whole, type);
}

// Exact quotient, rounded half up.
Result<std::string> decimal_quotient(const Typed& a, const Typed& b, const Type& type) {
  int shift = type.scale - a.type.scale + b.type.scale;
  if (shift < 0 || a.type.precision + shift > kPrecisionMax) {
    return Error{Code::Unsupported,
                 "dividing " + to_sql(a.type) + " by " + to_sql(b.type) +
                     " needs more than 38 digits; cast the operands to smaller decimals or DOUBLE"};
  }
  std::string n = "(" + unscaled(a) + " * " + power_of_ten(shift) + ")";
  std::string d = unscaled(b);
  std::string digits = filled(
      "{0} // {1} + CASE WHEN abs({0} % {1}) >= abs({1}) - abs({0} % {1}) THEN CASE WHEN ({0} < 0) "
      "= ({1} < 0) "
      "THEN 1 ELSE -1 END ELSE 0 END",
      {n, d});
  return rescaled(digits, type);
}

struct Operands {
  Typed left;
  Typed right;
};

Result<Operands> widened(const Typed& left, const Typed& right) {
  Typed values[] = {left, right};
  auto type = common_type(values);
  if (!type || !(type->is_numeric() || type->kind == Kind::Null)) {
    return Error{Code::Invalid, "arithmetic needs numbers but got " + to_sql(left.type) + " and " +
                                    to_sql(right.type)};
  }
  if (type->kind == Kind::Null) type = Type(Kind::Double);
  bool decimals = type->kind == Kind::Decimal;
  Type left_type = decimals ? as_decimal(left) : *type;
  Type right_type = decimals ? as_decimal(right) : *type;
  Typed a = TRY(cast(left, left_type));
  Typed b = TRY(cast(right, right_type));
  return Operands{std::move(a), std::move(b)};
}

bool divides(Arithmetic op) { return op >= Arithmetic::Divide; }

std::string_view symbol(Arithmetic op) {
  switch (op) {
    case Arithmetic::Add: return " + ";
    case Arithmetic::Subtract: return " - ";
    case Arithmetic::Multiply: return " * ";
    case Arithmetic::Divide: return " / ";
    case Arithmetic::Modulo: return " % ";
    case Arithmetic::IntegerDivide: return " // ";
  }
  return "";
}

// DuckDB stays with 18 digits where neither operand has more, though the result may: an operand of
// 19 digits makes it take 38.
std::string wide_enough(Arithmetic op, const Typed& a, const Typed& b) {
  constexpr int kNarrow = 18;
  int whole = std::max(a.type.precision - a.type.scale, b.type.precision - b.type.scale);
  int digits = op == Arithmetic::Multiply ? a.type.precision + b.type.precision
                                          : whole + std::max(a.type.scale, b.type.scale) + 1;
  bool narrow = std::max(a.type.precision, b.type.precision) <= kNarrow;
  if (!narrow || digits <= kNarrow) return a.sql;
  return cast_text(a.sql, Type::decimal(kNarrow + 1, a.type.scale));
}

Result<Typed> decimal_arithmetic(Arithmetic op, const Typed& a, const Typed& b) {
  Typed out;
  out.type = decimal_result(op, a.type, b.type);
  if (op == Arithmetic::Divide) {
    out.sql = TRY(decimal_quotient(a, b, out.type));
    return out;
  }
  if (op == Arithmetic::IntegerDivide) {
    int scale = std::max(a.type.scale, b.type.scale);
    int digits = std::max(a.type.precision - a.type.scale, b.type.precision - b.type.scale) + scale;
    if (digits > kPrecisionMax) {
      return Error{Code::Unsupported,
                   "div over " + to_sql(a.type) + " and " + to_sql(b.type) +
                       " needs more than 38 digits; cast the operands to smaller decimals"};
    }
    Typed left = TRY(cast(a, Type::decimal(digits, scale)));
    Typed right = TRY(cast(b, Type::decimal(digits, scale)));
    out.type = Kind::Long;
    out.sql = cast_text(unscaled(left) + " // " + unscaled(right), out.type);
    return out;
  }
  if (op == Arithmetic::Multiply && a.type.scale + b.type.scale > kPrecisionMax) {
    return Error{Code::Unsupported,
                 "multiplying " + to_sql(a.type) + " by " + to_sql(b.type) +
                     " needs more than 38 digits; cast the operands to smaller decimals"};
  }
  std::string left = wide_enough(op, a, b);
  out.sql = cast_text("(" + left + std::string(symbol(op)) + b.sql + ")", out.type);
  return out;
}

Result<Typed> plain_arithmetic(Arithmetic op, const Typed& left, const Typed& right) {
  Operands both = TRY(widened(left, right));
  if (both.left.type.kind == Kind::Decimal) return decimal_arithmetic(op, both.left, both.right);
  bool floating = !both.left.type.is_integral();
  if (op == Arithmetic::Divide) {
    both.left = TRY(cast(both.left, Kind::Double));
    both.right = TRY(cast(both.right, Kind::Double));
  }
  if (op == Arithmetic::IntegerDivide) {
    if (floating) {
      return Error{Code::Invalid, "div needs integers or decimals but got " + to_sql(left.type) +
                                      " and " + to_sql(right.type) + "; use /"};
    }
    both.left = TRY(cast(both.left, Kind::Long));
    both.right = TRY(cast(both.right, Kind::Long));
  }
  Typed out;
  out.type = both.left.type;
  out.sql = "(" + both.left.sql + std::string(symbol(op)) + both.right.sql + ")";
  return out;
}

// The sum, difference or product is NULL where it overflows: it is computed wide, then cast.
Result<Typed> tried_arithmetic(Arithmetic op, const Typed& left, const Typed& right) {
  Operands both = TRY(widened(left, right));
  Typed out = TRY(plain_arithmetic(op, left, right));
  if (divides(op)) return out;
  if (both.left.type.kind == Kind::Decimal) {
    // Only its own overflow is NULL: an error of an operand stays one, and then its overflow, too.
    bool only_own = !both.left.may_fail && !both.right.may_fail;
    if (only_own) out.sql = "TRY(" + out.sql + ")";
    return out;
  }
  if (!out.type.is_integral()) return out;
  std::string wide = "CAST(" + both.left.sql + " AS HUGEINT)" + std::string(symbol(op)) + "CAST(" +
                     both.right.sql + " AS HUGEINT)";
  out.sql = "TRY_CAST(" + wide + " AS " + duckdb_type(out.type) + ")";
  return out;
}

}  // namespace

Type as_decimal(const Typed& value) {
  if (value.type.kind == Kind::Decimal) return value.type;
  if (value.literal) {
    size_t digits = value.literal->text.size() - (value.literal->text.starts_with('-') ? 1 : 0);
    return Type::decimal(std::max<int>(1, static_cast<int>(digits)), 0);
  }
  switch (value.type.kind) {
    case Kind::Byte: return Type::decimal(3, 0);
    case Kind::Short: return Type::decimal(5, 0);
    case Kind::Integer: return Type::decimal(10, 0);
    default: return Type::decimal(20, 0);
  }
}

Type decimal_result(Arithmetic op, const Type& a, const Type& b) {
  int p1 = a.precision, s1 = a.scale, p2 = b.precision, s2 = b.scale;
  switch (op) {
    case Arithmetic::Add:
    case Arithmetic::Subtract: {
      int scale = std::max(s1, s2);
      return adjusted(std::max(p1 - s1, p2 - s2) + scale + 1, scale);
    }
    case Arithmetic::Multiply: return adjusted(p1 + p2 + 1, s1 + s2);
    case Arithmetic::Divide: {
      int scale = std::max(kScaleMin, s1 + p2 + 1);
      return adjusted(p1 - s1 + s2 + scale, scale);
    }
    case Arithmetic::Modulo:
      return adjusted(std::min(p1 - s1, p2 - s2) + std::max(s1, s2), std::max(s1, s2));
    case Arithmetic::IntegerDivide: break;
  }
  return Kind::Long;
}

Result<Typed> arithmetic(Arithmetic op, const Typed& left, const Typed& right, bool is_try) {
  Typed out =
      is_try ? TRY(tried_arithmetic(op, left, right)) : TRY(plain_arithmetic(op, left, right));
  out.may_fail =
      left.may_fail || right.may_fail || out.type.is_integral() || out.type.kind == Kind::Decimal;
  if (!divides(op)) return out;
  out.may_fail = true;
  bool safe = right.literal && right.type.is_integral() && right.literal->text != "0";
  if (safe) return out;
  Operands both = TRY(widened(left, right));
  std::string zero = "(" + both.right.sql + ") = 0";
  bool remainder = op == Arithmetic::Modulo;
  std::string message =
      remainder ? "[REMAINDER_BY_ZERO] Remainder by zero" : "[DIVIDE_BY_ZERO] Division by zero";
  message +=
      remainder ? "; use try_mod to get NULL instead" : "; use try_divide to get NULL instead";
  std::string instead = is_try ? typed_null(out.type) : raising(out.type, quoted_text(message));
  if (!is_try) zero += " AND (" + both.left.sql + ") IS NOT NULL";
  out.sql = "CASE WHEN " + zero + " THEN " + instead + " ELSE " + out.sql + " END";
  return out;
}

}  // namespace ticklake::sql
