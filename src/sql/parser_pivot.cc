// PIVOT and UNPIVOT, which stand behind what they are of, as joins do.
#include <fmt/format.h>

#include "sql/parser.h"

namespace ticklake::sql {

// a, or (a, b)
Result<std::vector<ExpressionPtr>> Parser::one_or_row(std::string_view where) {
  std::vector<ExpressionPtr> columns;
  bool several = accept("(");
  do {
    Position position = peek().position;
    columns.push_back(TRY(name_or_call()));
    if (!std::holds_alternative<ColumnReference>(columns.back()->node)) {
      return refuse(position, "an expression among the columns of " + std::string(where),
                    "compute it in a query before");
    }
  } while (several && accept(","));
  if (several) TRY(expect(")", "behind the columns of " + std::string(where)));
  return columns;
}

// PIVOT (sum(a) AS s, .. FOR b IN (1 AS one, 2)) [AS alias]
Result<FromItemPtr> Parser::pivot(FromItemPtr input) {
  FromItem item;
  item.position = take().position;
  take();
  Pivot result{std::move(input), {}, {}, {}};
  auto items = [&](std::vector<SelectItem>& list) -> Result<void> {
    do {
      Position position = peek().position;
      list.push_back(TRY(select_item()));
      if (!list.back().aliases.empty())
        return refuse(position, "several names of one item of PIVOT", "give it one");
    } while (accept(","));
    return {};
  };
  TRY(items(result.aggregates));
  TRY(expect("FOR", "and a column behind the aggregates of PIVOT"));
  result.columns = TRY(one_or_row("PIVOT"));
  TRY(expect("IN", "behind the columns of PIVOT"));
  TRY(expect("(", "before the values of PIVOT"));
  TRY(items(result.values));
  TRY(expect(")", "behind the values of PIVOT"));
  TRY(expect(")", "to close PIVOT"));
  item.node = std::move(result);
  item.alias = TRY(alias());
  return finished(std::move(item));
}

// UNPIVOT [INCLUDE NULLS] (v FOR name IN (a, b AS label)) [AS alias], or ((v, w) FOR name IN ((a,
// b) AS label, (c, d)))
Result<FromItemPtr> Parser::unpivot(FromItemPtr input) {
  FromItem item;
  item.position = take().position;
  Unpivot result{std::move(input), {}, {}, {}, at("INCLUDE")};
  if (at_any({"INCLUDE", "EXCLUDE"})) {
    take();
    TRY(expect("NULLS", "behind INCLUDE or EXCLUDE of UNPIVOT"));
  }
  TRY(expect("(", "behind UNPIVOT"));
  bool several = at("(");
  if (several) {
    result.values = TRY(name_list("the name of a column of values"));
  } else {
    result.values.push_back(TRY(name("the name of the column of values")));
  }
  TRY(expect("FOR", "and the name of the column of names behind the columns of values"));
  result.name = TRY(name("the name of the column of names"));
  TRY(expect("IN", "behind the column of names"));
  TRY(expect("(", "before the columns of UNPIVOT"));
  do {
    Position position = peek().position;
    if (at("(") != several) {
      return unexpected(several ? "a list of columns in parentheses" : "a column");
    }
    auto columns = TRY(one_or_row("UNPIVOT"));
    if (columns.size() != result.values.size()) {
      std::string found =
          fmt::format("{} columns for {} values", columns.size(), result.values.size());
      return refuse(position, found, "list as many columns as UNPIVOT has values");
    }
    auto label = TRY(alias());
    result.groups.push_back({std::move(columns), std::move(label), position});
  } while (accept(","));
  TRY(expect(")", "behind the columns of UNPIVOT"));
  TRY(expect(")", "to close UNPIVOT"));
  item.node = std::move(result);
  item.alias = TRY(alias());
  return finished(std::move(item));
}

}  // namespace ticklake::sql
