// From syntax trees to DuckDB text. Private to the folder.
//
// Invariant: every text in a Typed has exactly the DuckDB type of its Spark type, so nothing is
// left to DuckDB's own implicit casts. Column names of inner blocks are unique within their block,
// ignoring case.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sql/analyzer_scope.h"
#include "sql/sql.h"

namespace ticklake::sql {

class Analyzer {
 public:
  Analyzer(const Catalog& catalog, const AnalyzeOptions& options)
      : catalog_(catalog), options_(options), file_(options.file) {}

  Result<Plan> run(const Statement& statement);

  struct HigherOrders;
  struct Payloads;

 private:
  // analyzer.cc
  Error at(Position position, const std::string& message, Code code = Code::Invalid) const;
  template <typename T>
  Result<T> located(Position position, Result<T> result) const {
    if (result) return result;
    return at(position, result.error().message, result.error().code);
  }
  std::string new_id(std::string_view prefix) {
    return std::string(prefix) + std::to_string(next_id_++);
  }
  Result<Rows> with_column_list(const Statement& statement, Rows rows);
  Result<Rows> with_expectations(const Statement& statement, Rows rows);
  Result<Rows> united(const Schema& columns, Rows rows);        // analyzer_fitting.cc
  Result<Rows> stored(const Statement& statement, Rows rows);  // likewise
  Result<void> check_output(const Statement& statement, const Rows& rows) const;
  Result<void> check_streams(const Statement& statement, const Rows& rows) const;

  // analyzer_query.cc
  Result<Rows> query(const Query& query, const Environment* environment, Scope* outer);
  Result<Rows> set_operation(const SetOperation& operation, const Environment* environment,
                             Scope* outer);
  Result<Rows> values(const Values& values);
  Result<Rows> ordered(Rows rows, const Block& block);
  Result<std::string> limits(const Block& block);

  // analyzer_select.cc
  Result<Rows> select(const Select& select, const Block& block, const Environment* environment,
                      Scope* outer);
  std::string correlations(const Scope& scope);
  Result<Typed> correlated(const std::vector<std::string>& parts, const Expression& whole,
                           Scope& scope);
  Result<std::vector<SelectedItem>> expanded_items(const Select& select, Scope& scope);
  Result<void> check_streaming_select(const Select& select, const Block& block, const Scope& scope,
                                      bool grouped);
  Result<std::vector<std::string>> conditions(const ExpressionPtr& where, Scope& scope);
  Result<std::vector<Typed>> item_values(std::vector<SelectedItem>& items, Scope& scope);
  Result<std::string> order_text(const Block& block, const std::vector<SelectedItem>& items,
                                 const std::vector<Typed>& values, Scope& scope, bool distinct);
  Result<std::string> sort_key(const SortItem& item, const std::vector<SelectedItem>& items,
                               const std::vector<Typed>& values, Scope& scope, bool distinct);
  void note_conjuncts(const Expression& where, Scope& scope);
  std::vector<Column> output_columns(const std::vector<SelectedItem>& items,
                                     const std::vector<Typed>& values) const;

  // analyzer_from.cc
  Result<void> from(const Select& select, Scope& scope, const Environment* environment,
                    Scope* outer);
  Result<std::unique_ptr<JoinTree>> from_item(const FromItem& item, Scope& scope,
                                              const Environment* environment, Scope* outer);
  Result<std::unique_ptr<JoinTree>> join(const Join& join, const FromItem& item, Scope& scope,
                                         const Environment* environment, Scope* outer);
  Result<void> keep_sides(Scope& scope);
  Result<Source> source(const FromItem& item, const Environment* environment, Scope* outer);
  Result<Source> table(const TableName& name, const FromItem& item, const Environment* environment);
  Result<Source> view(const Relation& relation, const FromItem& item);
  Result<Source> table_function(const TableFunction& function, const FromItem& item);
  Result<Source> read_kafka(const TableFunction& function, const FromItem& item);
  Result<Source> read_files(const TableFunction& function, const FromItem& item);
  Result<Source> range(const TableFunction& function, const FromItem& item);
  Source scanned(PlanInput input);
  Source derived(Rows rows);
  Result<void> watermark(const Watermark& watermark, Source& source);
  Result<void> merge_using(const Join& join, const std::vector<std::string>& columns,
                           const FromItem& item, Scope& scope, JoinTree& tree,
                           size_t first, size_t middle);
  // " FROM .. WHERE ..": conditions that do not need a hoisted call are below it
  std::string from_where(const Scope& scope, const std::vector<std::string>& where) const;
  std::string tree_text(const JoinTree& tree, const Scope& scope,
                        const std::vector<std::string>& pushed) const;

