// A query over whole tables and files, as they stand: of materialized views and of INSERT ONCE.
// Private to the folder.
#pragma once

#include <string>

#include "flow.h"
#include "source_progress.h"

namespace ticklake::engine {

// The table of an input as it stands, or as VERSION and TIMESTAMP AS OF say.
Result<delta::Snapshot> open_snapshot(Context& context, const sql::PlanInput& input);

struct WholeQuery {
  query::Request request;
  Progress inputs;  // which versions and files it reads: "<prefix><table id>/version" ..
};
Result<WholeQuery> whole_query(Context& context, const sql::Plan& plan,
                               const std::string& prefix);

// The rows of the answer that the expectations let pass; what they say is added to the status.
Result<Batches> answer_of(Context& context, const Dataset& dataset, query::Request request,
                          FlowStatus& status);

}  // namespace ticklake::engine
