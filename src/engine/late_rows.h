// The table beside a windowed table that keeps the rows that came too late. Private to the folder.
#pragma once

#include <string>

#include "feed.h"
#include "flow.h"
#include "table_writer.h"

namespace ticklake::engine {

class LateRows {
 public:
  static Result<LateRows> open(Context& context, const Dataset& dataset);

  // Stores the version's rows whose windows end at or before `watermark`, once for each such
  // window, with `ids` as progress, unless they are stored already. `windows`: the answer of
  // Windowed::late_sql to the version's rows, which have all columns of their table. To be called
  // before the table commits anything that follows from the version.
  Result<void> store(const VersionRows& rows, const Batches& windows, EventTime watermark,
                     const DeltaProgressIds& ids, Timings& timings);

  Result<std::optional<Version>> keep_healthy(bool busy) { return writer_.keep_healthy(busy); }

 private:
  explicit LateRows(TableWriter writer) : writer_(std::move(writer)) {}

  TableWriter writer_;
};

}  // namespace ticklake::engine