  // analyzer_generate.cc
  Result<Generated> generated(const Call& call, const Expression& whole, bool outer, Scope& scope);
  Result<size_t> generate(const Call& call, const Expression& whole, bool outer, Scope& scope,
                          const std::vector<std::string>& where);
  Result<void> lateral_view(const LateralView& view, Scope& scope);
  Result<void> generate_items(const Select& select, std::vector<SelectedItem>& items, Scope& scope,
                              std::vector<std::string>& where);
  Result<Source> table_generator(const TableFunction& function, const FromItem& item, Scope& scope);

  // analyzer_pivot.cc
  Result<Source> pivot(const Pivot& pivot, const FromItem& item, const Environment* environment,
                       Scope* outer);
  Result<Source> unpivot(const Unpivot& unpivot, const FromItem& item,
                         const Environment* environment, Scope* outer);
  Result<std::vector<Typed>> unpivoted(const Unpivot& unpivot, Scope& scope);
  Result<std::vector<SelectedItem>> pivoted(const FromItemPtr& input, Scope& scope,
                                            const Environment* environment, Scope* outer);
  Result<void> drop_named(const std::vector<const Expression*>& expressions, Scope& scope,
                          std::vector<SelectedItem>& items);
  Result<PivotValue> pivot_value(const Pivot& pivot, const SelectItem& value, Scope& scope);
  Result<Typed> pivot_cell(const SelectItem& aggregate, const PivotValue& value, Scope& scope);

  // analyzer_names.cc
  Result<Typed> resolve(const std::vector<std::string>& parts, const Expression& whole,
                        Scope& scope);
  Result<std::optional<Typed>> find_column(const std::vector<std::string>& parts, Position position,
                                           Scope& scope, size_t* qualifiers = nullptr);
  Result<Typed> field(Typed value, const std::string& name, Position position) const;
  Typed column_value(const Source& source, const Column& column);
  Error unknown_column(const std::vector<std::string>& parts, Position position,
                       const Scope& scope) const;

  // analyzer_expression.cc
  Result<Typed> expression(const Expression& expression, Scope& scope);
  Result<std::optional<Typed>> group_key(const Expression& expression, Scope& scope);
  Result<Typed> node(const Literal& literal, const Expression& whole, Scope& scope);
  Result<Typed> node(const IntervalLiteral& interval, const Expression& whole, Scope& scope);
  Result<Typed> node(const ColumnReference& reference, const Expression& whole, Scope& scope);
  Result<Typed> node(const Star& star, const Expression& whole, Scope& scope);
  Result<Typed> node(const Unary& unary, const Expression& whole, Scope& scope);
  Result<Typed> node(const Binary& binary, const Expression& whole, Scope& scope);
  Result<Typed> node(const IsTest& test, const Expression& whole, Scope& scope);
  Result<Typed> node(const IsDistinct& distinct, const Expression& whole, Scope& scope);
  Result<Typed> node(const Between& between, const Expression& whole, Scope& scope);
  Result<Typed> node(const InList& in, const Expression& whole, Scope& scope);
  Result<Typed> node(const InSubquery& in, const Expression& whole, Scope& scope);
  Result<Typed> node(const Exists& exists, const Expression& whole, Scope& scope);
  Result<Typed> node(const ScalarSubquery& subquery, const Expression& whole, Scope& scope);
  Result<Typed> node(const Like& like, const Expression& whole, Scope& scope);
  Result<Typed> node(const Case& chosen, const Expression& whole, Scope& scope);
  Result<Typed> node(const Cast& cast, const Expression& whole, Scope& scope);
  Result<Typed> node(const Extract& extract, const Expression& whole, Scope& scope);
  Result<Typed> node(const Trim& trim, const Expression& whole, Scope& scope);
  Result<Typed> node(const Call& call, const Expression& whole, Scope& scope);
  Result<Typed> node(const FieldAccess& access, const Expression& whole, Scope& scope);
  Result<Typed> node(const Subscript& subscript, const Expression& whole, Scope& scope);
  Result<Typed> node(const Lambda& lambda, const Expression& whole, Scope& scope);
  Result<Typed> node(const Alias& alias, const Expression& whole, Scope& scope);
  Result<Typed> in_query(const InSubquery& in, bool negated, const Expression& whole, Scope& scope);
  Result<Typed> condition(const Expression& expression, Scope& scope, std::string_view what);
  Result<Typed> compared(Binary::Op op, const Typed& left, const Typed& right, Position position);
  Result<Typed> negation(const Expression& operand, Scope& scope, std::string_view what);
  Result<Typed> opposite(const Expression& operand, Scope& scope, std::string_view what);
  Result<Typed> logical(const Binary& binary, bool negated, Scope& scope);
  Result<Typed> time_arithmetic(Binary::Op op, const Typed& left, const Typed& right,
                                Position position);

