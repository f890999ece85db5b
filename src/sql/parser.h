// Tokens to syntax trees, by recursive descent; operators by precedence climbing.
//
// Each method that reads something starts at its first token and stops behind its last. On a
// refusal the parser is spent. Parsing recurses at most kNestingMax levels deep and makes no tree
// deeper than kDepthMax, so neither this nor a walk of the tree overflows the stack.
#pragma once

#include <initializer_list>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sql/ast.h"
#include "sql/lexer.h"
#include "sql/walk.h"

namespace ticklake::sql {

inline constexpr int kNestingMax = 400;  // a parenthesis counts as two

struct Alteration;
struct Assignment;
struct MergeClause;

class Parser {
 public:
  // `text` and `file` must outlive the parser. `tokens` are those of `text`.
  Parser(const std::string& text, const std::string& file, std::vector<Token> tokens);

  Result<std::vector<Statement>> statements();
  Result<ExpressionPtr> whole_expression();  // all of the text

 private:
  using Words = std::initializer_list<std::string_view>;

  // Tokens and refusals (parser.cc). A word is compared in upper case.
  const Token& peek(size_t ahead = 0) const;
  const Token& take();
  bool at(std::string_view word, size_t ahead = 0) const { return peek(ahead).upper == word; }
  bool at_each(Words words) const;                   // these, one after the other
  bool at_any(Words words, size_t ahead = 0) const;  // one of these
  bool at_end(size_t ahead = 0) const;               // of the statement
  bool accept(std::string_view word);
  bool accept_each(Words words);
  Result<void> expect(std::string_view word, std::string_view purpose = "");
  // "found 'FORM'; expected FROM; did you mean FROM?"
  Error unexpected(std::string_view expected, Words candidates = {}) const;
  Error refuse(Position position, std::string_view found, std::string_view advice) const;
  Error unsupported(Position position, std::string_view found, std::string_view advice) const;
  static std::string quoted(const Token& token);
  Error too_deep() const;
  std::string_view source(size_t begin, size_t end) const;

  class Nesting {
   public:
    explicit Nesting(Parser& parser) : parser_(parser) { ++parser_.nesting_; }
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    bool too_deep() const { return parser_.nesting_ > kNestingMax; }

   private:
    Parser& parser_;
  };

  // Names (parser.cc).
  bool at_name(size_t ahead = 0) const;  // any word or a name in backticks
  Result<std::string> name(std::string_view what);
  Result<std::vector<std::string>> dotted_name(std::string_view what);
  Result<std::vector<std::string>> table_name();
  Result<std::vector<std::string>> name_list(std::string_view what);  // (a, b)
  bool at_implicit_alias() const;
  Result<std::string> alias();  // [AS] name, or ""
  Result<std::string> string(std::string_view what);

  // Expressions (parser_expression.cc).
  Result<ExpressionPtr> node(Position position, ExpressionNode node) const;
  Result<ExpressionPtr> expression();
  Result<ExpressionPtr> conjunction();
  Result<ExpressionPtr> balanced(Binary::Op op, std::span<const ExpressionPtr> operands,
                                 std::span<const Position> positions) const;
  Result<ExpressionPtr> negation();
  Result<ExpressionPtr> predicated();
  Result<ExpressionPtr> predicate(ExpressionPtr operand, bool& found);
  Result<ExpressionPtr> is_predicate(ExpressionPtr operand, Position position);
  Result<ExpressionPtr> in_predicate(ExpressionPtr operand, Position position, bool negated);
  Result<ExpressionPtr> like_predicate(ExpressionPtr operand, Position position, bool negated);
  Result<ExpressionPtr> like_any(const Like& like, Position position, bool all);
  Result<ExpressionPtr> value(int level = 0);  // without predicates, AND, OR, NOT
  Result<ExpressionPtr> unary();
  Result<std::vector<ExpressionPtr>> expression_list();

  // Primary expressions (parser_primary.cc).
  Result<ExpressionPtr> postfixed();
  Result<ExpressionPtr> primary();
  Result<ExpressionPtr> word_primary();
  Result<ExpressionPtr> parenthesized();
  Result<ExpressionPtr> star(std::vector<std::string> qualifier, Position position);
  Result<ExpressionPtr> name_or_call();
  Result<ExpressionPtr> case_expression();
  Result<ExpressionPtr> cast();
  Result<ExpressionPtr> lambda();
  bool at_lambda() const;
  bool at_reserved() const;

  // Calls (parser_call.cc).
  Result<ExpressionPtr> call(std::string function, Position position);
  Result<ExpressionPtr> finished_call(Call call, Position position);
  Result<ExpressionPtr> resumed_call(std::string function, Position position, Argument first);
  Error refused_arrow() const;
  Result<ExpressionPtr> extract();
  Result<ExpressionPtr> trim();
  Result<ExpressionPtr> position_in();
  Result<void> arguments(Call& call);
  Result<void> special_arguments(Call& call);
  Result<Argument> argument(bool aliases);
  Result<std::vector<Argument>> named_arguments();  // (a, name => b)
  Result<void> call_suffixes(Call& call);
  Result<void> nulls_suffix(Call& call);
  Result<WindowSpec> window_spec();
  Result<WindowFrame> window_frame();
  Result<FrameBound> frame_bound(bool start);
  Result<std::vector<SortItem>> sort_items();
  Result<void> sort_direction(SortItem& item);

