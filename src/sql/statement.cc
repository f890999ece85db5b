// Statements: what a file of SQL may hold, and a word to each that it may not.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "sql/change_tree.h"
#include "sql/parser.h"

namespace ticklake::sql {

Result<std::vector<Statement>> parse(const std::string& text, const std::string& file) {
  return Parser(text, file, TRY(tokenize(text, file))).statements();
}

Result<std::vector<Statement>> Parser::statements() {
  std::vector<Statement> result;
  while (peek().kind != Token::Kind::End) {
    if (accept(";")) continue;
    result.push_back(TRY(statement()));
    if (!at_end()) {
      return unexpected("a comma, an operator, the next clause or ';'",
                        {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "WINDOW",
                         "JOIN", "LEFT", "INNER", "AND", "OFFSET", "QUALIFY", "CREATE"});
    }
  }
  return result;
}

Result<Statement> Parser::statement() {
  const Token& start = peek();
  Statement result{};
  if (at("CREATE")) {
    result = TRY(create());
  } else if (at_each({"APPLY", "CHANGES"})) {
    TRY(apply_changes(result));
  } else if (at_query()) {
    result.kind = Statement::Kind::Query;
    result.query = TRY(query());
  } else if (at_change()) {
    result.kind = Statement::Kind::Change;
    result.change = TRY(change());
  } else {
    return refused_statement();
  }
  result.file = file_;
  result.position = start.position;
  result.text = source(start.begin, tokens_[next_ - 1].end);
  return result;
}

namespace {

struct Refusal {
  std::string_view word;
  std::string_view advice;
};

constexpr std::string_view kNoDml =
    "tables are filled by their own query: write CREATE STREAMING TABLE .. AS SELECT ..";
constexpr std::string_view kNoCatalogWork =
    "remove it: a project's tables are those that its files create";

constexpr std::string_view kNoLooseFlow = "write CREATE FLOW name AS AUTO CDC INTO table ..";

constexpr std::array<Refusal, 29> kRefusedStatements = {{
    {"COPY", kNoDml},
    {"TRUNCATE", kNoDml},
    {"APPLY", kNoLooseFlow},
    {"AUTO", kNoLooseFlow},
    {"REFRESH", "run the project instead: ticklake run --refresh NAME"},
    {"SET", "put the value under configuration in spark-pipeline.yml"},
    {"RESET", "put the value under configuration in spark-pipeline.yml"},
    {"USE", "put catalog and database into spark-pipeline.yml, or write names of three parts"},
    {"DROP", "remove the statement that creates the table from the project"},
    {"ALTER", "change the statement that creates the table"},
    {"REPLACE", "write CREATE OR REFRESH"},
    {"DESCRIBE", "run ticklake table describe NAME"},
    {"DESC", "run ticklake table describe NAME"},
    {"SHOW", "run ticklake table list"},
    {"EXPLAIN", "ticklake validate checks the project's statements"},
    {"OPTIMIZE", kNoCatalogWork},
    {"VACUUM", kNoCatalogWork},
    {"ANALYZE", kNoCatalogWork},
    {"CACHE", kNoCatalogWork},
    {"UNCACHE", kNoCatalogWork},
    {"MSCK", kNoCatalogWork},
    {"GRANT", kNoCatalogWork},
    {"REVOKE", kNoCatalogWork},
    {"COMMENT", "write COMMENT '..' in the statement that creates the table"},
    {"DECLARE", "write the value itself, or ${name} for a value of the project"},
    {"BEGIN", "scripts are not supported: write one statement a table"},
    {"CALL", kNoCatalogWork},
    {"EXECUTE", "write the statement itself"},
    {"ADD", kNoCatalogWork},
}};

constexpr std::string_view kWhatToCreate =
    "write CREATE OR REFRESH STREAMING TABLE, CREATE OR REFRESH MATERIALIZED VIEW, CREATE FLOW or "
    "CREATE TEMPORARY VIEW";

constexpr std::array<Refusal, 12> kRefusedObjects = {{
    {"TABLE",
     "write CREATE OR REFRESH STREAMING TABLE (appended to) or MATERIALIZED VIEW (recomputed)"},
    {"VIEW", "write CREATE TEMPORARY VIEW, or MATERIALIZED VIEW to store its rows"},
    {"SINK", "ticklake has no sinks yet: read the table itself"},
    {"FUNCTION", "write the expression in the query"},
    {"DATABASE", "ticklake creates databases by itself"},
    {"SCHEMA", "ticklake creates databases by itself"},
    {"CATALOG", "ticklake creates catalogs by itself"},
    {"GLOBAL", "write CREATE TEMPORARY VIEW"},
    {"PRIVATE", "remove PRIVATE, or write CREATE TEMPORARY VIEW"},
    {"EXTERNAL", kWhatToCreate},
    {"ONCE", "write CREATE FLOW name AS INSERT INTO ONCE t BY NAME SELECT .."},
    {"CONNECTION", "describe the source in sources/*.yml"},
}};

}  // namespace

Error Parser::refused_statement() const {
  const Token& token = peek();
  for (const Refusal& refusal : kRefusedStatements) {
    if (token.upper != refusal.word) continue;
    return unsupported(token.position, refusal.word, refusal.advice);
  }
  return unexpected("CREATE, SELECT, WITH or VALUES", {"CREATE", "SELECT", "WITH", "VALUES"});
}

// At the word after CREATE [OR ..].
Error Parser::refused_create(const Token& start) const {
  if (at("LIVE") || at("LIVE", 1)) {
    bool streaming = at("STREAMING");
    bool view = at("VIEW", streaming ? 2 : 1);
    return unsupported(
        start.position,
        fmt::format("CREATE {}LIVE {}", streaming ? "STREAMING " : "", view ? "VIEW" : "TABLE"),
        streaming ? "write CREATE OR REFRESH STREAMING TABLE"
        : view    ? "write CREATE TEMPORARY VIEW"
                  : "write CREATE OR REFRESH MATERIALIZED VIEW");
  }
  for (const Refusal& refusal : kRefusedObjects) {
    if (at(refusal.word)) {
      return unsupported(start.position, fmt::format("CREATE {}", refusal.word), refusal.advice);
    }
  }
  return unexpected("STREAMING TABLE, MATERIALIZED VIEW, FLOW or TEMPORARY VIEW after CREATE",
                    {"STREAMING", "MATERIALIZED", "TEMPORARY", "TABLE", "VIEW", "FLOW", "OR"});
}

Result<Statement> Parser::create() {
  const Token& start = take();
  bool replace = accept_each({"OR", "REPLACE"});
  bool refresh = !replace && accept_each({"OR", "REFRESH"});
  if (at("OR")) {
    take();
    return unexpected("REFRESH or REPLACE after CREATE OR", {"REFRESH", "REPLACE"});
  }
  using Created = Statement::Kind;
  Statement result{};
  bool live = at("LIVE") || at("LIVE", 1);
  if (at("STREAMING") && !live) {
    take();
    TRY(expect("TABLE", "after STREAMING"));
    result.kind = Created::StreamingTable;
  } else if (at("MATERIALIZED") && !live) {
    take();
    TRY(expect("VIEW", "after MATERIALIZED"));
    result.kind = Created::MaterializedView;
  } else if (at_any({"TEMPORARY", "TEMP"}) && !live) {
    take();
    TRY(expect("VIEW", "after TEMPORARY"));
    result.kind = Created::TemporaryView;
  } else if (at("FLOW")) {
    if (replace || refresh) {
      return refuse(start.position, "CREATE OR .. FLOW", "write CREATE FLOW");
    }
    TRY(flow_body(result));
    return result;
  } else {
    return refused_create(start);
  }
  bool view = result.kind == Created::TemporaryView;
  std::string_view object = view                                     ? "TEMPORARY VIEW"
                            : result.kind == Created::StreamingTable ? "STREAMING TABLE"
                                                                     : "MATERIALIZED VIEW";
  if (view ? refresh : replace) {
    return refuse(start.position,
                  fmt::format("CREATE OR {} {}", view ? "REFRESH" : "REPLACE", object),
                  fmt::format("write CREATE OR {} {}", view ? "REPLACE" : "REFRESH", object));
  }
  if (at("IF")) {
    Position position = peek().position;
    TRY(expect("IF"));
    TRY(expect("NOT", "after IF"));
    TRY(expect("EXISTS", "after IF NOT"));
    if (view || refresh) {
      return refuse(
          position,
          fmt::format("IF NOT EXISTS in CREATE {}{}", refresh ? "OR REFRESH " : "", object),
          "remove it");
    }
    result.if_not_exists = true;
  }
  TRY(create_body(result));
  return result;
}

}  // namespace ticklake::sql
