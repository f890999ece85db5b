// ON of a join as text that DuckDB can hash. Private to the folder.
#pragma once

#include <functional>
#include <string>

#include "sql/coercion.h"
#include "sql/expression.h"

namespace ticklake::sql {

struct OnParts {  // how parts of the condition are analyzed
  std::function<Result<Typed>(const Expression&)> value;
  std::function<Result<Typed>(const Expression&)> condition;
};

// For a condition that is no comparison of the two sides DuckDB's outer joins look at every pair of
// rows. `x IS NULL OR a < x`, as one asks a history what held at a time, becomes one.
Result<std::string> join_condition(const Expression& on, const OnParts& parts);

}  // namespace ticklake::sql
