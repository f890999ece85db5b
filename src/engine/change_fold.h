// AUTO CDC: events that came long ago become as few as say the same. Private to the folder.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "delta/delta.h"
#include "io/clock.h"
#include "query/query.h"
#include "sql/sql.h"

namespace ticklake::engine {

// Of TBLPROPERTIES: for how long, at least, all events are kept; nothing: for good. Invalid: no
// number of seconds.
Result<std::optional<int64_t>> events_kept_ms(const std::map<std::string, std::string>& properties);

// Of a table of events, in one commit (dataChange = false, for no row of the target changes by it).
// A key's events that came up to `before_ms`, up to the first one that came later, become the rows
// that follow from them; those that a truncate ended go. In memory are the new events of a part of
// the keys. Nothing: not worth it yet, or another writer was faster.
struct FoldOptions {
  int64_t before_ms;
  int64_t rows_per_part_max = 2'000'000;
};
Result<std::optional<delta::Snapshot>> fold(io::FileStore& files, const io::Clock& clock,
                                            query::Database& database,
                                            const sql::ChangeRules& rules,
                                            const delta::Snapshot& events,
                                            const FoldOptions& options);

}  // namespace ticklake::engine
