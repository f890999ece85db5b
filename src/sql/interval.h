// Interval texts, as Spark reads them.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "sql/expression.h"

namespace ticklake::sql {

// INTERVAL text of units, "10 seconds", "1 day 2 hours", "-1.5 seconds", as window() takes it too.
// The error's message is a sentence without a position.
Result<IntervalLiteral> parse_interval(std::string_view text);
// The text of INTERVAL '..' DAY TO SECOND and the like.
Result<IntervalLiteral> parse_interval(std::string_view text, IntervalUnit first,
                                       IntervalUnit last);

// Of "SECOND", "seconds" and the like; week, millisecond and microsecond are no fields of their
// own.
std::optional<IntervalUnit> interval_unit(std::string_view word);
bool is_interval_unit(std::string_view word);  // "WEEKS" too

// The type INTERVAL first TO last: its precision and scale number these fields from 1, and are 0 of
// DAY TO SECOND.
Type interval_type(IntervalUnit first, IntervalUnit last);
bool is_months(const Type& type);  // an interval of years and months
// The interval with the fields of both; nothing where one is of months and one is shorter.
std::optional<Type> common_interval(const Type& a, const Type& b);

}  // namespace ticklake::sql
