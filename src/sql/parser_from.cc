// FROM: tables, streams, table functions, subqueries and their joins.
#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "sql/parser.h"

namespace ticklake::sql {

Result<FromItemPtr> Parser::finished(FromItem item) const {
  item.depth = depth_of(item);
  if (item.depth > kDepthMax) {
    return unsupported(item.position, fmt::format("over {} joins", kDepthMax),
                       "split the query with temporary views");
  }
  return std::make_shared<const FromItem>(std::move(item));
}

Result<FromItemPtr> Parser::relation() {
  FromItemPtr result = TRY(relation_primary());
  for (bool found = true; found;) result = TRY(join(std::move(result), found));
  return result;
}

// Whether a join begins here; then reads up to behind JOIN.
Result<bool> Parser::join_kind(Join::Kind& kind) {
  struct Spelling {
    Words words;
    Join::Kind kind;
  };
  using JoinKind = Join::Kind;
  const Spelling spellings[] = {
      {{"JOIN"}, JoinKind::Inner},
      {{"INNER", "JOIN"}, JoinKind::Inner},
      {{"CROSS", "JOIN"}, JoinKind::Cross},
      {{"LEFT", "JOIN"}, JoinKind::Left},
      {{"LEFT", "OUTER", "JOIN"}, JoinKind::Left},
      {{"RIGHT", "JOIN"}, JoinKind::Right},
      {{"RIGHT", "OUTER", "JOIN"}, JoinKind::Right},
      {{"FULL", "JOIN"}, JoinKind::Full},
      {{"FULL", "OUTER", "JOIN"}, JoinKind::Full},
      {{"SEMI", "JOIN"}, JoinKind::LeftSemi},
      {{"LEFT", "SEMI", "JOIN"}, JoinKind::LeftSemi},
      {{"ANTI", "JOIN"}, JoinKind::LeftAnti},
      {{"LEFT", "ANTI", "JOIN"}, JoinKind::LeftAnti},
  };
  for (const Spelling& spelling : spellings) {
    if (!accept_each(spelling.words)) continue;
    kind = spelling.kind;
    return true;
  }
  if (at_any({"INNER", "CROSS", "LEFT", "RIGHT", "FULL"})) {
    std::string word = take().upper;
    return unexpected(fmt::format("JOIN after {}", word), {"JOIN", "OUTER", "SEMI", "ANTI"});
  }
  return false;
}

Result<FromItemPtr> Parser::join(FromItemPtr left, bool& found) {
  Position position = peek().position;
  if (at_each({"PIVOT", "("})) return pivot(std::move(left));
  if (at_each({"UNPIVOT", "("}) || (at("UNPIVOT") && at_any({"INCLUDE", "EXCLUDE"}, 1))) {
    return unpivot(std::move(left));
  }
  Join node{Join::Kind::Inner, left, nullptr, nullptr, {}};
  node.natural = at("NATURAL") && at_any({"JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS"}, 1);
  if (node.natural) take();
  found = TRY(join_kind(node.kind));
  if (!found) return left;
  node.right = TRY(relation_primary());
  if (node.natural) {
    if (at_any({"ON", "USING"})) return unexpected("no condition behind a NATURAL JOIN");
  } else if (accept("ON")) {
    node.on = TRY(expression());
  } else if (accept("USING")) {
    node.using_columns = TRY(name_list("a column of both sides"));
  } else if (node.kind == Join::Kind::Inner) {
    node.kind = Join::Kind::Cross;
  }
  if (node.kind == Join::Kind::Cross && (node.on || !node.using_columns.empty())) {
    node.kind = Join::Kind::Inner;
  }
  FromItem item;
  item.position = position;
  item.node = std::move(node);
  return finished(std::move(item));
}

Result<FromItemPtr> Parser::relation_primary() {
  Nesting nesting(*this);
  if (nesting.too_deep()) return too_deep();
  FromItem item;
  Position position = peek().position;
  bool lateral = at("LATERAL");
  if (lateral && at("VIEW", 1)) {
    return unsupported(position, "LATERAL VIEW here", "put it behind all tables and joins of FROM");
  }
  if (lateral) take();
  bool follows = (at("(") && at_query(1)) || (at_name() && at("(", 1));
  if (lateral && !follows) {
    return unexpected("a query in parentheses or a function after LATERAL");
  }
  if (at("(") && !at_query(1)) {
    take();
    FromItemPtr inner = TRY(relation());
    TRY(expect(")", "or a join behind the relation in parentheses"));
    bool named = at("AS") || at_implicit_alias();
    bool is_join = std::holds_alternative<Join>(inner->node);
    if (named && is_join) {
      return unsupported(peek().position, "an alias of a join",
                         "give the tables of the join aliases, or write (SELECT * FROM ..)");
    }
    if (!named && !at("WATERMARK")) return inner;
    item = *inner;
  } else if (at("(")) {
    QueryPtr inner = TRY(parenthesized_query());
    item.node = DerivedTable{std::move(inner)};
  } else if (at_query() && at("VALUES")) {
    Query rows;
    rows.position = take().position;
    rows.body = TRY(values());
    QueryPtr inner = TRY(finished(std::move(rows)));
    item.node = DerivedTable{std::move(inner)};
  } else {
    item = TRY(at("STREAM") ? stream() : table_or_function());
  }
  item.position = position;
  item.lateral = lateral;
  TRY(relation_suffixes(item));
  return finished(std::move(item));
}

// STREAM t, STREAM(t), STREAM f(..), STREAM(f(..)); or a table whose name is "stream".
Result<FromItem> Parser::stream() {
  Position position = peek().position;
  bool parenthesized = at("(", 1);
  take();
  bool marker = parenthesized || (at_name() && at_implicit_alias() && !at("WINDOW"));
  if (!marker) {
    --next_;
    return table_or_function();
  }
  if (parenthesized) take();
  if (at("(") || (parenthesized && at_query())) {
    return unsupported(position, "STREAM of a query",
                       "put STREAM before the table inside the query");
  }
  FromItem item = TRY(table_or_function());
  item.streaming = true;
  if (parenthesized) TRY(expect(")", "behind STREAM(.."));
  auto* table = std::get_if<TableName>(&item.node);
  if (table && parenthesized && table->options.empty() && at_each({"WITH", "("})) {
    take();
    table->options = TRY(properties());
  }
  if (table && (table->version || table->timestamp)) {
    return unsupported(position, "STREAM of one version of a table",
                       "remove STREAM, or VERSION AS OF and TIMESTAMP AS OF");
  }
  return item;
}

Result<FromItem> Parser::table_or_function() {
  FromItem item;
  item.position = peek().position;
  if (peek().kind == Token::Kind::String) {
    return unsupported(item.position, quoted(peek()),
                       "read files with read_files(..), and write the names of tables without "
                       "quotes");
  }
  std::vector<std::string> parts = TRY(table_name());
  if (at("(")) {
    std::vector<Argument> arguments = TRY(named_arguments());
    item.node = TableFunction{joined(parts, "."), std::move(arguments)};
    return item;
  }
  TableName table{std::move(parts), std::nullopt, nullptr, {}};
  if (at("@")) {
    return unsupported(peek().position, "'@' after the name of a table",
                       "write VERSION AS OF 3 for @v3, TIMESTAMP AS OF '..' for a time");
  }
  TRY(time_travel(table));
  if (at_each({"WITH", "("})) {
    take();
    table.options = TRY(properties());
  }
  item.node = std::move(table);
  return item;
}

Result<void> Parser::time_travel(TableName& table) {
  bool spelled_for = at("FOR");
  size_t ahead = spelled_for ? 1 : 0;
  bool version = at_any({"VERSION", "SYSTEM_VERSION"}, ahead);
  bool time = at_any({"TIMESTAMP", "SYSTEM_TIME"}, ahead);
  if (!(version || time) || !at("AS", ahead + 1) || !at("OF", ahead + 2)) return {};
  next_ += ahead + 3;
  if (time) {
    table.timestamp = TRY(value());
    return {};
  }
  const std::string& text = peek().text;
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool literal = peek().kind == Token::Kind::Number || peek().kind == Token::Kind::String;
  if (!literal || error != std::errc() || end != text.data() + text.size() || number < 0) {
    return unexpected("the number of a version after VERSION AS OF");
  }
  take();
  table.version = number;
  return {};
}

Result<void> Parser::relation_suffixes(FromItem& item) {
  if (at("TABLESAMPLE")) {
    return unsupported(peek().position, "TABLESAMPLE",
                       "write WHERE pmod(xxhash64(key), 10) = 0 for a sample");
  }
  if (at_each({"IDENTIFIED", "BY"})) {
    return unsupported(peek().position, "IDENTIFIED BY", "remove it: ticklake names its streams");
  }
  if (at("WATERMARK") && !at_end(1) && !at_any({",", ")"}, 1)) item.watermark = TRY(watermark());
  Position position = peek().position;
  bool has_as = at("AS");
  std::string alias_name = TRY(alias());
  if (!alias_name.empty()) {
    item.alias = std::move(alias_name);
    if (at("(")) item.column_aliases = TRY(name_list("the name of a column"));
  } else if (!has_as && at("(") && std::holds_alternative<DerivedTable>(item.node)) {
    return unexpected("an alias before its list of columns");
  }
  if (at("WATERMARK") && !item.watermark && !item.alias.empty()) {
    return refuse(position, fmt::format("the alias '{}' before WATERMARK", item.alias),
                  "put it behind: WATERMARK .. DELAY OF INTERVAL .. AS alias");
  }
  return {};
}

Result<Watermark> Parser::watermark() {
  Watermark result;
  result.position = take().position;
  result.expression = TRY(expression());
  result.name = TRY(alias());
  TRY(expect("DELAY", "OF INTERVAL .. behind the expression of WATERMARK"));
  TRY(expect("OF", "after DELAY"));
  Position position = peek().position;
  if (!at("INTERVAL")) return unexpected("INTERVAL after DELAY OF", {"INTERVAL"});
  IntervalLiteral delay = TRY(interval());
  if (delay.months != 0 || delay.first <= IntervalUnit::Month) {
    return refuse(position, "a delay in months or years",
                  "write it in days or shorter, as in INTERVAL 10 SECONDS");
  }
  if (delay.micros < 0) return refuse(position, "a negative delay", "write 0 SECONDS or more");
  result.delay_us = delay.micros;
  return result;
}

}  // namespace ticklake::sql
