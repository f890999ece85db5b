// The part of sql.h that says how the changes of a source become rows of a table; include that.
//
// AUTO CDC is two tables. The changes are appended to the table of events, <target>__cdc, by an
// ordinary query; the target's rows of a key follow from all its events, in whatever order they
// came:
//
//   source --(AutoCdc::events)--> <target>__cdc --(ChangeRules)--> target
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sql/sql.h"

namespace ticklake::sql {

struct NamedAt {
  std::string name;
  Position position;
};

// (a, b) or * EXCEPT (a, b)
struct ColumnSet {
  bool except = false;
  std::vector<NamedAt> names;
  Position position;
};

// AUTO CDC as written.
struct AutoCdc {
  std::shared_ptr<const struct FromItem> source;
  std::vector<NamedAt> keys;
  std::optional<ColumnSet> ignore_null;                    // IGNORE NULL UPDATES
  std::shared_ptr<const struct Expression> delete_when;    // null without
  std::shared_ptr<const struct Expression> truncate_when;  // null without
  std::shared_ptr<const struct Expression> sequence;
  std::optional<ColumnSet> columns;
  bool keeps_history = false;        // STORED AS SCD TYPE 2
  std::optional<ColumnSet> history;  // TRACK HISTORY ON
  Position position;
};

// Columns that the table of events has beside those of the target: what orders them, and "upsert",
// "delete" or "truncate".
inline constexpr std::string_view kSequenceColumn = "__sequence";
inline constexpr std::string_view kOperationColumn = "__operation";
// Columns that a target with history has beside those of the source.
inline constexpr std::string_view kStartColumn = "__START_AT";
inline constexpr std::string_view kEndColumn = "__END_AT";

// How rows of the target follow from the events of their key. Names are the columns'.
struct ChangeRules {
  std::vector<std::string> keys;
  std::vector<std::string> columns;  // of the target, keys too, without __START_AT and __END_AT
  std::vector<std::string> tracked;  // whose change opens a new interval
  std::vector<std::string> filled;   // in which NULL says that nothing changed
  bool keeps_history = false;
  bool truncates = false;
};

struct ChangePlan {
  Statement events;  // a streaming table of the target's properties and expectations
  Plan events_plan;
  ChangeRules rules;
  Schema target;
};

// `target` is the streaming table that `cdc` fills, `file` where `cdc` stands. `first`: the plan of
// another flow into it, whose events stand in the same table: the columns come in its order, and
// the rules must be its. Invalid or Unsupported as from analyze(): a key that is not there, a
// sequence that cannot be sorted, rules that are not those of `first`, ...
Result<ChangePlan> analyze_changes(const AutoCdc& cdc, const std::string& file,
                                   const Statement& target, const Catalog& catalog, int64_t now_us,
                                   const ChangePlan* first = nullptr);

}  // namespace ticklake::sql
