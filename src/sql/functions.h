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
// n any number, I any integer, x anything; "*" after it: any number of them. As a result: 0 the
// type of the first argument.
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
};
struct AggregateFunction {
  std::string_view name;
  Letters parameters;
  Result<Aggregate> (*build)(const Arguments&, const AggregateOptions&);
  bool takes_distinct = false;
  bool takes_ignore_nulls = false;
  bool keeps_nulls = false;  // FILTER is not the same as NULL arguments
};

// Only with OVER.
struct WindowFunction {
  std::string_view name;
  Letters parameters;
  Letters result;
  std::string_view pattern;
  bool takes_frame = false;
  bool takes_ignore_nulls = false;
};

std::span<const ScalarFunction> math_functions();
std::span<const ScalarFunction> text_functions();
std::span<const ScalarFunction> time_functions();
std::span<const ScalarFunction> other_functions();
std::span<const AggregateFunction> aggregate_functions();
std::span<const WindowFunction> window_functions();

// The function of that name (lower case) for that many arguments. Invalid: wrong number; NotFound:
// no such name.
Result<const ScalarFunction*> find_scalar(std::string_view name, size_t arguments);
Result<const AggregateFunction*> find_aggregate(std::string_view name, size_t arguments);
Result<const WindowFunction*> find_window(std::string_view name, size_t arguments);
bool is_aggregate(std::string_view name);

Result<Typed> call(const ScalarFunction& function, const CallContext& context,
                   const Arguments& arguments);
// Arguments cast to the parameters' types.
Result<Arguments> coerced(std::string_view name, Letters parameters, const Arguments& arguments);
Type letter_type(char letter);

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
