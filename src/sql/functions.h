// The function table: what each Spark function takes and gives, and how DuckDB computes it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/coercion.h"

namespace ticklake::sql {

// One letter a type: s STRING, i INT, l BIGINT, d DOUBLE, b BOOLEAN, D DATE, T TIMESTAMP, y BINARY,
// n any number, I any integer, a any ARRAY, m any MAP, x anything; "*" after it: any number of
// them. As a result: 0 the type of the first argument, e the type of its elements.
using Letters = std::string_view;

struct CallContext {
  std::string_view name;
  int64_t now_us = 0;
  std::string_view zone = "UTC";
};
using Arguments = std::vector<Typed>;

struct ScalarFunction {
  std::string_view name;
  Letters parameters;
  Letters result;
  std::string_view pattern;  // DuckDB text with {0}, {1}; its type is cast to the result's
  // where set: makes the call instead of the pattern
  Result<Typed> (*build)(const CallContext&, const Arguments&) = nullptr;
  bool may_fail = false;
};

// A part of an aggregate: computed over rows, and merged from such parts ({0}: this aggregate's
// first part).
struct AggregatePart {
  std::string partial;
  std::string merge;  // empty: does not decompose
  Type type;
};
struct Aggregate {
  Type type;
  std::vector<AggregatePart> parts;
  std::string final = "{0}";  // over the parts
  bool decomposes() const {
    for (const AggregatePart& part : parts) {
      if (part.merge.empty()) return false;
    }
    return true;
  }
};
struct AggregateOptions {
  bool distinct = false;
  bool ignore_nulls = false;
  std::string filter = {};  // of a function that keeps NULLs: the condition on its rows
  // of WITHIN GROUP: " DESC NULLS LAST" for each key; the keys are the last arguments
  std::vector<std::string> order = {};
};
struct AggregateFunction {
  enum class Order : uint8_t { None, Taken, Needed };  // WITHIN GROUP (ORDER BY ..)

  std::string_view name;
  Letters parameters;
  Result<Aggregate> (*build)(const Arguments&, const AggregateOptions&);
  bool takes_distinct = false;
  bool takes_ignore_nulls = false;
  bool keeps_nulls = false;  // FILTER is not the same as NULL arguments
  Order order = Order::None;
};

// What stands in OVER (..).
struct OverText {
  std::string partition;  // "a, b", or ""
  std::string order;      // "c ASC NULLS FIRST", or ""
  std::string frame;      // " ROWS BETWEEN ..", or ""
  std::string whole() const;  // " OVER (..)"
};

// Only with OVER.
struct WindowFunction {
  std::string_view name;
  Letters parameters;
  Letters result;
  std::string_view pattern;
  bool takes_frame = false;
  bool takes_ignore_nulls = false;
  // where set: makes the call instead of the pattern, and the order is needed
  Result<Typed> (*build)(std::string_view name, const Arguments&, const OverText&) = nullptr;
};

std::span<const ScalarFunction> math_functions();
std::span<const ScalarFunction> text_functions();
std::span<const ScalarFunction> time_functions();
std::span<const ScalarFunction> other_functions();
std::span<const ScalarFunction> array_functions();
std::span<const ScalarFunction> map_functions();
std::span<const ScalarFunction> bytes_functions();
std::span<const ScalarFunction> calendar_functions();
std::span<const ScalarFunction> pattern_functions();
std::span<const ScalarFunction> json_functions();
std::span<const ScalarFunction> format_functions();
std::span<const AggregateFunction> aggregate_functions();
std::span<const AggregateFunction> statistic_functions();
std::span<const WindowFunction> window_functions();
std::span<const WindowFunction> market_functions();  // with OVER, too

// The function of that name (lower case) for that many arguments. Invalid: wrong number; NotFound:
// no such name.
Result<const ScalarFunction*> find_scalar(std::string_view name, size_t arguments);
Result<const AggregateFunction*> find_aggregate(std::string_view name, size_t arguments);
Result<const WindowFunction*> find_window(std::string_view name, size_t arguments);
bool is_aggregate(std::string_view name);
std::vector<std::string_view> higher_order_names();  // that take a lambda

Result<Typed> call(const ScalarFunction& function, const CallContext& context,
                   const Arguments& arguments);
// Arguments cast to the parameters' types.
Result<Arguments> coerced(std::string_view name, Letters parameters, const Arguments& arguments);
Type letter_type(char letter);

// The text cast to the type.
Typed made(const std::string& sql, const Type& type, bool may_fail = false);
// The text of a literal. Unsupported: it is none; the error names it `what`, as in "pattern".
Result<std::string> literal_of(const CallContext& context, const Typed& value,
                               std::string_view what);

// Arguments cast to their common type.
struct Common {
  Type type;
  std::vector<std::string> texts;
  bool may_fail = false;
};
Result<Common> common(std::string_view name, const Arguments& values);
// Of which each is an ARRAY: cast to ARRAYs of the common type of their elements.
Result<Common> common_arrays(std::string_view name, const Arguments& values);

// Whether one holds texts where the other holds something else, which these functions do not mix.
bool texts_and_others(const Type& a, const Type& b);
// The key as the type of the map's keys.
Result<Typed> map_key(const Type& map, const Typed& key);

// `body` with `value`, computed once, as the variable `name`. A name that other text within the
// body may bring in as well is wrong here.
std::string bound(const std::string& value, const std::string& name, const std::string& body);

// Java patterns. Unsupported: what in them has no counterpart.
Result<std::string> re2_pattern(const std::string& java);
Result<std::string> re2_replacement(const std::string& java);
int group_count(const std::string& pattern);
Result<std::string> strftime_format(const std::string& java);
struct ParseFormat {
  std::string strptime;
  std::string regex;  // what Java accepts
};
Result<ParseFormat> parse_format(const std::string& java);

}  // namespace ticklake::sql
