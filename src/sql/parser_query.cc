// SELECT, VALUES, WITH, set operations and what orders and limits them.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "sql/parser.h"

namespace ticklake::sql {
namespace {

constexpr size_t kGroupingSetsMax = 4096;
constexpr size_t kCubeMax = 12;
using Sets = std::vector<std::vector<size_t>>;

// ROLLUP (a, b): (a, b), (a), ()
Sets rollup_of(const Sets& parts) {
  Sets sets = {{}};
  for (const auto& part : parts) {
    sets.push_back(sets.back());
    sets.back().insert(sets.back().end(), part.begin(), part.end());
  }
  std::reverse(sets.begin(), sets.end());
  return sets;
}

// CUBE (a, b): (a, b), (a), (b), ()
Sets cube_of(const Sets& parts) {
  Sets sets;
  for (size_t left_out = 0; left_out < size_t{1} << parts.size(); ++left_out) {
    sets.emplace_back();
    for (size_t i = 0; i < parts.size(); ++i) {
      if ((left_out >> i & 1) != 0) continue;
      sets.back().insert(sets.back().end(), parts[i].begin(), parts[i].end());
    }
  }
  return sets;
}

}  // namespace

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
    take();
    FromItem item;
    item.position = peek().position;
    item.node = TableName{TRY(table_name()), std::nullopt, nullptr, {}};
    Select all;
    all.items.push_back({TRY(node(result.position, Star{})), ""});
    all.from.push_back(TRY(finished(std::move(item))));
    result.body = std::move(all);
    return result;
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
  TRY(select_alias(item));
  return item;
}

Result<void> Parser::select_alias(SelectItem& item) {
  if (at("AS") && at("(", 1)) {
    take();
    item.aliases = TRY(name_list("the name of a column"));
    return {};
  }
  item.alias = TRY(alias());
  return {};
}

// LATERAL VIEW [OUTER] f(..) [alias] [AS a, b]
Result<LateralView> Parser::lateral_view() {
  LateralView view;
  view.position = take().position;
  TRY(expect("VIEW", "after LATERAL"));
  view.outer = at("OUTER") && !at("(", 1);
  if (view.outer) take();
  view.call = TRY(name_or_call());
  if (!std::holds_alternative<Call>(view.call->node)) {
    return unexpected("a function such as explode(..) in LATERAL VIEW");
  }
  if (at_implicit_alias()) view.alias = take().text;
  if (!accept("AS") && !at_implicit_alias()) return view;
  do {
    view.columns.push_back(TRY(name("the name of a column")));
  } while (accept(","));
  return view;
}

Result<void> Parser::select_clauses(Select& select) {
  if (accept("FROM")) {
    do {
      select.from.push_back(TRY(relation()));
    } while (accept(","));
  }
  while (at_each({"LATERAL", "VIEW"})) select.views.push_back(TRY(lateral_view()));
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
  Position position = peek().position;
  bool has_sets = false;
  GroupingSets sets = {{}};
  auto combine = [&](const GroupingSets& more) -> Result<void> {
    GroupingSets all;
    for (const auto& left : sets) {
      for (const auto& right : more) {
        all.push_back(left);
        all.back().insert(all.back().end(), right.begin(), right.end());
      }
    }
    if (all.size() > kGroupingSetsMax) {
      return unsupported(position, fmt::format("over {} grouping sets", kGroupingSetsMax),
                         "write the needed ones with GROUPING SETS");
    }
    sets = std::move(all);
    return {};
  };
  do {
    has_sets |= at_each({"GROUPING", "SETS", "("}) || at_each({"CUBE", "("}) ||
                at_each({"ROLLUP", "("});
    GroupingSets element = TRY(grouping_element(select));
    TRY(combine(element));
  } while (accept(","));
  bool with = at_each({"WITH", "CUBE"}) || at_each({"WITH", "ROLLUP"});
  if (has_sets && (with || at_each({"GROUPING", "SETS"}))) {
    return unexpected("one of GROUPING SETS, ROLLUP and CUBE");
  }
  if (with) {
    take();
    bool cube = take().upper == "CUBE";
    if (cube && select.group_by.size() > kCubeMax) return too_many_cubed(position);
    GroupingSets all;
    for (size_t i = 0; i < select.group_by.size(); ++i) all.push_back({i});
    sets = cube ? cube_of(all) : rollup_of(all);
    has_sets = true;
  } else if (at_each({"GROUPING", "SETS", "("})) {
    sets = TRY(grouping_element(select));
    has_sets = true;
  }
  if (has_sets) select.grouping_sets = std::move(sets);
  return {};
}

Error Parser::too_many_cubed(Position position) const {
  return unsupported(position, fmt::format("a CUBE of over {} columns", kCubeMax),
                     "write the needed sets with GROUPING SETS");
}

// The grouping sets of one item of GROUP BY; its expressions are added to those of the SELECT.
Result<Parser::GroupingSets> Parser::grouping_element(Select& select) {
  Nesting nesting(*this);
  if (nesting.too_deep()) return too_deep();
  bool rollup = at_each({"ROLLUP", "("});
  if (rollup || at_each({"CUBE", "("})) {
    Position position = take().position;
    GroupingSets parts = TRY(grouping_list(select));
    if (!rollup && parts.size() > kCubeMax) return too_many_cubed(position);
    return rollup ? rollup_of(parts) : cube_of(parts);
  }
  if (!at_each({"GROUPING", "SETS", "("})) {
    select.group_by.push_back(TRY(expression()));
    return GroupingSets{{select.group_by.size() - 1}};
  }
  take();
  take();
  take();
  GroupingSets sets;
  do {
    bool nested = at_each({"GROUPING", "SETS", "("}) || at_each({"CUBE", "("}) ||
                  at_each({"ROLLUP", "("});
    if (nested) {
      GroupingSets inner = TRY(grouping_element(select));
      sets.insert(sets.end(), inner.begin(), inner.end());
    } else {
      sets.push_back(TRY(grouping_set(select)));
    }
  } while (accept(","));
  TRY(expect(")", "or a comma in GROUPING SETS (..)"));
  return sets;
}

// (a, (b, c)) of ROLLUP and CUBE
Result<Parser::GroupingSets> Parser::grouping_list(Select& select) {
  TRY(expect("("));
  GroupingSets parts;
  do {
    parts.push_back(TRY(grouping_set(select)));
  } while (accept(","));
  TRY(expect(")", "or a comma between the columns"));
  return parts;
}

// a, (a, b) or ()
Result<std::vector<size_t>> Parser::grouping_set(Select& select) {
  std::vector<size_t> set;
  if (accept_each({"(", ")"})) return set;
  ExpressionPtr written = TRY(expression());
  const auto* call = std::get_if<Call>(&written->node);
  std::vector<ExpressionPtr> members;
  if (call != nullptr && call->row) {
    for (const Argument& member : call->arguments) members.push_back(member.value);
  } else {
    members.push_back(written);
  }
  for (ExpressionPtr& member : members) {
    set.push_back(select.group_by.size());
    select.group_by.push_back(std::move(member));
  }
  return set;
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
