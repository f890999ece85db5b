// format_string() and printf(): Java's Formatter, whose format is a literal here and so is taken
// apart while the query is read.
#include <cstdlib>

#include "sql/functions.h"

namespace ticklake::sql {
namespace {

struct Directive {
  std::string flags;
  int width = 0;
  int precision = -1;
  char conversion = 's';

  bool has(char flag) const { return flags.find(flag) != std::string::npos; }
};

Error refused(const CallContext& context, const std::string& what) {
  return Error{Code::Unsupported,
               what + " in the format of " + std::string(context.name) +
                   "() is not supported; there are %s %d %x %X %f %n %% with - 0 , a width and a "
                   "precision"};
}

int number_at(const std::string& text, size_t& at) {
  int value = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9' && value < 100'000)
    value = value * 10 + (text[at++] - '0');
  return value;
}

// From behind the '%'.
Result<Directive> directive_at(const CallContext& context, const std::string& format, size_t& at) {
  Directive out;
  size_t begin = at;
  while (at < format.size() &&
         std::string_view("-0,+ (#").find(format[at]) != std::string_view::npos)
    out.flags += format[at++];
  out.width = number_at(format, at);
  if (at < format.size() && format[at] == '.') out.precision = number_at(format, ++at);
  std::string written = "'%" + format.substr(begin, at + 1 - begin) + "'";
  if (at >= format.size()) return refused(context, written);
  out.conversion = format[at++];
  bool known = std::string_view("sdxXfn%").find(out.conversion) != std::string_view::npos;
  bool plain = out.flags.find_first_of("+ (#") == std::string::npos;
  if (!known || !plain || (out.has('-') && out.has('0'))) return refused(context, written);
  bool bare = out.conversion == '%' || out.conversion == 'n' || out.conversion == 's';
  bool grouped = out.has(',') && out.conversion != 'd' && out.conversion != 'f';
  bool precise = out.precision >= 0 && out.conversion != 'f' && out.conversion != 's';
  if ((bare && out.has('0')) || grouped || precise) return refused(context, written);
  return out;
}

Result<std::string> argument_text(const CallContext& context, const Directive& directive,
                                  const Typed& value) {
  const Type& type = value.type;
  bool floating = type.kind == Kind::Double || type.kind == Kind::Float;
  std::string digits = std::to_string(directive.precision < 0 ? 6 : directive.precision);
  switch (directive.conversion) {
    case 'd':
      if (type.is_integral()) return cast_text(value.sql, Kind::String);
      break;
    case 'x':
    case 'X':
      if (type.kind == Kind::Long) return "lower(hex(" + value.sql + "))";
      if (type.kind == Kind::Integer)
        return "lower(hex(CAST(" + value.sql + " AS BIGINT) & 4294967295))";
      break;
    case 'f':
      if (floating)
        return "ticklake_fixed(" + cast_text(value.sql, Kind::Double) + ", " + digits + ")";
      if (type.kind == Kind::Decimal)
        return "ticklake_round_digits(CAST(" + value.sql + " AS VARCHAR), " + digits + ", 3)";
      break;
    default: {
      bool plain = type.kind == Kind::String || type.is_integral() || floating ||
                   type.kind == Kind::Boolean || type.kind == Kind::Null;
      if (!plain) break;
      Typed text = TRY(cast(value, Kind::String));
      return text.sql;
    }
  }
  return Error{Code::Invalid, std::string("%") + directive.conversion + " of " +
                                  std::string(context.name) + "() does not take " + to_sql(type) +
                                  "; cast it, to STRING for %s"};
}

Result<std::string> directive_text(const CallContext& context, const Directive& directive,
                                   const Typed& value) {
  std::string text = TRY(argument_text(context, directive, value));
  bool cuts = directive.precision >= 0 && directive.conversion == 's';
  std::string none = directive.precision < 0
                         ? "'null'"
                         : "substr('null', 1, " + std::to_string(directive.precision) + ")";
  if (cuts) text = "substr(" + text + ", 1, " + std::to_string(directive.precision) + ")";
  if (directive.has(',')) text = "ticklake_grouped(" + text + ")";
  std::string width = std::to_string(directive.width);
  if (directive.has('0')) text = "ticklake_zero_padded(" + text + ", " + width + ")";
  std::string out = "COALESCE(" + text + ", " + none + ")";
  if (directive.width > 0) {
    // Java counts a character beyond U+FFFF as two.
    std::string blanks = filled(
        "repeat(' ', greatest({0} - length(f_) - length(regexp_replace(f_, "
        "'[^\\x{10000}-\\x{10FFFF}]', '', 'g')), 0))",
        {width});
    out = bound(out, "f_", directive.has('-') ? "f_ || " + blanks : blanks + " || f_");
  }
  return directive.conversion == 'X' ? "upper(" + out + ")" : out;
}

Result<Typed> build_format_string(const CallContext& context, const Arguments& arguments) {
  if (!arguments[0].literal || arguments[0].type.kind != Kind::String) {
    return Error{Code::Unsupported,
                 "the format of " + std::string(context.name) + "() must be a string literal"};
  }
  const std::string& format = arguments[0].literal->text;
  std::vector<std::string> parts = {"''"};
  size_t next = 1;
  for (size_t at = 0; at < format.size();) {
    size_t end = std::min(format.find('%', at), format.size());
    if (end > at) parts.push_back(quoted_text(format.substr(at, end - at)));
    at = end + 1;
    if (end == format.size()) break;
    Directive directive = TRY(directive_at(context, format, at));
    if (directive.conversion == '%' || directive.conversion == 'n') {
      parts.push_back(directive.conversion == '%' ? "'%'" : "chr(10)");
      continue;
    }
    if (next >= arguments.size()) {
      return Error{Code::Invalid, std::string(context.name) +
                                      "() has fewer values than its format " + "'" + format +
                                      "' asks for"};
    }
    parts.push_back(TRY(directive_text(context, directive, arguments[next])));
    ++next;
  }
  return Typed{.sql = "(" + listed(parts, " || ") + ")", .type = Kind::String};
}

constexpr ScalarFunction kFormat[] = {
    {"format_string", "sx*", "s", "", build_format_string},
    {"format_string", "s", "s", "", build_format_string},
    {"printf", "sx*", "s", "", build_format_string},
    {"printf", "s", "s", "", build_format_string},
};

}  // namespace

std::span<const ScalarFunction> format_functions() { return kFormat; }

}  // namespace ticklake::sql
