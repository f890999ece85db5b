#include "sql/functions.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "sql/sql.h"

namespace ticklake::sql {
namespace {

// Made by the analyzer, which knows more than types of them.
constexpr std::array kSpecial = {"window", "from_json", "struct", "named_struct",
                                 "if",     "iff",       "typeof", "count"};

size_t fewest(Letters parameters) {
  return parameters.ends_with('*') ? parameters.size() - 1 : parameters.size();
}

bool takes(Letters parameters, size_t arguments) {
  return parameters.ends_with('*') ? arguments >= fewest(parameters)
                                   : arguments == parameters.size();
}

char letter_at(Letters parameters, size_t index) {
  size_t last = fewest(parameters) - 1;
  return parameters[std::min(index, last)];
}

template <typename Function>
Result<const Function*> find_in(std::span<const std::span<const Function>> tables,
                                std::string_view name, size_t arguments) {
  std::vector<std::string> counts;
  for (auto table : tables) {
    for (const Function& function : table) {
      if (function.name != name) continue;
      if (takes(function.parameters, arguments)) return &function;
      std::string more = function.parameters.ends_with('*') ? " or more" : "";
      counts.push_back(std::to_string(fewest(function.parameters)) + more);
    }
  }
  if (counts.empty()) return Error{Code::NotFound, "no function " + std::string(name)};
  return Error{Code::Invalid, std::string(name) + "() takes " + joined(counts, " or ") +
                                  " arguments but got " + std::to_string(arguments)};
}

std::string_view letter_words(char letter) {
  if (letter == 'n') return "a number";
  if (letter == 'I') return "an integer";
  return "";
}

Result<Typed> argument(std::string_view name, char letter, const Typed& value, size_t index) {
  std::string where = "argument " + std::to_string(index + 1) + " of " + std::string(name) + "()";
  if (letter == 'x') return value;
  bool number = value.type.is_numeric();
  if ((letter == 'n' && number) || (letter == 'I' && value.type.is_integral())) return value;
  if (letter == 'n' || letter == 'I') {
    Type type = letter == 'n' ? Kind::Double : Kind::Integer;
    if (value.type.kind == Kind::Null || (letter == 'n' && value.type.kind == Kind::String))
      return cast(value, type);
    return Error{Code::Invalid, where + " expects " + std::string(letter_words(letter)) +
                                    " but got " + to_sql(value.type)};
  }
  if (letter == 'T' && value.type.kind == Kind::TimestampNtz) return value;
  auto out = coerce(value, letter_type(letter));
  if (!out) return Error{out.error().code, where + " " + out.error().message};
  return out;
}

}  // namespace

Type letter_type(char letter) {
  switch (letter) {
    case 's': return Kind::String;
    case 'i': return Kind::Integer;
    case 'l': return Kind::Long;
    case 'd': return Kind::Double;
    case 'b': return Kind::Boolean;
    case 'D': return Kind::Date;
    case 'T': return Kind::Timestamp;
    case 'y': return Kind::Binary;
    default: return Kind::Null;
  }
}

Result<const ScalarFunction*> find_scalar(std::string_view name, size_t arguments) {
  const std::array tables = {math_functions(), text_functions(), time_functions(),
                             other_functions()};
  return find_in<ScalarFunction>(tables, name, arguments);
}

Result<const AggregateFunction*> find_aggregate(std::string_view name, size_t arguments) {
  const std::array tables = {aggregate_functions()};
  return find_in<AggregateFunction>(tables, name, arguments);
}

Result<const WindowFunction*> find_window(std::string_view name, size_t arguments) {
  const std::array tables = {window_functions()};
  return find_in<WindowFunction>(tables, name, arguments);
}

bool is_aggregate(std::string_view name) {
  auto same = [&](const AggregateFunction& function) { return function.name == name; };
  return std::ranges::any_of(aggregate_functions(), same);
}

Result<Arguments> coerced(std::string_view name, Letters parameters, const Arguments& arguments) {
  Arguments out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    out.push_back(TRY(argument(name, letter_at(parameters, i), arguments[i], i)));
  }
  return out;
}

Result<Typed> call(const ScalarFunction& function, const CallContext& context,
                   const Arguments& arguments) {
  Arguments values = TRY(coerced(function.name, function.parameters, arguments));
  bool may_fail = function.may_fail;
  for (const Typed& value : values) may_fail |= value.may_fail;
  if (function.build != nullptr) {
    Typed out = TRY(function.build(context, values));
    out.may_fail |= may_fail;
    return out;
  }
  std::vector<std::string> texts;
  for (const Typed& value : values) texts.push_back(value.sql);
  Typed out;
  out.type = function.result == "0" ? values[0].type : letter_type(function.result[0]);
  out.sql = cast_text(filled(function.pattern, texts), out.type);
  out.may_fail = may_fail;
  return out;
}

std::vector<std::string> function_names() {
  std::vector<std::string> names(kSpecial.begin(), kSpecial.end());
  for (auto table : {math_functions(), text_functions(), time_functions(), other_functions()}) {
    for (const ScalarFunction& function : table) names.emplace_back(function.name);
  }
  for (const AggregateFunction& function : aggregate_functions()) names.emplace_back(function.name);
  for (const WindowFunction& function : window_functions()) names.emplace_back(function.name);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

}  // namespace ticklake::sql
