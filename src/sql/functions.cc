#include "sql/functions.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "sql/sql.h"

namespace ticklake::sql {
namespace {

// Made by the analyzer, which knows more than types of them.
constexpr std::array kSpecial = {"window", "from_json", "struct", "named_struct", "if",
                                 "iff",    "typeof",    "count",  "arrays_zip",
                                 "from_avro", "to_avro", "session_window", "window_time"};

std::array<std::span<const ScalarFunction>, 11> scalar_tables() {
  return {math_functions(),    text_functions(), time_functions(),  other_functions(),
          array_functions(),   map_functions(),  bytes_functions(), calendar_functions(),
          pattern_functions(), json_functions(), format_functions()};
}

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
  bool one = counts.size() == 1 && counts[0] == "1";
  return Error{Code::Invalid, std::string(name) + "() takes " + joined(counts, " or ") +
                                  (one ? " argument" : " arguments") + " but got " +
                                  std::to_string(arguments)};
}

std::string_view letter_words(char letter) {
  if (letter == 'n') return "a number";
  if (letter == 'I') return "an integer";
  if (letter == 'a') return "an ARRAY";
  if (letter == 'm') return "a MAP";
  return "";
}

bool is_of(const Type& type, char letter) {
  switch (letter) {
    case 'n': return type.is_numeric();
    case 'I': return type.is_integral();
    case 'a': return type.kind == Kind::Array;
    default: return type.kind == Kind::Map;
  }
}

Result<Typed> argument(std::string_view name, char letter, const Typed& value, size_t index) {
  std::string where = "argument " + std::to_string(index + 1) + " of " + std::string(name) + "()";
  if (letter == 'x') return value;
  if (std::string_view("nIam").find(letter) != std::string_view::npos) {
    if (is_of(value.type, letter)) return value;
    if (value.type.kind == Kind::Null) return cast(value, letter_type(letter));
    if (letter == 'n' && value.type.kind == Kind::String) return cast(value, Kind::Double);
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
    case 'n': return Kind::Double;
    case 'I': return Kind::Integer;
    case 'a': return Type::array(Kind::Null);
    case 'm': return Type::map(Kind::Null, Kind::Null);
    default: return Kind::Null;
  }
}

Result<const ScalarFunction*> find_scalar(std::string_view name, size_t arguments) {
  return find_in<ScalarFunction>(scalar_tables(), name, arguments);
}

Result<const AggregateFunction*> find_aggregate(std::string_view name, size_t arguments) {
  const std::array tables = {aggregate_functions(), statistic_functions()};
  return find_in<AggregateFunction>(tables, name, arguments);
}

Result<const WindowFunction*> find_window(std::string_view name, size_t arguments) {
  const std::array tables = {window_functions(), market_functions()};
  return find_in<WindowFunction>(tables, name, arguments);
}

bool is_aggregate(std::string_view name) {
  auto same = [&](const AggregateFunction& function) { return function.name == name; };
  return std::ranges::any_of(aggregate_functions(), same) ||
         std::ranges::any_of(statistic_functions(), same);
}

Result<Arguments> coerced(std::string_view name, Letters parameters, const Arguments& arguments) {
  Arguments out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    out.push_back(TRY(argument(name, letter_at(parameters, i), arguments[i], i)));
  }
  return out;
}

Result<Common> common(std::string_view name, const Arguments& values) {
  auto type = common_type(values);
  if (!type) {
    std::vector<std::string> types;
    for (const Typed& value : values) types.push_back(to_sql(value.type));
    return Error{Code::Invalid, std::string(name) + "() needs arguments of one type but got " +
                                    listed(types) + "; cast them"};
  }
  Common out{.type = *type};
  for (const Typed& value : values) {
    Typed same = TRY(cast(value, *type));
    out.may_fail |= same.may_fail;
    out.texts.push_back(same.sql);
  }
  return out;
}

