// CREATE FLOW, and AUTO CDC wherever it may stand.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "sql/parser.h"

namespace ticklake::sql {
namespace {

constexpr std::string_view kClauseOrder =
    "the order is FROM, KEYS, IGNORE NULL UPDATES, APPLY AS DELETE WHEN, APPLY AS TRUNCATE WHEN, "
    "SEQUENCE BY, COLUMNS, STORED AS, TRACK HISTORY ON";

}  // namespace

// From FLOW on.
Result<void> Parser::flow_body(Statement& statement) {
  take();
  statement.kind = Statement::Kind::Flow;
  statement.name = TRY(table_name());
  if (accept("COMMENT")) statement.comment = TRY(string("the comment"));
  TRY(expect("AS", "before what the flow does"));
  if (accept("INSERT")) return flow_insert(statement);
  if (!accept_each({"AUTO", "CDC"}) && !accept_each({"APPLY", "CHANGES"})) {
    return unexpected("INSERT INTO or AUTO CDC INTO after AS", {"INSERT", "AUTO"});
  }
  bool once = at("ONCE");
  if (!once) {
    TRY(expect("INTO", "before the table that the flow fills"));
    statement.target_position = peek().position;
    statement.target = TRY(table_name());
    once = at("ONCE");
  }
  if (once) {
    return unsupported(peek().position, "AUTO CDC ONCE",
                       "remove ONCE: the flow takes what is there and then what comes");
  }
  statement.cdc = TRY(auto_cdc());
  return {};
}

// Behind INSERT.
Result<void> Parser::flow_insert(Statement& statement) {
  statement.once = accept("ONCE");
  if (at("OVERWRITE")) {
    return unsupported(peek().position, "INSERT OVERWRITE",
                       "a flow adds rows: write INSERT INTO, or make a MATERIALIZED VIEW");
  }
  TRY(expect("INTO", "after INSERT"));
  if (!statement.once) statement.once = accept("ONCE");
  statement.target_position = peek().position;
  statement.target = TRY(table_name());
  if (at("(") && !at_query()) {
    return unsupported(peek().position, "a list of columns behind the table of INSERT",
                       "name the query's columns with AS and write BY NAME");
  }
  statement.by_name = accept_each({"BY", "NAME"});
  return inserted_query(statement);
}

// The older spelling, a flow without a name of its own.
Result<void> Parser::apply_changes(Statement& statement) {
  next_ += 2;
  statement.kind = Statement::Kind::Flow;
  TRY(expect("INTO", "after APPLY CHANGES"));
  statement.target_position = peek().position;
  statement.target = TRY(table_name());
  statement.name = statement.target;
  statement.cdc = TRY(auto_cdc());
  return {};
}

Result<std::shared_ptr<const AutoCdc>> Parser::auto_cdc() {
  AutoCdc cdc;
  cdc.position = peek().position;
  if (at("INTO")) {
    return refuse(cdc.position, "INTO", "remove it: the flow fills the table that it stands in");
  }
  TRY(expect("FROM", "before the source of the changes"));
  if (!at("STREAM")) {
    return refuse(peek().position, quoted(peek()),
                  "AUTO CDC reads a stream: write FROM STREAM(table), of a temporary view where a "
                  "query is needed");
  }
  FromItem source = TRY(stream());
  if (!source.streaming) return refuse(source.position, "a table", "write FROM STREAM(table)");
  cdc.source = TRY(finished(std::move(source)));
  if (!at("KEYS")) {
    return unexpected("KEYS (..), the columns that tell rows of the table apart", {"KEYS"});
  }
  take();
  if (!at("(")) return unexpected("'(' and the columns of the key after KEYS");
  cdc.keys = TRY(column_set("a column of the key")).names;
  if (accept("IGNORE")) {
    TRY(expect("NULL", "after IGNORE"));
    TRY(expect("UPDATES", "after IGNORE NULL"));
    cdc.ignore_null = ColumnSet{.except = true, .names = {}, .position = peek().position};
    if (accept("ON")) cdc.ignore_null = TRY(column_set("a column"));
  }
  TRY(cdc_conditions(cdc));
  TRY(cdc_storage(cdc));
  if (!at_end()) return refused_cdc_clause();
  return std::make_shared<const AutoCdc>(std::move(cdc));
}

// From APPLY AS to behind SEQUENCE BY.
Result<void> Parser::cdc_conditions(AutoCdc& cdc) {
  if (accept_each({"APPLY", "AS", "DELETE"})) {
    TRY(expect("WHEN", "after APPLY AS DELETE"));
    cdc.delete_when = TRY(expression());
  }
  if (accept_each({"APPLY", "AS", "TRUNCATE"})) {
    TRY(expect("WHEN", "after APPLY AS TRUNCATE"));
    cdc.truncate_when = TRY(expression());
  }
  if (!at("SEQUENCE")) {
    if (at_end()) {
      return unexpected("SEQUENCE BY and what tells which change is the later one", {"SEQUENCE"});
    }
    return refused_cdc_clause();
  }
  take();
  TRY(expect("BY", "after SEQUENCE"));
  cdc.sequence = TRY(expression());
  if (at(",")) {
    return refuse(peek().position, "a second expression of SEQUENCE BY",
                  "write SEQUENCE BY struct(a, b)");
  }
  return {};
}

// From COLUMNS on.
Result<void> Parser::cdc_storage(AutoCdc& cdc) {
  if (accept("COLUMNS")) cdc.columns = TRY(column_set("a column"));
  Position stored = peek().position;
  if (accept("STORED")) {
    TRY(expect("AS", "after STORED"));
    if (at("BITEMPORAL")) {
      return unsupported(peek().position, "STORED AS BITEMPORAL", "write STORED AS SCD TYPE 2");
    }
    TRY(expect("SCD", "after STORED AS"));
    TRY(expect("TYPE", "after SCD"));
    if (peek().text != "1" && peek().text != "2") {
      return refuse(peek().position, quoted(peek()), "expected 1 or 2 after STORED AS SCD TYPE");
    }
    cdc.keeps_history = take().text == "2";
  }
  if (cdc.keeps_history && cdc.truncate_when) {
    return refuse(stored, "STORED AS SCD TYPE 2 with APPLY AS TRUNCATE WHEN",
                  "only SCD TYPE 1 can be truncated: delete the keys, or remove one of the two");
  }
  Position track = peek().position;
  if (accept("TRACK")) {
    TRY(expect("HISTORY", "after TRACK"));
    TRY(expect("ON", "after TRACK HISTORY"));
    cdc.history = TRY(column_set("a column"));
    if (!cdc.keeps_history) {
      return refuse(track, "TRACK HISTORY without a history",
                    "write STORED AS SCD TYPE 2 before it, or remove it");
    }
  }
  return {};
}

// (a, b), or a, b; * EXCEPT (a, b), or *.
Result<ColumnSet> Parser::column_set(std::string_view what) {
  ColumnSet set{.except = at("*"), .names = {}, .position = peek().position};
  if (set.except) {
    take();
    if (!at("EXCEPT")) return set;
    take();
    if (!at("(")) return unexpected("'(' and columns after EXCEPT");
  }
  bool parenthesized = accept("(");
  std::set<std::string> seen;
  do {
    Position position = peek().position;
    std::string column = TRY(name(what));
    if (at(".") || at("(")) {
      return unsupported(position,
                         fmt::format("'{}{}..' in a list of columns", column, peek().text),
                         "name whole columns; put a temporary view before the flow for others");
    }
    if (!seen.insert(lowered(column)).second) {
      return refuse(position, fmt::format("'{}' twice", printable(column, 60)), "remove one");
    }
    set.names.push_back({std::move(column), position});
  } while (accept(","));
  if (parenthesized) TRY(expect(")", fmt::format("or a comma after {}", what)));
  return set;
}

// Where a clause of AUTO CDC should be, or the end.
Error Parser::refused_cdc_clause() const {
  struct Refusal {
    std::initializer_list<std::string_view> words;
    std::string_view advice;
  };
  const Refusal refusals[] = {
      {{"SYSTEM", "SEQUENCE", "BY"}, "remove it: SEQUENCE BY alone orders the changes"},
      {{"COLUMNS", "TO", "UPDATE"}, "put the columns into COLUMNS (..)"},
      {{"WHERE"}, "filter in a temporary view, and write FROM STREAM(view)"},
      {{"TBLPROPERTIES"}, "put it into the CREATE STREAMING TABLE of the target"},
      {{"COMMENT"}, "put it behind the name: CREATE FLOW name COMMENT '..' AS"},
  };
  for (const Refusal& refusal : refusals) {
    if (at_each(refusal.words)) {
      std::vector<std::string> words(refusal.words.begin(), refusal.words.end());
      return unsupported(peek().position, joined(words, " "), refusal.advice);
    }
  }
  if (at_any({"KEYS", "IGNORE", "APPLY", "SEQUENCE", "COLUMNS", "STORED", "TRACK"})) {
    return refuse(peek().position, fmt::format("{} here", peek().upper),
                  fmt::format("each clause stands once; {}", kClauseOrder));
  }
  return unexpected("a clause of AUTO CDC or ';'",
                    {"KEYS", "IGNORE", "APPLY", "SEQUENCE", "COLUMNS", "STORED", "TRACK"});
}

}  // namespace ticklake::sql
