// The syntax tree of DELETE, UPDATE and MERGE. Private to the folder.
#pragma once

#include <string>
#include <vector>

#include "sql/ast.h"

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
  enum class Kind : uint8_t { Delete, Update, Merge };
  Kind kind = Kind::Delete;
  std::vector<std::string> target;
  std::string alias;        // "" without one
  Position position;        // of the table's name
  ExpressionPtr condition;  // of WHERE (null without) or ON
  std::string condition_text;
  std::vector<Assignment> assignments;  // of UPDATE
  FromItemPtr source;                   // of MERGE
  std::vector<MergeClause> clauses;     // of MERGE
};

}  // namespace ticklake::sql
