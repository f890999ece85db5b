// The prepared statements of a windowed table. Private to the folder.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "flow.h"
#include "query/query.h"

namespace ticklake::engine {

// Rows as the table takes them, made of merged partial rows.
struct Finished {
  Batches rows;
  std::vector<ExpectationCount> counts;
  int64_t dropped = 0;
};

struct WindowStatements {
  std::unique_ptr<query::Prepared> partial, merge, final, watermark;
  std::unique_ptr<query::Prepared> late;  // where the table keeps late rows

  // Invalid: a row fails an expectation that fails the flow.
  Result<Finished> finish(const Dataset& dataset, const Batches& merged) const;
};

Result<WindowStatements> prepare_window(Context& context, const Dataset& dataset);

}  // namespace ticklake::engine
