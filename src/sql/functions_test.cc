#include "sql/functions.h"

#include <gtest/gtest.h>

#include <set>

#include "base/text.h"

namespace ticklake::sql {
namespace {

Arguments some_arguments(const AggregateFunction& function) {
  Arguments out;
  for (char letter : function.parameters) {
    if (letter == '*') continue;
    Type type = letter == 'x' ? Type(Kind::Double) : letter_type(letter);
    Typed one = {.sql = "c" + std::to_string(out.size()), .type = type};
    if (letter == 's' || letter == 'b') one.literal = Literal{type, ";", 1};
    out.push_back(std::move(one));
  }
  return out;
}

// A windowed aggregation over a stream keeps partial results of these only; docs/sql.md lists them.
TEST(Functions, AggregatesWhosePartialResultsMerge) {
  std::set<std::string> merging;
  for (auto table : {aggregate_functions(), statistic_functions()}) {
    for (const AggregateFunction& function : table) {
      Arguments arguments = some_arguments(function);
      AggregateOptions options;
      if (function.order == AggregateFunction::Order::Needed) {
        options.order = {" ASC NULLS FIRST"};
        arguments.push_back({.sql = "key", .type = Kind::Double});
      }
      auto made = function.build(arguments, options);
      ASSERT_TRUE(made) << function.name << ": " << made.error().message;
      if (made->decomposes()) merging.insert(std::string(function.name));
    }
  }
  std::vector<std::string> names(merging.begin(), merging.end());
  EXPECT_EQ(joined(names, " "),
            "any avg bit_and bit_or bit_xor bool_and bool_or count count_if every max max_by mean "
            "min min_by regr_count some sum try_avg try_sum");
}

TEST(Functions, ATextIsBoundOnceHoweverOftenItIsUsed) {
  EXPECT_EQ(bound("f(x)", "v_", "v_ + v_"), "list_transform([f(x)], lambda v_: v_ + v_)[1]");
}

}  // namespace
}  // namespace ticklake::sql