  // analyzer_call.cc
  Result<Arguments> arguments(const Call& call, Scope& scope);
  Result<Typed> scalar_call(const Call& call, const Expression& whole, Scope& scope);
  Result<Typed> aggregate_call(const Call& call, const Expression& whole, Scope& scope);
  Result<AggregateSlot> aggregate_slot(const Call& call, const Expression& whole, Scope& scope);
  Result<void> order_within(const Call& call, const Expression& whole, AggregateSlot& slot,
                            Scope& scope);
  Result<Typed> window_call(const Call& call, const Expression& whole, Scope& scope);
  Result<Typed> window_function(const Call& call, const WindowFunction& function,
                                const WindowSpec& spec, Position position, Scope& scope);
  Result<const WindowSpec*> window_spec(const WindowSpec& spec, const Expression& whole,
                                        const Scope& scope);
  Result<OverText> over_text(const WindowSpec& spec, bool takes_frame, bool needs_order,
                             Scope& scope);
  Result<std::string> frame_text(const WindowFrame& frame, const std::vector<Typed>& order,
                                 Position position, Scope& scope);
  Result<Typed> structure(const Call& call, const Expression& whole, Scope& scope);
  Result<Typed> type_name(const Call& call, Position position, Scope& scope);
  Result<Typed> arrays_zip(const Call& call, Scope& scope);
  Error unknown_function(const std::string& name, Position position) const;
  Result<Typed> payload_call(const Call& call, const Expression& whole, Scope& scope);

  // analyzer_lambda.cc
  // Nothing where the function takes no lambda.
  Result<std::optional<Typed>> higher_order(const Call& call, const Expression& whole,
                                            Scope& scope);
  Result<std::optional<Typed>> lambda_variable(const std::vector<std::string>& parts,
                                               Position position, const Scope& scope) const;
  Result<Typed> lambda_body(const Call& call, size_t index, size_t fewest,
                            const std::vector<Typed>& variables, Scope& scope);
  Result<Typed> predicate(const Call& call, size_t index, size_t fewest,
                          const std::vector<Typed>& variables, Scope& scope);
  Result<Typed> collection(const Call& call, size_t index, Kind kind, Scope& scope);
  Result<Typed> transformed(const Call& call, Scope& scope);
  Result<Typed> any_or_all(const Call& call, Scope& scope);
  Result<Typed> reduced(const Call& call, Scope& scope);
  Result<Typed> zip_with(const Call& call, Scope& scope);
  Result<Typed> sorted_by(const Call& call, Scope& scope);
  Result<Typed> transformed_map(const Call& call, Scope& scope);
  Result<Typed> map_zip_with(const Call& call, Scope& scope);

  // analyzer_group.cc
  Result<void> group_keys(const Select& select, const std::vector<SelectedItem>& items,
                          Scope& scope);
  Result<size_t> group_key_of(const Expression& expression, const std::vector<SelectedItem>& items,
                              Scope& scope);
  Result<size_t> added_key(GroupKey key, Scope& scope);
  Result<Typed> grouping_call(const Call& call, const Expression& whole, Scope& scope);
  Result<std::string> groups_text(Scope& scope, std::vector<std::string> where);

  // analyzer_time_window.cc
  Result<size_t> add_window_key(const Call& call, const Expression& whole, Scope& scope);
  Result<TimeWindow> time_window(const Call& call, const Expression& whole, Scope& scope);
  Result<Typed> window_argument(const Expression& written, Scope& scope);
  Result<void> slide_by(const Call& call, TimeWindow& window) const;
  Result<void> end_after_gap(const ExpressionPtr& written, Scope& scope, TimeWindow& window);
  Result<Typed> window_time(const Call& call, const Expression& whole, Scope& scope);
  Result<IntervalLiteral> window_length(const Expression& written) const;

  // analyzer_rows.cc
  bool stores_rows(const Scope& scope, size_t first_input) const;
  void store_rows(Scope& scope, const std::vector<std::string>& where);
  Result<void> finish_rows();

  // windowed.cc
  Result<std::string> windowed_text(Scope& scope, std::vector<std::string> where);
  Result<std::string> spread_groups_text(Scope& scope, std::vector<std::string> where);

  const Catalog& catalog_;
  const AnalyzeOptions& options_;
  std::string file_;
  Plan plan_;
  std::string watermark_sql_;
  std::optional<StoredRows> stored_rows_;  // where the plan is over such
  std::vector<std::string> open_views_;
  const Environment* subquery_environment_ = nullptr;
  Texts texts_;  // of the expressions analyzed so far
  // what subqueries named of the queries around them, since the text of one was last asked for
  std::vector<std::pair<const Scope*, std::string>> correlations_;
  int next_id_ = 0;
};

}  // namespace ticklake::sql
