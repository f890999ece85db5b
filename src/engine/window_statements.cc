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
  const auto& expectations = dataset.statement.expectations;
  int visible = static_cast<int>(dataset.plan.output.fields.size());
  auto answer = TRY(final->run(merged));
  Finished out{.rows = {}, .counts = no_counts(expectations)};
  for (auto& batch : answer.batches) {
    if (batch->num_rows() == 0) continue;
    Checked checked;
    if (dataset.plan.expectations > 0) {
      checked = check_expectations(expectations, *batch, visible);
      add_counts(out.counts, checked.counts);
      out.dropped += checked.dropped;
    }
    if (checked.fatal) {
      return Error{Code::Invalid, describe(expectations[checked.fatal->expectation])};
    }
    BatchPtr kept = checked.keep.empty() ? batch : TRY(filtered(batch, checked.keep));
    BatchPtr rows = TRY(first_columns(kept, visible));
    if (rows->num_rows() > 0) out.rows.push_back(std::move(rows));
  }
  return out;
}

}  // namespace ticklake::engine
