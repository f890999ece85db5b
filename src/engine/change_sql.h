// AUTO CDC: what a target's rows are, from the events of their keys. Private to the folder.
#pragma once

#include <string>
#include <vector>

#include "delta/delta.h"
#include "sql/sql.h"

namespace ticklake::engine {

// Names of the inputs of change_sql().
inline constexpr std::string_view kEventsInput = "events";        // all events of the keys, or more
inline constexpr std::string_view kTruncatesInput = "truncates";  // the events that truncate
inline constexpr std::string_view kRecentInput = "recent";        // of fold_sql()
inline constexpr std::string_view kTargetInput = "target";        // with kFileColumn, kPlaceColumn
inline constexpr std::string_view kKeysInput = "keys";            // the keys to be looked at

// No column of a table that AUTO CDC fills begins with __cdc_.
inline constexpr std::string_view kFileColumn = "__cdc_file";
inline constexpr std::string_view kPlaceColumn = "__cdc_place";
inline constexpr std::string_view kHereColumn = "__cdc_here";

// DuckDB's SQL for what is to change in the target so that its rows of the keys (of all keys:
// `all_keys`) are what follows from all their events, whatever order these came in:
//
//   file, place   a row of the target that goes; NULL: none does
//   here          true: the row made of the remaining columns comes
//
// Rules, for the events of one key in the order of their sequence (equal ones: by value, a delete
// last, so that any order of arrival gives one answer):
//  - a truncate ends all that does not come after it; a delete ends the row, an upsert makes it;
//  - a NULL in a filled column is the value before it, since the last delete;
//  - with history, an upsert that changes a tracked column (or follows a delete) begins a row,
//  which
//    ends where the next change or delete begins; other changes are taken into the row in place.
std::string change_sql(const sql::ChangeRules& rules, bool all_keys);

// DuckDB's SQL for the events that say the same as those of the input kEventsInput, of part `part`
// of `parts` of the keys; the others are those of kRecentInput. Of what precedes these in its key's
// order remains an upsert for each row that follows, and for a history a delete where one ends.
std::string fold_sql(const sql::ChangeRules& rules, int64_t part, int64_t parts);

// What events that truncate meet.
std::vector<delta::Condition> truncate_conditions();

// Those remaining columns: the rules', and __START_AT and __END_AT where there is history.
std::vector<std::string> change_columns(const sql::ChangeRules& rules);

}  // namespace ticklake::engine
