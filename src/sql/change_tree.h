// The syntax tree of statements that change tables. Private to the folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sql/ast.h"
#include "sql/change.h"

namespace ticklake::sql {

struct Assignment {
  std::string column;   // of the table
  ExpressionPtr value;  // null: DEFAULT, which is NULL
  Position position;
};

struct MergeClause {
  enum class When : uint8_t { Matched, NotMatched, NotMatchedBySource };
  enum class Then : uint8_t { Update, Delete, Insert };
  When when = When::Matched;
  Then then = Then::Update;
  ExpressionPtr condition;  // null without AND
  bool all = false;         // SET *, INSERT *
  std::vector<Assignment> assignments;
  Position position;
};

struct Change {
  enum class Kind : uint8_t { Delete, Update, Merge, Insert, Alter };
  Kind kind = Kind::Delete;
  std::vector<std::string> target;
  std::string alias;        // "" without one
  Position position;        // of the table's name
  ExpressionPtr condition;  // of WHERE (null without) or ON
  std::string condition_text;
  std::vector<Assignment> assignments;  // of UPDATE
  FromItemPtr source;                   // of MERGE
  std::vector<MergeClause> clauses;     // of MERGE
  bool evolves = false;                 // of MERGE: WITH SCHEMA EVOLUTION

  // Of INSERT. Its condition is that of REPLACE WHERE.
  QueryPtr query;
  bool overwrites = false;
  bool dynamic = false;  // of OVERWRITE: only the partitions that rows come for
  bool by_name = false;
  std::vector<std::string> columns;           // as listed; empty: all
  std::vector<Assignment> partition;          // PARTITION (column [= value], ..)

  Alteration alteration;  // of ALTER TABLE
};

// What PARTITION (column = value, ..) gives a value.
std::vector<const Assignment*> fixed_columns(const Change& change);

// The rows of an INSERT as those of a table with the schema: by position, by name, or by the names
// that are listed. Errors as of analyze().
Result<Plan> new_rows(const Statement& statement, const Schema& schema, const Catalog& catalog,
                      const AnalyzeOptions& options);

}  // namespace ticklake::sql
