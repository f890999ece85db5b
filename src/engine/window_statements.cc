#include "window_statements.h"

#include <fmt/format.h>

#include "expectations.h"
#include "rows.h"

namespace ticklake::engine {

Result<WindowStatements> prepare_window(Context& context, const Dataset& dataset) {
  const auto& plan = dataset.plan;
  const auto& input = plan.inputs[0];
  const auto& windowed = *plan.windowed;
  Schema input_schema = with_columns(input.schema, input.columns);
  WindowStatements out;
  out.partial = TRY(context.database->prepare({.sql = windowed.partial_sql,
                                               .output = windowed.partial_schema,
                                               .payload_functions = plan.payload_functions,
                                               .batch_input = input.id,
                                               .batch_schema = input_schema}));
  out.merge = TRY(context.database->prepare({.sql = windowed.merge_sql,
                                             .output = windowed.partial_schema,
                                             .payload_functions = {},
                                             .batch_input = "partial",
                                             .batch_schema = windowed.partial_schema}));
  Schema output = plan.output;
  for (int i = 0; i < plan.expectations; ++i) {
    output.fields.push_back({fmt::format("__expect_{}", i), Kind::Boolean});
  }
  out.final = TRY(context.database->prepare({.sql = windowed.final_sql,
                                             .output = std::move(output),
                                             .payload_functions = {},
                                             .batch_input = "partial",
                                             .batch_schema = windowed.partial_schema}));
  if (dataset.late) {
    Schema late{{{"window_end", Kind::Timestamp},
                 {"row", Kind::Long},
                 {"window_start", Kind::Timestamp}}};
    out.late = TRY(context.database->prepare({.sql = windowed.late_sql,
                                              .output = std::move(late),
                                              .payload_functions = plan.payload_functions,
                                              .batch_input = input.id,
                                              .batch_schema = input_schema}));
  }
  if (!windowed.event_time_column.empty()) return out;
  Schema time{{{"event_time", Kind::Timestamp}}};
  out.watermark = TRY(context.database->prepare({.sql = windowed.watermark_sql,
                                                 .output = std::move(time),
                                                 .payload_functions = plan.payload_functions,
                                                 .batch_input = input.id,
                                                 .batch_schema = input_schema}));
  return out;
}

Result<Finished> WindowStatements::finish(const Dataset& dataset, const Batches& merged) const {
  auto answer = TRY(final->run(merged));
  Finished out{.rows = {}, .counts = no_counts(dataset.statement.expectations)};
  out.rows = TRY(passing_rows(dataset, answer.batches, out.counts, out.dropped));
  return out;
}

}  // namespace ticklake::engine
