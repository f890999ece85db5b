#include <cstdlib>

#include "sql/functions.h"

namespace ticklake::sql {
namespace {

// The modes of ticklake_round_..
enum class Rounding : uint8_t { HalfEven, Up, Down, HalfUp };

std::string mode_text(Rounding mode) { return std::to_string(static_cast<int>(mode)); }

Type whole_decimal(const Type& type) {
  int whole = type.precision - type.scale + (type.scale > 0 ? 1 : 0);
  return Type::decimal(std::max(1, std::min(38, whole)), 0);
}

Typed rounded_to_whole(const Typed& value, Rounding mode) {
  std::string name = mode == Rounding::Up ? "ceil" : "floor";
  Typed out = {.type = value.type.kind == Kind::Decimal ? whole_decimal(value.type) : Kind::Long};
  bool whole = value.type.is_integral();
  out.may_fail = !whole && value.type.kind != Kind::Decimal;
  out.sql = cast_text(whole ? value.sql : name + "(" + value.sql + ")", out.type);
  return out;
}

Type rounded_decimal(const Type& type, int digits) {
  int whole = type.precision - type.scale + 1;
  if (digits < 0) return Type::decimal(std::min(38, std::max(whole, -digits + 1)), 0);
  int scale = std::min<int>(type.scale, digits);
  return Type::decimal(std::min(38, whole + scale), scale);
}

Typed decimal_rounded(const Typed& value, int digits, Rounding mode) {
  Typed out = {.type = rounded_decimal(value.type, digits), .may_fail = true};
  int scale = std::min<int>(digits, value.type.scale);
  out.sql = cast_text(filled("ticklake_round_digits(CAST({0} AS VARCHAR), {1}, {2})",
                             {value.sql, std::to_string(scale), mode_text(mode)}),
                      out.type);
  return out;
}

Result<int> digits_of(const CallContext& context, const Arguments& arguments) {
  if (arguments.size() < 2) return 0;
  if (!arguments[1].literal) {
    return Error{Code::Unsupported,
                 "the number of digits of " + std::string(context.name) + "() must be a literal"};
  }
  return std::atoi(arguments[1].literal->text.c_str());
}

// ceil and floor to a number of digits are of DECIMALs.
Result<Typed> to_whole(const CallContext& context, const Arguments& arguments, Rounding mode) {
  if (arguments.size() == 1) return rounded_to_whole(arguments[0], mode);
  int digits = TRY(digits_of(context, arguments));
  Typed value = arguments[0];
  if (value.type.kind != Kind::Decimal) {
    Type type = value.type.kind == Kind::Float    ? Type::decimal(14, 7)
                : value.type.kind == Kind::Double ? Type::decimal(30, 15)
                                                  : as_decimal({.type = value.type});
    value = TRY(cast(value, type));
  }
  return decimal_rounded(value, digits, mode);
}

Result<Typed> build_ceil(const CallContext& context, const Arguments& arguments) {
  return to_whole(context, arguments, Rounding::Up);
}
Result<Typed> build_floor(const CallContext& context, const Arguments& arguments) {
  return to_whole(context, arguments, Rounding::Down);
}

Result<Typed> rounded(const CallContext& context, const Arguments& arguments, Rounding mode) {
  const Typed& value = arguments[0];
  int digits = TRY(digits_of(context, arguments));
  if (value.type.kind == Kind::Decimal) return decimal_rounded(value, digits, mode);
  Typed out = {.sql = value.sql, .type = value.type};
  if (value.type.is_integral()) {
    if (digits >= 0) return out;
    out.may_fail = true;
    out.sql = cast_text(filled("ticklake_round_digits(CAST({0} AS VARCHAR), {1}, {2})",
                               {value.sql, std::to_string(digits), mode_text(mode)}),
                        out.type);
    return out;
  }
  std::string name = value.type.kind == Kind::Float ? "ticklake_round_float({0}, {1}, {2})"
                                                    : "ticklake_round_double({0}, {1}, {2})";
  out.sql = filled(name, {value.sql, std::to_string(digits), mode_text(mode)});
  return out;
}

Result<Typed> build_round(const CallContext& context, const Arguments& arguments) {
  return rounded(context, arguments, Rounding::HalfUp);
}
Result<Typed> build_bround(const CallContext& context, const Arguments& arguments) {
  return rounded(context, arguments, Rounding::HalfEven);
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
  Type type = rest.type;
  Typed divisor = TRY(cast(arguments[1], type.kind == Kind::Decimal ? arguments[1].type : type));
  Typed out = rest;
  std::string sum = cast_text("r_ + " + divisor.sql, type.is_integral() ? Kind::Long : type);
  out.sql = cast_text(
      bound(rest.sql, "r_",
            filled("CASE WHEN r_ < 0 THEN {0} % {1} ELSE r_ END", {"(" + sum + ")", divisor.sql})),
      type);
  return out;
}

// Spark's formula, and its NULLs: no buckets, no range, NaN.
constexpr std::string_view kWidthBucket =
    "CASE WHEN {3} <= 0 OR {3} = 9223372036854775807 OR isnan({0}) OR {1} = {2} OR NOT "
    "isfinite({1}) OR NOT isfinite({2}) THEN NULL WHEN {1} < {2} THEN CASE WHEN {0} < {1} THEN 0 "
    "WHEN {0} >= {2} THEN {3} + 1 ELSE CAST(trunc({3} * ({0} - {1}) / ({2} - {1})) AS BIGINT) + 1 "
    "END ELSE CASE WHEN {0} > {1} THEN 0 WHEN {0} <= {2} THEN {3} + 1 ELSE CAST(trunc({3} * ({1} - "
    "{0}) / ({1} - {2})) AS BIGINT) + 1 END END";

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
    {"ceil", "nI", "l", "", build_ceil},
    {"ceiling", "nI", "l", "", build_ceil},
    {"floor", "nI", "l", "", build_floor},
    {"bround", "n", "0", "", build_bround},
    {"bround", "nI", "0", "", build_bround},
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
    {"acos", "d", "d", "ticklake_acos({0})"},
    {"acosh", "d", "d", "ticklake_acosh({0})"},
    {"asin", "d", "d", "ticklake_asin({0})"},
    {"asinh", "d", "d", "ticklake_asinh({0})"},
    {"atan", "d", "d", "ticklake_atan({0})"},
    {"atan2", "dd", "d", "ticklake_atan2({0}, {1})"},
    {"atanh", "d", "d", "ticklake_atanh({0})"},
    {"cos", "d", "d", "ticklake_cos({0})"},
    {"cosh", "d", "d", "ticklake_cosh({0})"},
    {"cot", "d", "d", "1::DOUBLE / ticklake_tan({0})"},
    {"csc", "d", "d", "1::DOUBLE / ticklake_sin({0})"},
    {"sec", "d", "d", "1::DOUBLE / ticklake_cos({0})"},
    {"sin", "d", "d", "ticklake_sin({0})"},
    {"sinh", "d", "d", "ticklake_sinh({0})"},
    {"tan", "d", "d", "ticklake_tan({0})"},
    {"tanh", "d", "d", "ticklake_tanh({0})"},
    {"cbrt", "d", "d", "ticklake_cbrt({0})"},
    {"degrees", "d", "d", "{0} * 57.29577951308232::DOUBLE"},
    {"radians", "d", "d", "{0} * 0.017453292519943295::DOUBLE"},
    {"e", "", "d", "2.718281828459045::DOUBLE"},
    {"pi", "", "d", "3.141592653589793::DOUBLE"},
    {"expm1", "d", "d", "ticklake_expm1({0})"},
    {"log1p", "d", "d", "CASE WHEN {0} > -1 THEN ticklake_log1p({0}) END"},
    {"rint", "d", "d", "ticklake_rint({0})"},
    {"hypot", "dd", "d", "ticklake_hypot({0}, {1})"},
    {"factorial", "i", "l", "CASE WHEN {0} BETWEEN 0 AND 20 THEN factorial({0}) END"},
    {"width_bucket", "dddl", "l", kWidthBucket},
    {"positive", "n", "0", "{0}"},
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