  // Literals (parser_literal.cc) and types (parser_type.cc).
  Result<ExpressionPtr> number(bool negative, Position position);
  Result<ExpressionPtr> string_literal();
  Result<ExpressionPtr> typed_literal();
  bool at_interval() const;
  Result<IntervalLiteral> interval();
  Result<Type> type();
  Result<Type> nested_type(std::string_view word);
  Result<Type> decimal_type();
  Result<Type> interval_type();
  Result<void> closing_angle();
  Result<int> small_number(std::string_view what);

  // Queries (parser_query.cc).
  bool at_query(size_t ahead = 0) const;
  Result<QueryPtr> query();
  Result<QueryPtr> parenthesized_query();
  Result<QueryPtr> finished(Query query) const;
  static Query over(QueryPtr inner);  // SELECT * FROM (inner)
  Result<std::vector<CommonTable>> common_tables();
  Result<Query> union_term();
  Result<Query> intersect_term();
  Result<Query> query_primary();
  Result<Query> set_operation(SetOperation::Op op, Query left, Result<Query> (Parser::*right)());
  Result<Query> select();
  Result<SelectItem> select_item();
  Result<void> select_clauses(Select& select);
  Result<void> group_by(Select& select);
  using GroupingSets = std::vector<std::vector<size_t>>;
  Result<GroupingSets> grouping_element(Select& select);
  Result<std::vector<size_t>> grouping_set(Select& select);
  Result<GroupingSets> grouping_list(Select& select);
  Error too_many_cubed(Position position) const;
  Result<LateralView> lateral_view();
  Result<void> select_alias(SelectItem& item);
  Result<std::vector<NamedWindow>> named_windows();
  Result<void> ordering(Query& query);
  Result<Values> values();

  // FROM (parser_from.cc).
  Result<FromItemPtr> relation();
  Result<FromItemPtr> join(FromItemPtr left, bool& found);
  Result<bool> join_kind(Join::Kind& kind);
  Result<FromItemPtr> relation_primary();
  Result<FromItem> stream();
  Result<FromItem> table_or_function();
  Result<void> time_travel(TableName& table);
  Result<void> relation_suffixes(FromItem& item);
  Result<Watermark> watermark();
  Result<FromItemPtr> finished(FromItem item) const;

  // PIVOT and UNPIVOT (parser_pivot.cc).
  Result<FromItemPtr> pivot(FromItemPtr input);
  Result<FromItemPtr> unpivot(FromItemPtr input);
  Result<std::vector<ExpressionPtr>> one_or_row(std::string_view where);

  // DELETE, UPDATE, MERGE (parser_change.cc), as INSERT and ALTER TABLE below.
  bool at_change() const;
  Result<std::shared_ptr<const Change>> change();
  Result<void> change_target(Change& out);
  Result<void> change_condition(Change& out);
  Result<std::vector<Assignment>> assignments(const Change& change);
  Result<std::string> assigned_column(const Change& change);
  Result<void> merge(Change& out);
  Result<void> check_merge_clauses(const Change& change) const;
  Result<MergeClause> merge_clause(const Change& change);
  Result<void> merge_insert(MergeClause& out);
  // INSERT, ALTER TABLE (parser_insert.cc, parser_alter.cc).
  Result<void> insert(Change& out);
  Result<void> insert_replace(Change& out);
  Result<void> insert_options(Change& out);
  Result<void> partition_values(Change& out);
  Result<void> alter(Change& out);
  Result<void> added_columns(Alteration& out);
  Result<void> altered_column(Alteration& out);
  Result<void> added_constraint(Alteration& out);
  Result<void> unset_properties(Alteration& out);

  // Statements (statement.cc, statement_clauses.cc).
  Result<Statement> statement();
  Result<Statement> create();
  Error refused_statement() const;
  Error refused_create(const Token& start) const;
  Result<void> create_body(Statement& statement);
  Result<void> inserted_query(Statement& statement);
  Result<void> table_elements(Statement& statement);
  Result<ColumnDefinition> column_definition(bool typed);
  Result<Expectation> expectation();
  Result<void> expectation_action(Expectation& expectation);
  Result<void> clauses(Statement& statement);
  Result<bool> clause(Statement& statement, std::set<std::string>& seen);
  Result<void> using_format();
  Result<std::vector<std::string>> partition_columns();
  Result<std::map<std::string, std::string>> properties();
  Result<std::pair<std::string, std::string>> property();
  Error refused_clause() const;

  // Flows and AUTO CDC (statement_flow.cc).
  Result<void> flow_body(Statement& statement);
  Result<void> flow_insert(Statement& statement);
  Result<void> apply_changes(Statement& statement);
  Result<std::shared_ptr<const AutoCdc>> auto_cdc();  // from FROM on
  Result<ColumnSet> column_set(std::string_view what);
  Result<void> cdc_conditions(AutoCdc& cdc);
  Result<void> cdc_storage(AutoCdc& cdc);
  Error refused_cdc_clause() const;

  const std::string& text_;
  const std::string& file_;
  std::vector<Token> tokens_;
  std::vector<size_t> closing_;  // for each '(': the index of its ')', or of End
  size_t next_ = 0;
  size_t implicit_alias_ = SIZE_MAX;  // the last word taken for an alias without AS
  int nesting_ = 0;
  int case_nesting_ = 0;
};

}  // namespace ticklake::sql
