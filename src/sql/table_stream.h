// The part of sql.h for streams that read tables; include that.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/type.h"

namespace ticklake::sql {

// Options of a stream that reads a table: STREAM t WITH (..).
struct TableStream {
  bool skips_changes = false;  // skipChangeCommits: versions that take rows away are passed over
  bool change_feed = false;    // readChangeFeed: rows of the change feed
  // Where it begins; none of them: with the table as it stands.
  std::optional<int64_t> from_version = {};
  std::optional<int64_t> from_us = {};  // the first version of this time or later
  bool from_latest = false;             // with what comes next
  bool operator==(const TableStream&) const = default;
};
// What rows of a change feed have behind the table's columns.
std::vector<Field> change_feed_columns();

}  // namespace ticklake::sql
