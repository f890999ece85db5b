// The syntax tree of a query. expression.h has its expressions, and what holds for all nodes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sql/expression.h"
#include "sql/sql.h"

namespace ticklake::sql {

// FROM

struct Watermark {  // WATERMARK e [AS name] DELAY OF INTERVAL ..
  ExpressionPtr expression;
  std::string name;  // "" where not given
  int64_t delay_us = 0;
  Position position;
};

struct TableName {
  std::vector<std::string> parts;  // one to three
  std::optional<int64_t> version;  // VERSION AS OF n
  ExpressionPtr timestamp;         // TIMESTAMP AS OF e; null without
  // WITH ('k' = 'v'); whoever reads the table must know each
  std::map<std::string, std::string> options;
};

struct TableFunction {  // read_kafka(..), range(..)
  std::string name;
  std::vector<Argument> arguments;
};

struct DerivedTable {  // (SELECT ..), and VALUES .. in FROM
  QueryPtr query;
};

struct FromItem;
struct Join {
  enum class Kind : uint8_t { Inner, Left, Right, Full, Cross, LeftSemi, LeftAnti };
  Kind kind;
  std::shared_ptr<const FromItem> left;
  std::shared_ptr<const FromItem> right;
  ExpressionPtr on;                // null without ON
  std::vector<std::string> using_columns;  // of USING (a, b)
  bool natural = false;                    // NATURAL JOIN: USING the columns of both sides
};

struct SelectItem {
  ExpressionPtr expression;
  std::string alias;  // "" without one: see default_name()
  std::vector<std::string> aliases = {};  // of AS (a, b), for what makes several columns
};

struct Pivot {  // input PIVOT (aggregates FOR columns IN (values))
  std::shared_ptr<const FromItem> input;
  std::vector<SelectItem> aggregates;
  std::vector<ExpressionPtr> columns;
  std::vector<SelectItem> values;  // of several columns: rows
};

// input UNPIVOT ((values) FOR name IN ((columns) AS label)): a row for each of the groups
struct Unpivot {
  struct Group {
    std::vector<ExpressionPtr> columns;
    std::string label;  // "" where not given
    Position position;
  };
  std::shared_ptr<const FromItem> input;
  std::vector<std::string> values;
  std::string name;
  std::vector<Group> groups;
  bool with_nulls = false;  // rows without a value too
};

struct FromItem {
  Position position;
  std::variant<TableName, TableFunction, DerivedTable, Join, Pivot, Unpivot> node;
  bool streaming = false;                  // STREAM t; never on a Join or a DerivedTable
  bool lateral = false;  // of a DerivedTable or a TableFunction: sees what stands left of it
  std::string alias;                       // "" without one
  std::vector<std::string> column_aliases; // t(a, b)
  std::optional<Watermark> watermark;      // never on a Join
  int depth = 1;                           // as in Expression
};
using FromItemPtr = std::shared_ptr<const FromItem>;

// Queries

struct LateralView {  // LATERAL VIEW [OUTER] call alias AS a, b
  ExpressionPtr call;
  bool outer = false;
  std::string alias;
  std::vector<std::string> columns;  // empty: named by the function
  Position position;
};

struct NamedWindow {
  std::string name;
  WindowSpec spec;
};

struct Select {
  bool distinct = false;
  std::vector<SelectItem> items;
  std::vector<FromItemPtr> from;  // comma-separated; empty without FROM
  std::vector<LateralView> views;
  ExpressionPtr where;            // null without
  std::vector<ExpressionPtr> group_by;
  // of GROUPING SETS, ROLLUP and CUBE, combined: their expressions by their index in group_by
  std::vector<std::vector<size_t>> grouping_sets;
  bool group_by_all = false;  // GROUP BY ALL
  ExpressionPtr having;       // null without
  ExpressionPtr qualify;      // null without
  std::vector<NamedWindow> windows;
};

struct SetOperation {
  enum class Op : uint8_t { Union, Except, Intersect };
  Op op;
  bool all;
  QueryPtr left;
  QueryPtr right;
};

struct Values {
  std::vector<std::vector<ExpressionPtr>> rows;  // at least one; each as long as the first
};

struct CommonTable {  // WITH name(columns) AS (query)
  std::string name;
  std::vector<std::string> columns;
  QueryPtr query;
  Position position;
};

struct Query {
  Position position;
  std::vector<CommonTable> ctes;  // a later one may name an earlier one
  std::variant<Select, SetOperation, Values> body;
  std::vector<SortItem> order_by;
  std::optional<SortItem> order_by_all;  // ORDER BY ALL [DESC]; its expression is null
  ExpressionPtr limit;                   // null without, and for LIMIT ALL
  ExpressionPtr offset;                  // null without
  int depth = 1;                         // as in Expression
};

}  // namespace ticklake::sql
