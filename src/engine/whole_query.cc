#include "whole_query.h"

#include <fmt/format.h>

#include "base/time.h"
#include "expectations.h"
#include "file_flow.h"
#include "rows.h"

namespace ticklake::engine {

Result<delta::Snapshot> open_snapshot(Context& context, const sql::PlanInput& input) {
  auto& files = context.world.files;
  io::Path root = context.project.table_path(input.table);
  if (input.version) return delta::open_version(files, root, Version(*input.version));
  if (!input.timestamp) return delta::open(files, root);
  auto time = parse_timestamp(*input.timestamp);
  if (!time) {
    return Error{Code::Invalid,
                 fmt::format("TIMESTAMP AS OF '{}' is no timestamp", *input.timestamp)};
  }
  return delta::open_timestamp(files, root, time->micros / kMicrosPerMilli);
}

Result<WholeQuery> whole_query(Context& context, const sql::Plan& plan,
                               const std::string& prefix) {
  WholeQuery out{.request = {.sql = plan.duckdb_sql,
                             .output = plan.output,
                             .payload_functions = plan.payload_functions},
                 .inputs = {}};
  for (int i = 0; i < plan.expectations; ++i) {
    out.request.output.fields.push_back({fmt::format("__expect_{}", i), Kind::Boolean});
  }
  for (const auto& input : plan.inputs) {
    if (!input.files.empty()) {
      out.inputs[prefix + "files/" + input.id] =
          TRY(file_fingerprint(context.world.files, context.project, input));
      out.request.inputs[input.id] =
          TRY(file_input(context.world.files, context.project, input));
      continue;
    }
    auto snapshot = TRY(open_snapshot(context, input));
    out.inputs[prefix + snapshot.metadata().id + "/version"] = snapshot.version().value;
    out.request.inputs[input.id] =
        query::snapshot_input(context.world.files, snapshot, query::conditions(input.conjuncts));
  }
  return out;
}

Result<Batches> answer_of(Context& context, const Dataset& dataset, query::Request request,
                          FlowStatus& status) {
  auto timed_answer = timed(status.timings.sql_ns, [&]() -> Result<query::Answer> {
    auto statement = TRY(context.database->prepare(std::move(request)));
    return statement->run({});
  });
  auto answer = TRY(std::move(timed_answer));
  return passing_rows(dataset, answer.batches, status.expectations, status.rows_dropped);
}

}  // namespace ticklake::engine