Result<Common> common_arrays(std::string_view name, const Arguments& values) {
  for (const Typed& value : values) {
    if (value.type.kind != Kind::Array) {
      return Error{Code::Invalid,
                   std::string(name) + "() expects an ARRAY but got " + to_sql(value.type)};
    }
    if (texts_and_others(value.type, values[0].type)) {
      return Error{Code::Invalid, std::string(name) + "() needs arrays of one type but got " +
                                      to_sql(values[0].type) + " and " + to_sql(value.type) +
                                      "; cast one"};
    }
  }
  return common(name, values);
}

std::string OverText::whole() const {
  std::string out = " OVER (";
  if (!partition.empty()) out += "PARTITION BY " + partition;
  if (!order.empty()) out += std::string(partition.empty() ? "" : " ") + "ORDER BY " + order;
  return out + frame + ")";
}

Typed made(const std::string& sql, const Type& type, bool may_fail) {
  return {.sql = cast_text(sql, type), .type = type, .may_fail = may_fail};
}

Result<std::string> literal_of(const CallContext& context, const Typed& value,
                               std::string_view what) {
  if (!value.literal || value.type.kind != Kind::String) {
    return Error{Code::Unsupported, "the " + std::string(what) + " of " +
                                        std::string(context.name) + "() must be a string literal"};
  }
  return value.literal->text;
}

bool texts_and_others(const Type& a, const Type& b) {
  if (a.kind == Kind::Null || b.kind == Kind::Null) return false;
  if (a.is_nested() && a.kind == b.kind && a.children->size() == b.children->size()) {
    for (size_t i = 0; i < a.children->size(); ++i) {
      if (texts_and_others((*a.children)[i].type, (*b.children)[i].type)) return true;
    }
  }
  return (a.kind == Kind::String) != (b.kind == Kind::String);
}

Result<Typed> map_key(const Type& map, const Typed& key) {
  const Type& type = map.children->front().type;
  if (texts_and_others(type, key.type) || !may_coerce(key.type, type)) {
    return Error{Code::Invalid,
                 "the keys are " + to_sql(type) + " but got " + to_sql(key.type) + "; cast it"};
  }
  return cast(key, type);
}

std::string bound(const std::string& value, const std::string& name, const std::string& body) {
  return "list_transform([" + value + "], lambda " + name + ": " + body + ")[1]";
}

Result<Typed> call(const ScalarFunction& function, const CallContext& context,
                   const Arguments& arguments) {
  Arguments values = TRY(coerced(function.name, function.parameters, arguments));
  bool may_fail = function.may_fail;
  for (const Typed& value : values) may_fail |= value.may_fail;
  if (function.build != nullptr) {
    auto out = function.build(context, values);
    if (out) {
      out->may_fail |= may_fail;
    } else if (out.error().message.starts_with("expects ")) {
      return Error{out.error().code, std::string(context.name) + "() " + out.error().message};
    }
    return out;
  }
  std::vector<std::string> texts;
  for (const Typed& value : values) texts.push_back(value.sql);
  Typed out;
  out.type = function.result == "0"   ? values[0].type
             : function.result == "e" ? values[0].type.children->front().type
                                      : letter_type(function.result[0]);
  out.sql = cast_text(filled(function.pattern, texts), out.type);
  out.may_fail = may_fail;
  return out;
}

std::vector<std::string> function_names() {
  std::vector<std::string> names(kSpecial.begin(), kSpecial.end());
  for (auto table : scalar_tables()) {
    for (const ScalarFunction& function : table) names.emplace_back(function.name);
  }
  for (auto table : {aggregate_functions(), statistic_functions()}) {
    for (const AggregateFunction& function : table) names.emplace_back(function.name);
  }
  for (auto table : {window_functions(), market_functions()}) {
    for (const WindowFunction& function : table) names.emplace_back(function.name);
  }
  for (std::string_view name : higher_order_names()) names.emplace_back(name);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

}  // namespace ticklake::sql
