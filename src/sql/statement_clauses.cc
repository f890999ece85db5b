// What stands between a created table's name and its query: columns, expectations and clauses.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "sql/parser.h"

namespace ticklake::sql {

Result<void> Parser::create_body(Statement& statement) {
  statement.name = TRY(table_name());
  bool view = statement.kind == Statement::Kind::TemporaryView;
  if (view && statement.name.size() > 1) {
    return refuse(tokens_[next_ - 1].position,
                  fmt::format("'{}' as the name of a temporary view", joined(statement.name, ".")),
                  "a temporary view has a name of one part");
  }
  if (at("(")) TRY(table_elements(statement));
  TRY(clauses(statement));
  if (statement.kind == Statement::Kind::StreamingTable) {
    if (at_end()) return {};
    if (at_each({"FLOW", "AUTO", "CDC"})) {
      next_ += 3;
      statement.cdc = TRY(auto_cdc());
      return {};
    }
    if (at_each({"FLOW", "INSERT"})) {
      next_ += 2;
      statement.once = accept("ONCE");
      TRY(expect("BY", "after FLOW INSERT"));
      TRY(expect("NAME", "after BY"));
      statement.by_name = true;
      return inserted_query(statement);
    }
  }
  if (!accept("AS")) return refused_clause();
  return inserted_query(statement);
}

Result<void> Parser::inserted_query(Statement& statement) {
  if (!at_query()) {
    return unexpected(fmt::format("SELECT, WITH or VALUES after {}", tokens_[next_ - 1].upper),
                      {"SELECT", "WITH", "VALUES"});
  }
  statement.query = TRY(query());
  return {};
}

Result<void> Parser::table_elements(Statement& statement) {
  TRY(expect("("));
  bool view = statement.kind == Statement::Kind::TemporaryView;
  std::set<std::string> columns, constraints;
  do {
    Position position = peek().position;
    if (at("CONSTRAINT") && at_name(1) && !at_any({",", ")"}, 2)) {
      if (view) {
        return unsupported(position, "CONSTRAINT in a temporary view",
                           "put it on the table that reads the view");
      }
      Expectation added = TRY(expectation());
      if (!constraints.insert(lowered(added.name)).second) {
        return refuse(position, fmt::format("a second constraint '{}'", added.name),
                      "give each its own name");
      }
      statement.expectations.push_back(std::move(added));
      continue;
    }
    bool key = (at_any({"PRIMARY", "FOREIGN"}) && at("KEY", 1)) ||
               (at_any({"CHECK", "UNIQUE"}) && at("(", 1));
    if (key) {
      return unsupported(position, fmt::format("a constraint {}", peek().upper),
                         "write CONSTRAINT name EXPECT (condition)");
    }
    ColumnDefinition column = TRY(column_definition(!view));
    if (!columns.insert(lowered(column.name)).second) {
      return refuse(position, fmt::format("a second column '{}'", column.name),
                    "give each its own name");
    }
    statement.columns.push_back(std::move(column));
  } while (accept(","));
  return expect(")", "or a comma in the list of columns");
}

Result<ColumnDefinition> Parser::column_definition(bool typed) {
  ColumnDefinition column;
  column.position = peek().position;
  column.name = TRY(name("the name of a column"));
  bool options = at_any({",", ")", "COMMENT", "NOT"});
  if (typed && options) return unexpected(fmt::format("the type of column '{}'", column.name));
  if (!typed && !options) {
    return unsupported(peek().position, "a type in a temporary view's list of columns",
                       "remove it, and cast the column in the query");
  }
  if (typed) column.type = TRY(type());
  while (!at_any({",", ")"})) {
    Position position = peek().position;
    if (accept("NOT")) {
      TRY(expect("NULL", "after NOT"));
      column.nullable = false;
    } else if (accept("COMMENT")) {
      column.comment = TRY(string("the comment"));
    } else if (at_any({"DEFAULT", "GENERATED", "MASK", "PRIMARY", "COLLATE", "CONSTRAINT",
                       "REFERENCES"})) {
      return unsupported(position, fmt::format("{} at a column", peek().upper),
                         "a column takes NOT NULL and COMMENT '..'");
    } else {
      return unexpected("NOT NULL, COMMENT, a comma or ')' after a column", {"NOT", "COMMENT"});
    }
  }
  return column;
}

Result<Expectation> Parser::expectation() {
  Expectation result;
  result.position = take().position;
  result.name = TRY(name("the name of the constraint"));
  if (at_any({"CHECK", "PRIMARY", "FOREIGN", "UNIQUE", "NOT"})) {
    return unsupported(peek().position, fmt::format("a constraint {}", peek().upper),
                       "write CONSTRAINT name EXPECT (condition)");
  }
  TRY(expect("EXPECT", "after the name of a constraint"));
  TRY(expect("(", "before the condition of EXPECT"));
  size_t begin = peek().begin;
  result.condition = TRY(expression());
  result.text = source(begin, tokens_[next_ - 1].end);
  TRY(expect(")", "behind the condition of EXPECT"));
  if (accept("ON")) TRY(expectation_action(result));
  return result;
}

Result<void> Parser::expectation_action(Expectation& expectation) {
  using OnViolation = Expectation::OnViolation;
  TRY(expect("VIOLATION", "after ON"));
  if (accept_each({"DROP", "ROW"})) {
    expectation.on_violation = OnViolation::DropRow;
  } else if (accept_each({"FAIL", "UPDATE"})) {
    expectation.on_violation = OnViolation::FailUpdate;
  } else {
    return unexpected("DROP ROW or FAIL UPDATE after ON VIOLATION", {"DROP", "FAIL"});
  }
  return {};
}

Result<void> Parser::clauses(Statement& statement) {
  std::set<std::string> seen;
  while (TRY(clause(statement, seen))) {
  }
  return {};
}

// One clause, where one begins here.
Result<bool> Parser::clause(Statement& statement, std::set<std::string>& seen) {
  if (!at_any({"USING", "PARTITIONED", "COMMENT", "TBLPROPERTIES"})) return false;
  const Token& start = take();
  if (!seen.insert(start.upper).second) {
    return refuse(start.position, fmt::format("a second {}", start.upper), "remove one");
  }
  if (start.upper == "COMMENT") {
    statement.comment = TRY(string("the comment"));
    return true;
  }
  if (start.upper == "TBLPROPERTIES") {
    statement.properties = TRY(properties());
    return true;
  }
  if (statement.kind == Statement::Kind::TemporaryView) {
    return refuse(start.position, fmt::format("{} in a temporary view", start.upper),
                  "remove it: a temporary view stores nothing");
  }
  if (start.upper == "USING") {
    TRY(using_format());
  } else {
    TRY(expect("BY", "after PARTITIONED"));
    statement.partition_columns = TRY(partition_columns());
  }
  return true;
}

Result<void> Parser::using_format() {
  Position position = peek().position;
  std::string format = TRY(name("the format delta after USING"));
  if (equal_ignoring_case(format, "delta")) return {};
  return unsupported(position, fmt::format("the format '{}'", printable(format, 40)),
                     "tables are stored as delta: write USING delta or nothing");
}

Result<std::vector<std::string>> Parser::partition_columns() {
  TRY(expect("(", "after PARTITIONED BY"));
  std::vector<std::string> columns;
  std::set<std::string> seen;
  do {
    Position position = peek().position;
    columns.push_back(TRY(name("the name of a column to partition by")));
    if (at("(")) {
      return unsupported(position, fmt::format("{}(..) in PARTITIONED BY", columns.back()),
                         "compute it as a column of the query and partition by that");
    }
    if (at_name()) {
      return refuse(peek().position, fmt::format("'{}' after the column '{}' in PARTITIONED BY",
                                                 peek().text, columns.back()),
                    "write only names there; types go into the list of columns");
    }
    if (!seen.insert(lowered(columns.back())).second) {
      return refuse(position, fmt::format("'{}' twice in PARTITIONED BY", columns.back()),
                    "remove one");
    }
  } while (accept(","));
  TRY(expect(")", "or a comma in PARTITIONED BY"));
  return columns;
}

Result<std::map<std::string, std::string>> Parser::properties() {
  TRY(expect("(", "before the properties"));
  std::map<std::string, std::string> result;
  do {
    Position position = peek().position;
    auto [key, value_text] = TRY(property());
    if (!result.emplace(key, value_text).second) {
      return refuse(position, fmt::format("the property '{}' twice", printable(key, 60)),
                    "remove one");
    }
  } while (accept(","));
  TRY(expect(")", "or a comma between properties"));
  return result;
}

Result<std::pair<std::string, std::string>> Parser::property() {
  std::string key;
  if (peek().kind == Token::Kind::String) {
    key = take().text;
  } else {
    key = joined(TRY(dotted_name("the name of a property")), ".");
  }
  bool equals = accept("=");
  bool minus = at("-") && peek(1).kind == Token::Kind::Number;
  if (minus) take();
  if (peek().kind == Token::Kind::String && !minus) {
    std::string text = take().text;
    return std::pair(std::move(key), std::move(text));
  }
  if (peek().kind == Token::Kind::Number) {
    return std::pair(std::move(key), (minus ? "-" : "") + take().text);
  }
  if (at_any({"TRUE", "FALSE"})) return std::pair(std::move(key), lowered(take().text));
  return unexpected(fmt::format("a string, a number, true or false {} the property '{}'",
                                equals ? "as the value of" : "after", printable(key, 60)));
}

// Where AS should be.
Error Parser::refused_clause() const {
  struct Refusal {
    std::string_view word;
    std::string_view found;
    std::string_view advice;
  };
  constexpr std::array<Refusal, 13> kRefusals = {{
      {"CLUSTER", "CLUSTER BY", "write PARTITIONED BY (..), or remove it"},
      {"SCHEDULE", "SCHEDULE", "remove it: ticklake run refreshes whenever an input changes"},
      {"TRIGGER", "TRIGGER", "remove it: ticklake run refreshes whenever an input changes"},
      {"FLOW", "FLOW", "write AS SELECT .., FLOW INSERT BY NAME SELECT .. or FLOW AUTO CDC .."},
      {"LOCATION", "LOCATION", "remove it: spark-pipeline.yml says where tables are stored"},
      {"OPTIONS", "OPTIONS", "write TBLPROPERTIES"},
      {"CLUSTERED", "CLUSTERED BY", "write PARTITIONED BY (..), or remove it"},
      {"STORED", "STORED", "tables are stored as delta: remove it"},
      {"ROW", "ROW FORMAT", "tables are stored as delta: remove it"},
      {"DEFAULT", "DEFAULT COLLATION", "remove it"},
      {"WITH", "WITH ROW FILTER", "filter in the query with WHERE"},
      {"REFRESH", "REFRESH", "remove it: ticklake run refreshes whenever an input changes"},
      {"TAGS", "TAGS", "write TBLPROPERTIES"},
  }};
  for (const Refusal& refusal : kRefusals) {
    if (at(refusal.word)) return unsupported(peek().position, refusal.found, refusal.advice);
  }
  if (at_query()) return unexpected("AS before the query", {"AS"});
  return unexpected("AS and a query, or COMMENT, TBLPROPERTIES, PARTITIONED BY or USING delta",
                    {"AS", "COMMENT", "TBLPROPERTIES", "PARTITIONED", "USING", "CLUSTER"});
}

}  // namespace ticklake::sql
