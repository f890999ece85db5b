#include "base/text.h"
#include "sql/functions.h"

namespace ticklake::sql {
namespace {

Result<Typed> build_coalesce(const CallContext& context, const Arguments& arguments) {
  Common values = TRY(common(context.name, arguments));
  return Typed{.sql = "COALESCE(" + listed(values.texts) + ")",
               .type = values.type,
               .may_fail = values.may_fail};
}

Result<Typed> choice(const CallContext& context, const std::string& condition, const Typed& yes,
                     const Typed& no) {
  Common values = TRY(common(context.name, {yes, no}));
  std::string sql =
      "CASE WHEN " + condition + " THEN " + values.texts[0] + " ELSE " + values.texts[1] + " END";
  return Typed{.sql = sql, .type = values.type, .may_fail = values.may_fail};
}

Result<Typed> build_if(const CallContext& context, const Arguments& arguments) {
  return choice(context, arguments[0].sql, arguments[1], arguments[2]);
}

Result<Typed> build_nvl2(const CallContext& context, const Arguments& arguments) {
  return choice(context, arguments[0].sql + " IS NOT NULL", arguments[1], arguments[2]);
}

Result<Typed> build_nullif(const CallContext& context, const Arguments& arguments) {
  Common values = TRY(common(context.name, arguments));
  std::string equal = values.texts[0] + " = " + values.texts[1];
  return Typed{.sql = "CASE WHEN " + equal + " THEN " + typed_null(arguments[0].type) + " ELSE " +
                      arguments[0].sql + " END",
               .type = arguments[0].type,
               .may_fail = values.may_fail};
}

Result<Typed> build_zeroifnull(const CallContext& context, const Arguments& arguments) {
  Typed zero = {.sql = "CAST(0 AS INTEGER)", .type = Kind::Integer};
  return build_coalesce(context, {arguments[0], zero});
}

Result<Typed> build_nullifzero(const CallContext& context, const Arguments& arguments) {
  Typed zero = {.sql = "CAST(0 AS INTEGER)", .type = Kind::Integer};
  return build_nullif(context, {arguments[0], zero});
}

// decode(value, match, result, .., otherwise), where NULL matches NULL; of two arguments a cast of
// bytes to text.
Result<Typed> build_decode(const CallContext& context, const Arguments& arguments) {
  if (arguments.size() == 2) {
    bool utf8 = arguments[1].literal && (equal_ignoring_case(arguments[1].literal->text, "UTF-8") ||
                                         equal_ignoring_case(arguments[1].literal->text, "UTF8"));
    if (!utf8) return Error{Code::Unsupported, "decode() knows the character set 'UTF-8'"};
    Typed bytes = TRY(coerce(arguments[0], Kind::Binary));
    return cast(bytes, Kind::String);
  }
  Arguments results;
  bool otherwise = arguments.size() % 2 == 0;
  for (size_t i = 2; i < arguments.size(); i += 2) results.push_back(arguments[i]);
  if (otherwise) results.push_back(arguments.back());
  Common values = TRY(common(context.name, results));
  std::string sql = "CASE";
  bool may_fail = values.may_fail;
  for (size_t i = 1; i + 1 < arguments.size(); i += 2) {
    Common both = TRY(common(context.name, {arguments[0], arguments[i]}));
    may_fail |= both.may_fail;
    sql += " WHEN " + both.texts[0] + " IS NOT DISTINCT FROM " + both.texts[1] + " THEN " +
           values.texts[i / 2];
  }
  if (otherwise) sql += " ELSE " + values.texts.back();
  return Typed{.sql = sql + " END", .type = values.type, .may_fail = may_fail};
}

Result<Typed> build_raise_error(const CallContext&, const Arguments& arguments) {
  std::string text = "COALESCE(" + arguments[0].sql + ", 'null')";
  return Typed{.sql = raising(Kind::Null, quoted_text("[USER_RAISED_EXCEPTION] ") + " || " + text),
               .type = Kind::Null,
               .may_fail = true};
}

Result<Typed> build_assert_true(const CallContext&, const Arguments& arguments) {
  std::string text = arguments.size() == 2
                         ? "COALESCE(" + arguments[1].sql + ", 'null')"
                         : quoted_text("the condition of assert_true() is not true");
  std::string wrong = raising(Kind::Null, quoted_text("[USER_RAISED_EXCEPTION] ") + " || " + text);
  return Typed{.sql = "CASE WHEN " + arguments[0].sql + " THEN " + typed_null(Kind::Null) +
                      " ELSE " + wrong + " END",
               .type = Kind::Null,
               .may_fail = true};
}

Result<Typed> build_equal_null(const CallContext& context, const Arguments& arguments) {
  Common values = TRY(common(context.name, arguments));
  return Typed{.sql = "(" + values.texts[0] + " IS NOT DISTINCT FROM " + values.texts[1] + ")",
               .type = Kind::Boolean,
               .may_fail = values.may_fail};
}

constexpr ScalarFunction kOther[] = {
    {"coalesce", "x*", "0", "", build_coalesce},
    {"nvl", "xx", "0", "", build_coalesce},
    {"ifnull", "xx", "0", "", build_coalesce},
    {"nvl2", "xxx", "0", "", build_nvl2},
    {"nullif", "xx", "0", "", build_nullif},
    {"zeroifnull", "x", "0", "", build_zeroifnull},
    {"nullifzero", "x", "0", "", build_nullifzero},
    {"decode", "xs", "s", "", build_decode},
    {"decode", "xxx*", "0", "", build_decode},
    {"raise_error", "s", "0", "", build_raise_error},
    {"assert_true", "b", "0", "", build_assert_true},
    {"assert_true", "bs", "0", "", build_assert_true},
    {"equal_null", "xx", "b", "", build_equal_null},
    {"if", "bxx", "0", "", build_if},
    {"iff", "bxx", "0", "", build_if},
    {"isnull", "x", "b", "{0} IS NULL"},
    {"isnotnull", "x", "b", "{0} IS NOT NULL"},
};

}  // namespace

std::span<const ScalarFunction> other_functions() { return kOther; }

}  // namespace ticklake::sql
