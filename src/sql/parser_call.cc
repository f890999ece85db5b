// Calls: arguments in all their spellings, FILTER, OVER and its window.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "sql/parser.h"

namespace ticklake::sql {

Result<ExpressionPtr> Parser::call(std::string function, Position position) {
  Call call{std::move(function), {}};
  TRY(expect("("));
  if (accept("DISTINCT")) {
    call.distinct = true;
  } else if (at("ALL") && !at_any({",", ")", "."}, 1)) {
    take();
  }
  if (!at(")")) TRY(arguments(call));
  return finished_call(std::move(call), position);
}

// From behind the last comma-separated argument.
Result<ExpressionPtr> Parser::finished_call(Call call, Position position) {
  TRY(special_arguments(call));
  if (at("=>")) return refused_arrow();
  TRY(expect(")", fmt::format("or a comma in {}(..)", call.name)));
  TRY(call_suffixes(call));
  return node(position, std::move(call));
}

// From behind the first argument.
Result<ExpressionPtr> Parser::resumed_call(std::string function, Position position,
                                           Argument first) {
  Call call{std::move(function), {std::move(first)}};
  if (accept(",")) TRY(arguments(call));
  return finished_call(std::move(call), position);
}

// One at least.
Result<void> Parser::arguments(Call& call) {
  bool aliases = equal_ignoring_case(call.name, "struct");
  do {
    call.arguments.push_back(TRY(argument(aliases)));
  } while (accept(","));
  return {};
}

Result<Argument> Parser::argument(bool aliases) {
  Argument argument;
  argument.position = peek().position;
  if (at_name() && at("=>", 1)) {
    argument.name = take().text;
    take();
  }
  if (at("TABLE") && (at("(", 1) || at_name(1))) {
    return unsupported(argument.position, "TABLE as an argument", "read the table in FROM");
  }
  argument.value = TRY(expression());
  if (!aliases) return argument;
  std::string alias_name = TRY(alias());
  if (!alias_name.empty()) {
    argument.value =
        TRY(node(argument.position, Alias{std::move(argument.value), std::move(alias_name)}));
  }
  return argument;
}

Error Parser::refused_arrow() const {
  return refuse(peek().position, "'=>' behind an expression",
                "the name of an argument is one word; with points it goes in backticks");
}

Result<std::vector<Argument>> Parser::named_arguments() {
  Call call{"", {}};
  TRY(expect("("));
  if (!at(")")) TRY(arguments(call));
  if (at("=>")) return refused_arrow();
  TRY(expect(")", "or a comma between arguments"));
  return std::move(call.arguments);
}

namespace {

bool is_date_unit(std::string_view word) {
  constexpr std::string_view kUnits[] = {"YEAR",   "QUARTER",   "MONTH",       "WEEK",
                                         "DAY",    "DAYOFYEAR", "HOUR",        "MINUTE",
                                         "SECOND", "MILLISECOND", "MICROSECOND"};
  return std::find(std::begin(kUnits), std::end(kUnits), word) != std::end(kUnits);
}

bool takes_date_unit(std::string_view function) {
  constexpr std::string_view kFunctions[] = {"TIMESTAMPADD",  "DATEADD",  "DATE_ADD", "TIMEDIFF",
                                             "TIMESTAMPDIFF", "DATEDIFF", "DATE_DIFF"};
  return std::find(std::begin(kFunctions), std::end(kFunctions), function) !=
         std::end(kFunctions);
}

}  // namespace

// What some functions take in words instead of commas.
Result<void> Parser::special_arguments(Call& call) {
  std::string function = uppered(call.name);
  auto add = [&]() -> Result<void> {
    Position position = peek().position;
    ExpressionPtr next = TRY(value());
    call.arguments.push_back({"", std::move(next), position});
    return {};
  };
  bool is_substring = function == "SUBSTRING" || function == "SUBSTR";
  if (function == "OVERLAY" && call.arguments.size() == 1 && accept("PLACING")) {
    TRY(add());
    TRY(expect("FROM", "in OVERLAY(.. PLACING .. FROM ..)"));
    TRY(add());
    if (accept("FOR")) TRY(add());
  } else if (is_substring && call.arguments.size() == 1 && accept("FROM")) {
    TRY(add());
    if (accept("FOR")) TRY(add());
  } else if (is_substring && call.arguments.size() == 2 && accept("FOR")) {
    TRY(add());
  } else if (at_any({"IGNORE", "RESPECT"}) && at("NULLS", 1)) {
    TRY(nulls_suffix(call));
  } else if (takes_date_unit(function) && call.arguments.size() == 3) {
    ExpressionPtr& unit = call.arguments[0].value;
    const auto* column = std::get_if<ColumnReference>(&unit->node);
    if (!column || column->parts.size() != 1 || !is_date_unit(uppered(column->parts[0]))) {
      return refuse(unit->position, fmt::format("no unit of time first in {}(..)", call.name),
                    "write YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND or "
                    "MICROSECOND there, without quotes");
    }
    unit = TRY(node(unit->position, Literal{Type(Kind::String), uppered(column->parts[0])}));
  }
  return {};
}

Result<void> Parser::nulls_suffix(Call& call) {
  bool ignore = take().upper == "IGNORE";
  TRY(expect("NULLS"));
  call.nulls = ignore ? Call::Nulls::Ignore : Call::Nulls::Respect;
  return {};
}

Result<void> Parser::call_suffixes(Call& call) {
  if (at_each({"WITHIN", "GROUP"})) {
    take();
    take();
    TRY(expect("(", "after WITHIN GROUP"));
    TRY(expect("ORDER", "in WITHIN GROUP (ORDER BY ..)"));
    TRY(expect("BY", "after ORDER"));
    call.within = TRY(sort_items());
    TRY(expect(")", "behind WITHIN GROUP (ORDER BY .."));
  }
  if (at_each({"FILTER", "("})) {
    take();
    take();
    TRY(expect("WHERE", "in FILTER (WHERE ..)"));
    call.filter = TRY(expression());
    TRY(expect(")", "behind FILTER (WHERE .."));
  }
  if (at_any({"IGNORE", "RESPECT"}) && at("NULLS", 1)) TRY(nulls_suffix(call));
  if (accept("OVER")) call.over = TRY(window_spec());
  return {};
}

Result<ExpressionPtr> Parser::extract() {
  Position position = take().position;
  TRY(expect("("));
  Extract result;
  result.written = TRY(name("a field such as YEAR or HOUR"));
  result.field = uppered(result.written);
  TRY(expect("FROM", "in EXTRACT(field FROM ..)"));
  result.operand = TRY(value());
  TRY(expect(")", "behind EXTRACT(.."));
  return node(position, std::move(result));
}

Result<ExpressionPtr> Parser::trim() {
  Position position = peek().position;
  std::string function = take().text;
  using Side = Trim::Side;
  std::optional<Side> side;
  if (!at_any({",", ")", "."}, 2)) {
    if (at("BOTH", 1)) side = Side::Both;
    if (at("LEADING", 1)) side = Side::Leading;
    if (at("TRAILING", 1)) side = Side::Trailing;
  }
  if (!side && (at(")", 1) || at("=>", 2))) return call(function, position);
  TRY(expect("("));
  if (side) take();
  Trim result{side.value_or(Side::Both), nullptr, nullptr};
  Position first_position = peek().position;
  if (!at("FROM")) result.characters = TRY(value());
  if (!side && !at("FROM")) {
    return resumed_call(function, position, {"", std::move(result.characters), first_position});
  }
  TRY(expect("FROM", "in TRIM(.. FROM ..)"));
  result.operand = TRY(value());
  TRY(expect(")", "behind TRIM(.."));
  return node(position, std::move(result));
}

Result<ExpressionPtr> Parser::position_in() {
  Position position = peek().position;
  std::string function = take().text;
  if (at(")", 1) || at("=>", 2)) return call(function, position);
  TRY(expect("("));
  Position first_position = peek().position;
  ExpressionPtr part = TRY(value());
  if (!accept("IN")) {
    return resumed_call(function, position, {"", std::move(part), first_position});
  }
  Position second_position = peek().position;
  ExpressionPtr whole = TRY(value());
  TRY(expect(")", "behind POSITION(.. IN .."));
  Call call{"locate", {{"", std::move(part), first_position}}};
  call.arguments.push_back({"", std::move(whole), second_position});
  return node(position, std::move(call));
}

Result<WindowSpec> Parser::window_spec() {
  WindowSpec spec;
  spec.position = peek().position;
  if (!at("(")) {
    spec.name = TRY(name("'(' or the name of a window after OVER"));
    return spec;
  }
  take();
  if (at_name() && at(")", 1)) {
    spec.name = take().text;
    take();
    return spec;
  }
  if (at("CLUSTER")) return unsupported(peek().position, "CLUSTER BY", "write PARTITION BY");
  if (at_any({"PARTITION", "DISTRIBUTE"})) {
    take();
    TRY(expect("BY", "after PARTITION"));
    spec.partition_by = TRY(expression_list());
  }
  if (at_any({"ORDER", "SORT"})) {
    take();
    TRY(expect("BY", "after ORDER"));
    spec.order_by = TRY(sort_items());
  }
  if (at_any({"ROWS", "RANGE"})) {
    spec.frame = TRY(window_frame());
  } else if (at("GROUPS")) {
    return unsupported(peek().position, "a window frame in GROUPS", "write ROWS or RANGE");
  }
  if (!accept(")")) {
    return unexpected("PARTITION BY, ORDER BY, ROWS, RANGE or ')' in a window",
                      {"PARTITION", "ORDER", "ROWS", "RANGE"});
  }
  return spec;
}

Result<WindowFrame> Parser::window_frame() {
  WindowFrame frame{};
  Position position = peek().position;
  frame.unit = take().upper == "ROWS" ? WindowFrame::Unit::Rows : WindowFrame::Unit::Range;
  if (accept("BETWEEN")) {
    frame.start = TRY(frame_bound(true));
    TRY(expect("AND", "between the bounds of the window frame"));
    frame.end = TRY(frame_bound(false));
  } else {
    frame.start = TRY(frame_bound(true));
    frame.end = {FrameBound::Kind::CurrentRow, nullptr};
  }
  if (frame.start.kind > frame.end.kind) {  // the kinds are in the order of the rows
    return refuse(position, "a window frame that ends before it starts",
                  "the start of a frame comes before its end");
  }
  return frame;
}

Result<FrameBound> Parser::frame_bound(bool start) {
  using BoundKind = FrameBound::Kind;
  if (at("UNBOUNDED") && at_any({"PRECEDING", "FOLLOWING"}, 1)) {
    Position position = take().position;
    bool preceding = take().upper == "PRECEDING";
    if (preceding != start) {
      return refuse(position,
                    preceding ? "UNBOUNDED PRECEDING as the end of a window frame"
                              : "UNBOUNDED FOLLOWING as the start of a window frame",
                    "the start of a frame comes before its end");
    }
    return FrameBound{preceding ? BoundKind::UnboundedPreceding : BoundKind::UnboundedFollowing,
                      nullptr};
  }
  if (accept_each({"CURRENT", "ROW"})) return FrameBound{BoundKind::CurrentRow, nullptr};
  FrameBound bound{BoundKind::Preceding, TRY(value())};
  if (accept("PRECEDING")) return bound;
  if (!accept("FOLLOWING")) {
    return unexpected("PRECEDING or FOLLOWING in a window frame", {"PRECEDING", "FOLLOWING"});
  }
  bound.kind = BoundKind::Following;
  return bound;
}

Result<std::vector<SortItem>> Parser::sort_items() {
  std::vector<SortItem> items;
  do {
    SortItem item;
    item.expression = TRY(expression());
    TRY(sort_direction(item));
    items.push_back(std::move(item));
  } while (accept(","));
  return items;
}

// Spark's NULLs are smaller than all else.
Result<void> Parser::sort_direction(SortItem& item) {
  item.descending = accept("DESC");
  if (!item.descending) accept("ASC");
  item.nulls_first = !item.descending;
  if (!accept("NULLS")) return {};
  item.nulls_first = accept("FIRST");
  if (!item.nulls_first && !accept("LAST")) {
    return unexpected("FIRST or LAST after NULLS", {"FIRST", "LAST"});
  }
  return {};
}

}  // namespace ticklake::sql
