#include "expectations.h"

#include <arrow/array.h>
#include <fmt/format.h>

#include "rows.h"

namespace ticklake::engine {
namespace {

using OnViolation = sql::Expectation::OnViolation;

// The rows of one expectation that are not met, when there are any.
void note_failures(const arrow::BooleanArray& met, size_t index, OnViolation action, Checked& out) {
  for (int64_t row = 0; row < met.length(); ++row) {
    if (met.IsValid(row) && met.Value(row)) continue;
    if (action == OnViolation::FailUpdate) {
      if (!out.fatal || row < out.fatal->row) out.fatal = Violation{row, index};
      return;
    }
    if (out.keep.empty()) out.keep.assign(static_cast<size_t>(met.length()), true);
    if (out.keep[static_cast<size_t>(row)]) ++out.dropped;
    out.keep[static_cast<size_t>(row)] = false;
    out.violations.push_back({row, index});
  }
}

}  // namespace

Checked check_expectations(const std::vector<sql::Expectation>& expectations,
                           const arrow::RecordBatch& batch, int first_column) {
  Checked out;
  out.counts = no_counts(expectations);
  for (size_t i = 0; i < expectations.size(); ++i) {
    auto column = batch.column(first_column + static_cast<int>(i));
    CHECK(column->type_id() == arrow::Type::BOOL, "an expectation's column is BOOLEAN");
    const auto& met = static_cast<const arrow::BooleanArray&>(*column);
    int64_t passed = met.true_count();
    out.counts[i].passed = passed;
    out.counts[i].failed = met.length() - passed;
    if (passed == met.length() || expectations[i].on_violation == OnViolation::Keep) continue;
    note_failures(met, i, expectations[i].on_violation, out);
  }
  return out;
}

std::vector<ExpectationCount> no_counts(const std::vector<sql::Expectation>& expectations) {
  std::vector<ExpectationCount> out;
  for (const auto& expectation : expectations) {
    out.push_back(
        {.name = expectation.name, .drops = expectation.on_violation == OnViolation::DropRow});
  }
  return out;
}

void add_counts(std::vector<ExpectationCount>& total, const std::vector<ExpectationCount>& more) {
  CHECK(total.size() == more.size(), "counts of one statement");
  for (size_t i = 0; i < total.size(); ++i) {
    total[i].passed += more[i].passed;
    total[i].failed += more[i].failed;
  }
}

Result<Batches> passing_rows(const Dataset& dataset, const Batches& answer,
                             std::vector<ExpectationCount>& counts, int64_t& dropped) {
  int visible = static_cast<int>(dataset.plan.output.fields.size());
  const auto& expectations = dataset.statement.expectations;
  Batches out;
  for (const auto& batch : answer) {
    if (batch->num_rows() == 0) continue;
    Checked checked;
    if (dataset.plan.expectations > 0) {
      checked = check_expectations(expectations, *batch, visible);
      add_counts(counts, checked.counts);
      dropped += checked.dropped;
    }
    if (checked.fatal) {
      return Error{Code::Invalid, describe(expectations[checked.fatal->expectation])};
    }
    BatchPtr kept = checked.keep.empty() ? batch : TRY(filtered(batch, checked.keep));
    BatchPtr rows = TRY(first_columns(kept, visible));
    if (rows->num_rows() > 0) out.push_back(std::move(rows));
  }
  return out;
}

std::string describe(const sql::Expectation& expectation) {
  return fmt::format("expectation {} failed: {}", expectation.name, expectation.text);
}

}  // namespace ticklake::engine
