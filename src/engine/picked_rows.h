// The rows of a statement that only picks columns, without SQL. Private to the folder.
#pragma once

#include <optional>
#include <vector>

#include "feed.h"
#include "sql/sql.h"

namespace ticklake::engine {

// The rows that the plan makes of the pieces, their columns shared with them. Nothing where the
// plan does more than picking, or where bytes that are to be text are not: the SQL has its way with
// those.
Result<std::optional<std::vector<Piece>>> picked_rows(const sql::Plan& plan,
                                                      const std::vector<FeedPiece>& pieces);

}  // namespace ticklake::engine
