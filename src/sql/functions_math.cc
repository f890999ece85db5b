#include <cstdlib>

#include "sql/functions.h"

namespace ticklake::sql {
namespace {

Result<Typed> rounded_to_whole(const Arguments& arguments, const std::string& name) {
  const Typed& value = arguments[0];
  Typed out;
  if (value.type.kind == Kind::Decimal) {
    int whole = value.type.precision - value.type.scale + (value.type.scale > 0 ? 1 : 0);
    out.type = Type::decimal(std::max(1, std::min(38, whole)), 0);
    out.sql = cast_text(name + "(" + value.sql + ")", out.type);
    return out;
  }
  out.type = Kind::Long;
  out.may_fail = !value.type.is_integral();
  out.sql = value.type.is_integral() ? cast_text(value.sql, out.type)
                                     : cast_text(name + "(" + value.sql + ")", out.type);
  return out;
}

Result<Typed> build_ceil(const CallContext&, const Arguments& arguments) {
  return rounded_to_whole(arguments, "ceil");
}
Result<Typed> build_floor(const CallContext&, const Arguments& arguments) {
  return rounded_to_whole(arguments, "floor");
}

Type rounded_decimal(const Type& type, int digits) {
  int whole = type.precision - type.scale + 1;
  if (digits < 0) return Type::decimal(std::min(38, std::max(whole, -digits + 1)), 0);
  int scale = std::min<int>(type.scale, digits);
  return Type::decimal(std::min(38, whole + scale), scale);
}

// Half up over the shortest digits that print the number, as Java's BigDecimal(Double.toString(x)).
std::string rounded_double(const std::string& sql, int digits) {
  std::string text = "CAST(" + sql + " AS VARCHAR)";
  int scale = std::max(digits, 0);
  int limit = 38 - scale - 1;
  // At 1e15 and beyond a double has fewer decimals than a rounding to one or more changes.
  std::string bound = "abs(" + sql + ") < 1e" + std::to_string(std::min(limit, 15)) + "::DOUBLE";
  std::string decimal = "CAST(" + text + " AS DECIMAL(38," + std::to_string(scale) + "))";
  if (digits < 0)
    decimal = "round(CAST(" + text + " AS DECIMAL(38,10)), " + std::to_string(digits) + ")";
  return "CASE WHEN " + bound + " THEN CAST(CAST(" + decimal + " AS VARCHAR) AS DOUBLE) ELSE " +
         sql + " END";
}

Result<Typed> build_round(const CallContext&, const Arguments& arguments) {
  const Typed& value = arguments[0];
  int digits = 0;
  if (arguments.size() == 2) {
    if (!arguments[1].literal) {
      return Error{Code::Unsupported, "the number of digits of round() must be a literal"};
    }
    digits = std::atoi(arguments[1].literal->text.c_str());
  }
  Typed out;
  out.type = value.type;
  if (value.type.is_integral()) {
    out.sql = digits >= 0 ? value.sql
                          : cast_text("round(" + cast_text(value.sql, Type::decimal(38, 0)) + ", " +
                                          std::to_string(digits) + ")",
                                      value.type);
    out.may_fail = digits < 0;
    return out;
  }
  if (value.type.kind == Kind::Decimal) {
    out.type = rounded_decimal(value.type, digits);
    std::string wide = cast_text(value.sql, Type::decimal(38, value.type.scale));
    out.sql = cast_text("round(" + wide + ", " + std::to_string(digits) + ")", out.type);
    return out;
  }
  if (digits > 15 || digits < -15) {
    return Error{Code::Unsupported,
                 "round() of a " + to_sql(value.type) + " takes -15 to 15 digits"};
  }
  out.sql = cast_text(rounded_double(value.sql, digits), value.type);
  return out;
}

Result<Typed> build_abs(const CallContext&, const Arguments& arguments) {
  Typed out = arguments[0];
  out.literal.reset();
  out.origin.reset();
  out.may_fail |= out.type.is_integral();
  out.sql = "abs(" + out.sql + ")";
  return out;
}

Result<Typed> build_pmod(const CallContext&, const Arguments& arguments) {
  Typed rest = TRY(arithmetic(Arithmetic::Modulo, arguments[0], arguments[1]));
  Typed values[] = {arguments[0], arguments[1]};
  Type type = rest.type.kind == Kind::Decimal ? rest.type : *common_type(values);
  Typed divisor = TRY(cast(arguments[1], type));
  Typed out = rest;
  out.sql = filled("CASE WHEN {0} < 0 THEN ({0} + {1}) % {1} ELSE {0} END",
                   {"(" + rest.sql + ")", divisor.sql});
  out.sql = cast_text(out.sql, out.type);
  if (out.type.kind == Kind::Decimal)
    return Error{Code::Unsupported, "pmod() of DECIMAL is not supported; cast to DOUBLE"};
  return out;
}

template <Arithmetic op, bool is_try>
Result<Typed> build_arithmetic(const CallContext&, const Arguments& arguments) {
  return arithmetic(op, arguments[0], arguments[1], is_try);
}

Result<Typed> extreme(const CallContext& context, const Arguments& arguments,
                      const std::string& name) {
  auto type = common_type(arguments);
  if (!type) {
    return Error{Code::Invalid,
                 std::string(context.name) + "() needs arguments of one type; cast them"};
  }
  if (type->is_nested()) {
    return Error{Code::Unsupported,
                 std::string(context.name) + "() of " + to_sql(*type) + " is not supported"};
  }
  std::vector<std::string> texts;
  Typed out;
  for (const Typed& argument : arguments) {
    Typed value = TRY(cast(argument, *type));
    out.may_fail |= value.may_fail;
    texts.push_back(value.sql);
  }
  out.type = *type;
  out.sql = name + "(" + listed(texts) + ")";
  return out;
}

Result<Typed> build_greatest(const CallContext& context, const Arguments& arguments) {
  return extreme(context, arguments, "greatest");
}
Result<Typed> build_least(const CallContext& context, const Arguments& arguments) {
  return extreme(context, arguments, "least");
}

Result<Typed> build_negative(const CallContext&, const Arguments& arguments) {
  Typed out = arguments[0];
  out.literal.reset();
  out.origin.reset();
  out.may_fail |= out.type.is_integral();
  out.sql = "(-" + out.sql + ")";
  return out;
}

constexpr ScalarFunction kMath[] = {
    {"abs", "n", "0", "", build_abs},
    {"negative", "n", "0", "", build_negative},
    {"ceil", "n", "l", "", build_ceil},
    {"ceiling", "n", "l", "", build_ceil},
    {"floor", "n", "l", "", build_floor},
    {"round", "n", "0", "", build_round},
    {"round", "nI", "0", "", build_round},
    {"power", "dd", "d", "pow({0}, {1})"},
    {"pow", "dd", "d", "pow({0}, {1})"},
    {"sqrt", "d", "d", "CASE WHEN {0} < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt({0}) END"},
    {"exp", "d", "d", "exp({0})"},
    {"ln", "d", "d", "CASE WHEN {0} > 0 THEN ln({0}) END"},
    {"log", "d", "d", "CASE WHEN {0} > 0 THEN ln({0}) END"},
    {"log", "dd", "d", "CASE WHEN {0} > 0 AND {1} > 0 THEN ln({1}) / ln({0}) END"},
    {"log10", "d", "d", "CASE WHEN {0} > 0 THEN log10({0}) END"},
    {"log2", "d", "d", "CASE WHEN {0} > 0 THEN ln({0}) / ln(2::DOUBLE) END"},
    {"sign", "d", "d", "CASE WHEN isnan({0}) THEN {0} ELSE sign({0}) END"},
    {"signum", "d", "d", "CASE WHEN isnan({0}) THEN {0} ELSE sign({0}) END"},
    {"greatest", "xx*", "0", "", build_greatest},
    {"least", "xx*", "0", "", build_least},
    {"mod", "nn", "0", "", build_arithmetic<Arithmetic::Modulo, false>},
    {"pmod", "nn", "0", "", build_pmod},
    {"try_add", "nn", "0", "", build_arithmetic<Arithmetic::Add, true>},
    {"try_subtract", "nn", "0", "", build_arithmetic<Arithmetic::Subtract, true>},
    {"try_multiply", "nn", "0", "", build_arithmetic<Arithmetic::Multiply, true>},
    {"try_divide", "nn", "0", "", build_arithmetic<Arithmetic::Divide, true>},
    {"try_mod", "nn", "0", "", build_arithmetic<Arithmetic::Modulo, true>},
    {"isnan", "d", "b", "COALESCE(isnan({0}), FALSE)"},
    {"nanvl", "dd", "d", "CASE WHEN isnan({0}) THEN {1} ELSE {0} END"},
};

}  // namespace

std::span<const ScalarFunction> math_functions() { return kMath; }

}  // namespace ticklake::sql
