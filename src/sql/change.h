// The part of sql.h for DELETE, UPDATE, MERGE, INSERT and ALTER TABLE; include that.
//
// Such a statement is planned as queries over rows of the table that it changes: which rows it
// touches, what comes instead, what comes new. Names that begin with __ticklake_ are theirs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sql/sql.h"

namespace ticklake::sql {

// Hidden columns of the table and of MERGE's source in the plans below.
inline constexpr const char* kTargetRow = "__ticklake_row";        // BIGINT: names a row
inline constexpr const char* kTargetClause = "__ticklake_clause";  // INT: which clause touches it
inline constexpr const char* kTargetPlace = "__ticklake_place";    // BIGINT
inline constexpr const char* kSourceRow = "__ticklake_source";     // BIGINT: counts from 0
inline constexpr const char* kSourcePlace = "__ticklake_source_place";  // BIGINT

// What ALTER TABLE changes; each statement one kind of thing.
struct Alteration {
  struct Column {
    Field field;
    bool first = false;
    std::string after = {};  // a column; "": at the end, unless first
  };
  std::vector<Column> added;
  std::vector<Field> retyped;                     // by name, with the new type
  std::map<std::string, std::string> properties;  // set
  std::vector<std::string> unset;
  std::map<std::string, std::string> constraints;  // added: name and condition
  std::vector<std::string> dropped;                // constraints
  bool if_exists = false;                          // of `unset` and `dropped`
};

struct EditPlan {
  enum class Kind : uint8_t { Delete, Update, Merge, Insert, Alter };
  Kind kind = Kind::Delete;
  std::string target;  // canonical
  Schema schema;       // its columns
  std::string text;    // the condition as written, or ""

  // A WHEN clause that touches rows of the table, by its number; DELETE and UPDATE have one.
  struct Clause {
    bool deletes = false;
    bool by_source = false;  // of rows that match no source row
  };
  std::vector<Clause> clauses;
  bool keeps_unmatched = true;   // no clause is by_source
  bool may_match_often = false;  // several source rows may match one row: all it does is DELETE

  // Rows (kTargetRow, kSourceRow or NULL, number of the clause or -1): all pairs that match, and
  // where keeps_unmatched is false all rows that match nothing. The first input is the table, the
  // second (of MERGE) the source.
  Plan find;
  // A row is touched exactly where all conjuncts of the first input hold.
  bool conjuncts_are_all = false;

  // The rows that come instead: the table's columns and kTargetPlace, in no order. The first input
  // has the old rows with kTargetClause and kTargetPlace, the second (of MERGE) their source rows
  // with kSourcePlace, which is the same for those that belong together.
  std::optional<Plan> replace;

  // Of INSERT: `insert` gives the new rows; those that `find` finds, all, or those of the
  // partitions that new rows come for go.
  enum class Overwrite : uint8_t { Nothing, Found, Partitions, All };
  Overwrite overwrite = Overwrite::Nothing;
  std::string promised = {};  // condition as SQL that each new row has to meet, or ""

  std::optional<Alteration> alter;  // of ALTER TABLE, which has nothing of the others

  // Of MERGE.
  std::optional<Plan> source;  // all its rows
  std::optional<Plan> insert;  // new rows from source rows that match nothing; one input
  // WITH SCHEMA EVOLUTION: columns of the source that the table gains, in `schema` already.
  std::vector<Field> gained;
  // column of the table = column of the source: a pair matches only where all of these hold
  std::vector<std::pair<std::string, std::string>> keys;
};

// Of a statement of kind Change. Errors as of analyze().
Result<EditPlan> analyze_change(const Statement& statement, const Catalog& catalog,
                                  const AnalyzeOptions& options);

// Whether the condition is met, as a query: BOOLEAN columns, one a condition, of each row of its
// one input, which has the schema. Errors begin with the condition's text.
Result<Plan> analyze_conditions(const std::vector<std::string>& conditions, const Schema& schema,
                                const AnalyzeOptions& options);

}  // namespace ticklake::sql
