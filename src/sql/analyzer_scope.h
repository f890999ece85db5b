// What the analyzer knows while it walks: columns, sources, groups, names in sight.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sql/ast.h"
#include "sql/coercion.h"
#include "sql/functions.h"
#include "sql/sql.h"

namespace ticklake::sql {

struct Column {
  std::string name;      // as the user sees it
  std::string sql_name;  // in its block
  Type type;
  std::optional<Origin> origin = {};
  std::optional<int64_t> delay_us = {};
  bool hidden = false;  // * leaves it out
};

// An analyzed query: a SELECT text and what it gives.
struct Rows {
  std::string sql;
  std::vector<Column> columns;
  bool row = false;  // has the hidden column "__row"
  bool streaming = false;
  bool aggregated = false;  // a windowed aggregation over a stream
};

// One thing in FROM. Its text is followed by AS "id".
struct Source {
  std::string id;
  std::vector<std::string> qualifier;
  std::string sql;
  std::vector<Column> columns;
  bool row = false;
  bool streaming = false;
  bool aggregated = false;
  // calls of from_json over it, computed once a row: text and column name
  std::vector<std::pair<std::string, std::string>> hoisted = {};
  size_t hoisted_within = 0;  // of these, so many are columns of `sql` already
  bool generated = false;     // the columns of a generator, which repeats the rows of the others
  bool lateral = false;       // it names columns of the sources before it
  Position position = {};
  size_t first_input = 0;  // of the plan's inputs those from here on, before `last_input`, are its
  size_t last_input = 0;
};

Schema schema_of(const Rows& rows);
// Of a set operation over queries of these columns. Invalid: they do not fit together.
Result<std::vector<Type>> united_types(const std::string& word, const Schema& left,
                                       const Schema& right);

struct JoinTree {
  size_t source = 0;  // where there are no children
  std::string word;   // "LEFT JOIN"
  std::string on;
  std::unique_ptr<JoinTree> left;
  std::unique_ptr<JoinTree> right;
};

struct MergedColumn {  // of USING
  std::string name;
  Typed value;
  size_t first = 0;  // of the joined sources
};

std::unique_ptr<JoinTree> joined_trees(std::string word, std::unique_ptr<JoinTree> left,
                                       std::unique_ptr<JoinTree> right);

struct GroupKey {
  std::string match;  // an expression with this text over the rows is the key
  Typed value;        // over the groups
  std::string row_sql;
  std::optional<Typed> event_time = {};  // the column that has the watermark, where it is the key
};

// window() or session_window() in GROUP BY. In groups its key is the start in micros, and of a
// session "<key>_end" the end.
struct TimeWindow {
  std::string match;  // as GroupKey's
  size_t key = 0;     // of the grouping
  Typed event_time;   // NULL is in no window
  Position position;
  int64_t length_us = 0;  // 0: a session
  bool instant = false;   // the key is the column that has the watermark
  int64_t slide_us = 0;
  std::string start_sql;  // over rows, in micros: of the last window that the row is in
  std::string end_sql;    // of a row's own session, likewise
  std::string condition;  // which rows have a session; empty: all with an event time

  bool session() const { return length_us == 0; }
  bool slides() const { return slide_us < length_us; }
};

struct AggregateSlot {
  const AggregateFunction* function = nullptr;
  Arguments arguments;
  AggregateOptions options;
  Aggregate made;
  std::string match;
};

struct Grouping {
  std::vector<GroupKey> keys;
  std::vector<AggregateSlot> slots;
  std::vector<std::vector<size_t>> sets;  // of GROUPING SETS: keys by index; else empty
  std::string id;                         // of the groups
  std::optional<TimeWindow> window;
  bool distinct = false;  // of SELECT DISTINCT over a stream: all items are keys
};

struct Scope {
  std::deque<Source> sources;
  std::unique_ptr<JoinTree> tree;
  std::vector<MergedColumn> merged;
  std::vector<std::pair<std::string, Typed>> aliases;  // of the select list so far
  Grouping* grouping = nullptr;
  bool over_groups = false;  // names are keys of the grouping
  std::string filter;        // of all aggregates, where not empty
  std::string no_aggregate;  // where not empty: the clause that may hold none
  std::vector<std::pair<std::string, Typed>> variables;  // of the lambdas around, innermost last
  int lambdas = 0;                                       // how many are around
  const Select* select = nullptr;
  Scope* outer = nullptr;

  // Begins the names of variables that text for a lambda here has.
  std::string level() const { return "l" + std::to_string(lambdas) + "_"; }
};

// What FROM and WHERE give, where a table of its own stores it.
struct StoredRows {
  struct Item {
    std::string sql;
    std::string name;  // of the table's column
    Type type;
    std::optional<Origin> origin;
  };
  std::string from_where;
  std::string row_sql;
  std::vector<Item> items;  // all columns in sight, in their order
  size_t input = 0;         // of the plan: the table
};

inline constexpr std::string_view kTwoStreams =
    "a join of two streams is not supported: each would have to wait for rows of the other; read "
    "one of them as a table, without STREAM, or join in a materialized view";
// Of from_json() and from_avro() beside a stream.
inline constexpr std::string_view kDecodedSide =
    "a stream is joined with columns as they stand; decode the payload in a subquery or a table "
    "before the join";

bool holds_null_or_interval(const Type& type);  // which cannot be stored

// The source whose rows are those of a stream, or nullptr.
const Source* stream_of(const Scope& scope);

struct Environment {  // the CTEs in sight
  const Environment* outer = nullptr;
  const CommonTable* table = nullptr;
};

struct SelectedItem {
  std::string name;
  const Expression* expression = nullptr;
  std::optional<Typed> value;  // of a star, without an expression
  Position position;
  bool unnamed = false;  // its name is its text
  const std::vector<std::string>* aliases = nullptr;  // AS (a, b)
};

struct Generated {  // one row of values an element
  struct Value {
    std::string name;
    Type type;
    std::string sql;  // unnests a list
  };
  std::vector<Value> values;
};

struct PivotValue {  // of IN in PIVOT
  std::string name;
  std::string condition;  // whether a row has it
  std::string present;    // whether a group has such a row
};

struct Block {  // the clauses of a query around its SELECT
  const std::vector<SortItem>* order_by = nullptr;
  const std::optional<SortItem>* order_by_all = nullptr;
  const Expression* limit = nullptr;
  const Expression* offset = nullptr;
};

constexpr std::string_view kSession = "session_window";

// The key of that index, over groups.
Typed group_column(const Grouping& grouping, size_t index, const Type& type);

bool is_generator(std::string_view name);  // explode() and the like; in lower case

// Whether a call of an aggregate (without OVER), or of a window function, is in it; not looking
// into subqueries.
bool has_aggregate(const Expression& expression);
bool has_over(const Expression& expression);
bool has_subquery(const Expression& expression);

bool is_time_or_interval(const Type& type);
// Spark's text of arithmetic over times and intervals: a pattern of the operands' texts.
std::string time_text(Binary::Op op, const Typed& left, const Typed& right);

// Plan::picked of a plan that is complete but for it.
std::vector<std::string> picked_columns(const Statement& statement, const Plan& plan,
                                        const Catalog& catalog);

}  // namespace ticklake::sql
