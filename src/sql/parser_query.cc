// SELECT, VALUES, WITH, set operations and what orders and limits them.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "sql/parser.h"

namespace ticklake::sql {

// Whether a query begins here, and not an expression in parentheses or a join. What follows the ')'
// of a query in parentheses tells.
bool Parser::at_query(size_t ahead) const {
  std::vector<size_t> opened;
  while (at("(", ahead)) {
    if (ahead > kNestingMax) return false;
    opened.push_back(closing_[std::min(next_ + ahead, tokens_.size() - 1)]);
    ++ahead;
  }
  bool begins = at("SELECT", ahead) || (at("WITH", ahead) && at_name(ahead + 1)) ||
                (at("TABLE", ahead) && at_name(ahead + 1)) ||
                (at("FROM", ahead) && at_name(ahead + 1));
  if (at("VALUES", ahead)) {
    Token::Kind kind = peek(ahead + 1).kind;
    begins = at("(", ahead + 1) || kind == Token::Kind::Number || kind == Token::Kind::String;
  }
  return begins && std::all_of(opened.begin(), opened.end(), [&](size_t closing) {
    size_t behind = closing + 1 - next_;
    return at_end(behind) || at_any({")", "UNION", "EXCEPT", "INTERSECT", "MINUS", "SETMINUS",
                                     "ORDER", "LIMIT", "OFFSET", "SORT"},
                                    behind);
  });
}

Result<QueryPtr> Parser::finished(Query query) const {
  query.depth = depth_of(query);
  if (query.depth > kDepthMax) {
    return unsupported(query.position, fmt::format("a query over {} levels deep", kDepthMax),
                       "split it with temporary views");
  }
  return std::make_shared<const Query>(std::move(query));
}

Query Parser::over(QueryPtr inner) {
  Query outer;
  outer.position = inner->position;
  Select select;
  select.items.push_back(
      {std::make_shared<const Expression>(Expression{inner->position, Star{}}), ""});
  FromItem item;
  item.position = inner->position;
  item.depth = inner->depth + 1;
  item.node = DerivedTable{std::move(inner)};
  select.from.push_back(std::make_shared<const FromItem>(std::move(item)));
  outer.body = std::move(select);
  return outer;
}

namespace {

bool is_organized(const Query& query) {
  return !query.ctes.empty() || !query.order_by.empty() || query.order_by_all || query.limit ||
         query.offset;
}

}  // namespace

Result<QueryPtr> Parser::query() {
  Nesting nesting(*this);
  if (nesting.too_deep()) return too_deep();
  Position position = peek().position;
  std::vector<CommonTable> ctes;
  if (at("WITH")) ctes = TRY(common_tables());
  Query result = TRY(union_term());
  bool more = !ctes.empty() || at_any({"ORDER", "LIMIT", "OFFSET"});
  // (SELECT .. LIMIT 1) ORDER BY ..: what is in parentheses keeps its own limit.
  if (more && is_organized(result)) {
    QueryPtr inner = TRY(finished(std::move(result)));
    result = over(std::move(inner));
  }
  result.position = position;
  result.ctes.insert(result.ctes.begin(), ctes.begin(), ctes.end());
  TRY(ordering(result));
  return finished(std::move(result));
}

Result<QueryPtr> Parser::parenthesized_query() {
  TRY(expect("("));
  QueryPtr result = TRY(query());
  TRY(expect(")", "behind the query"));
  return result;
}

Result<std::vector<CommonTable>> Parser::common_tables() {
  TRY(expect("WITH"));
  if (at("RECURSIVE") && at_name(1)) {
    return unsupported(peek().position, "WITH RECURSIVE", "write the steps as joins");
  }
  std::vector<CommonTable> tables;
  do {
    CommonTable table;
    table.position = peek().position;
    table.name = TRY(name("the name of a query in WITH"));
    if (at("(") && !at_query(1)) table.columns = TRY(name_list("the name of a column"));
    accept("AS");
    if (!at("(")) return unexpected("AS and a query in parentheses", {"AS"});
    for (const CommonTable& other : tables) {
      if (!equal_ignoring_case(other.name, table.name)) continue;
      return refuse(table.position, fmt::format("'{}' twice in WITH", table.name),
                    "give each query its own name");
    }
    table.query = TRY(parenthesized_query());
    tables.push_back(std::move(table));
  } while (accept(","));
  return tables;
}

// The operator is the current token.
Result<Query> Parser::set_operation(SetOperation::Op op, Query left,
                                    Result<Query> (Parser::*right)()) {
  Query result;
  result.position = take().position;
  SetOperation operation{op, accept("ALL"), nullptr, nullptr};
  if (!operation.all) accept("DISTINCT");
  if (at_each({"BY", "NAME"})) {
    return unsupported(peek().position, "BY NAME", "list the columns in one order on both sides");
  }
  operation.left = TRY(finished(std::move(left)));
  Query right_query = TRY((this->*right)());
  operation.right = TRY(finished(std::move(right_query)));
  result.body = std::move(operation);
  return result;
}

Result<Query> Parser::union_term() {
  Query left = TRY(intersect_term());
  while (at_any({"UNION", "EXCEPT", "MINUS", "SETMINUS"})) {
    auto op = at("UNION") ? SetOperation::Op::Union : SetOperation::Op::Except;
    left = TRY(set_operation(op, std::move(left), &Parser::intersect_term));
  }
  return left;
}

Result<Query> Parser::intersect_term() {
  Query left = TRY(query_primary());
  while (at("INTERSECT")) {
    left = TRY(set_operation(SetOperation::Op::Intersect, std::move(left), &Parser::query_primary));
  }
  return left;
}

Result<Query> Parser::query_primary() {
  if (at("(")) {
    QueryPtr inner = TRY(parenthesized_query());
    return Query(*inner);
  }
  if (at("SELECT")) return select();
  Query result;
  result.position = peek().position;
  if (accept("VALUES")) {
    result.body = TRY(values());
    return result;
  }
  if (at("TABLE") && at_name(1)) {
    return unsupported(result.position, "TABLE as a query", "write SELECT * FROM the table");
  }
  if (at("FROM")) {
    return unsupported(result.position, "a query that begins with FROM", "put SELECT before FROM");
  }
  return unexpected("SELECT, VALUES, WITH or a query in parentheses",
                    {"SELECT", "VALUES", "WITH"});
}

Result<Query> Parser::select() {
  Query result;
  result.position = take().position;
  Select select;
  if (accept("DISTINCT")) {
    select.distinct = true;
  } else if (at("ALL") && !at_any({",", "FROM", "."}, 1) && !at_end(1)) {
    take();
  }
  do {
    select.items.push_back(TRY(select_item()));
  } while (accept(","));
  TRY(select_clauses(select));
  result.body = std::move(select);
  return result;
}

Result<SelectItem> Parser::select_item() {
  SelectItem item;
  item.expression = TRY(expression());
  if (std::holds_alternative<Star>(item.expression->node)) {
    if (at("AS")) return refuse(peek().position, "an alias of '*'", "remove it");
    return item;
  }
  item.alias = TRY(alias());
  return item;
}

Result<void> Parser::select_clauses(Select& select) {
  if (accept("FROM")) {
    do {
      select.from.push_back(TRY(relation()));
    } while (accept(","));
  }
  if (at_each({"LATERAL", "VIEW"})) {
    return unsupported(peek().position, "LATERAL VIEW", "only whole columns are read for now");
  }
  if (accept("WHERE")) select.where = TRY(expression());
  if (accept("GROUP")) {
    TRY(expect("BY", "after GROUP"));
    TRY(group_by(select));
  }
  if (accept("HAVING")) select.having = TRY(expression());
  if (accept("QUALIFY")) select.qualify = TRY(expression());
  if (at("WINDOW") && at_name(1) && at("AS", 2)) select.windows = TRY(named_windows());
  if (accept("QUALIFY")) select.qualify = TRY(expression());
  return {};
}

Result<void> Parser::group_by(Select& select) {
  if (at("ALL") && !at_any({",", ".", "("}, 1)) {
    take();
    select.group_by_all = true;
    return {};
  }
  do {
    bool sets = at_each({"GROUPING", "SETS", "("});
    if (sets || at_each({"CUBE", "("}) || at_each({"ROLLUP", "("})) {
      return unsupported(peek().position, sets ? "GROUPING SETS" : peek().upper,
                         "write one GROUP BY a grouping and combine them with UNION ALL");
    }
    select.group_by.push_back(TRY(expression()));
  } while (accept(","));
  bool sets = at_each({"GROUPING", "SETS"});
  if (sets || at_each({"WITH", "CUBE"}) || at_each({"WITH", "ROLLUP"})) {
    return unsupported(peek().position, fmt::format("{} {}", peek().upper, peek(1).upper),
                       "write one GROUP BY a grouping and combine them with UNION ALL");
  }
  return {};
}

Result<std::vector<NamedWindow>> Parser::named_windows() {
  take();
  std::vector<NamedWindow> windows;
  do {
    NamedWindow window;
    window.name = TRY(name("the name of a window"));
    TRY(expect("AS", "after the name of a window"));
    window.spec = TRY(window_spec());
    windows.push_back(std::move(window));
  } while (accept(","));
  return windows;
}

Result<void> Parser::ordering(Query& query) {
  for (std::string_view word : {"SORT", "CLUSTER", "DISTRIBUTE"}) {
    if (at_each({word, "BY"})) {
      return unsupported(peek().position, fmt::format("{} BY", word),
                         word == "DISTRIBUTE" ? "remove it" : "write ORDER BY");
    }
  }
  if (accept("ORDER")) {
    TRY(expect("BY", "after ORDER"));
    if (at("ALL") && !at_any({",", ".", "("}, 1)) {
      take();
      query.order_by_all.emplace();
      TRY(sort_direction(*query.order_by_all));
    } else {
      query.order_by = TRY(sort_items());
    }
  }
  if (accept("LIMIT") && !accept("ALL")) query.limit = TRY(expression());
  if (accept("OFFSET")) query.offset = TRY(expression());
  return {};
}

// A row is (a, b), or one value without parentheses.
Result<Values> Parser::values() {
  Values result;
  do {
    Position position = peek().position;
    ExpressionPtr row = TRY(expression());
    const auto* call = std::get_if<Call>(&row->node);
    std::vector<ExpressionPtr> cells;
    bool in_parentheses = call && call->row;
    if (in_parentheses) {
      for (const Argument& cell : call->arguments) cells.push_back(cell.value);
    } else {
      cells.push_back(row);
    }
    if (!result.rows.empty() && cells.size() != result.rows[0].size()) {
      return refuse(position, fmt::format("a row of {} values", cells.size()),
                    fmt::format("the first row has {}", result.rows[0].size()));
    }
    result.rows.push_back(std::move(cells));
  } while (accept(","));
  return result;
}

}  // namespace ticklake::sql
