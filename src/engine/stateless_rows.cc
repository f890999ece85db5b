#include "stateless_rows.h"

#include <arrow/array.h>
#include <fmt/format.h>

#include <algorithm>

#include "expectations.h"
#include "limits.h"
#include "picked_rows.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

// The rows of a batch that is worth a thought, for the order of joins.
constexpr int64_t kRowsToPlanFor = 8'192;

}  // namespace

StatelessRows::StatelessRows(Context& context, const Dataset& dataset, const QuarantineRule& rule)
    : context_(&context),
      dataset_(&dataset),
      rule_(rule),
      plan_(dataset.plan),
      joined_(context),
      visible_(static_cast<int>(dataset.plan.output.fields.size())) {}

Result<StatelessRows> StatelessRows::open(Context& context, const Dataset& dataset,
                                          const Settings& settings) {
  StatelessRows rows(context, dataset, settings.quarantine);
  rows.tells_time_ = TRY(context.tells_time(dataset));
  TRY(rows.prepare({}));
  return rows;
}

Result<std::unique_ptr<query::Prepared>> StatelessRows::prepared() const {
  const auto& input = plan_.inputs[0];
  query::Request request{.sql = plan_.duckdb_sql,
                         .output = plan_.output,
                         .payload_functions = plan_.payload_functions,
                         .batch_input = input.id,
                         .batch_schema = with_columns(input.schema, input.columns),
                         .batch_rows = kRowsToPlanFor,
                         .inputs = joined_.inputs(),
                         .keeps_undecodable = rule_.undecodable};
  request.output.fields.push_back({"__row", Kind::Long});
  for (int i = 0; i < plan_.expectations; ++i) {
    request.output.fields.push_back({fmt::format("__expect_{}", i), Kind::Boolean});
  }
  return context_->database->prepare(std::move(request));
}

Result<void> StatelessRows::prepare(const JoinedVersions& wanted) {
  if (tells_time_) plan_ = TRY(context_->plan_now(*dataset_));
  bool changed = TRY(joined_.pin(plan_, wanted, [this] { statements_.clear(); }));
  if (!changed && !tells_time_ && !statements_.empty()) return {};
  statements_.clear();
  statements_.push_back(TRY(prepared()));
  return {};
}

// A large batch is worth a statement for each thread that may have nothing to do.
Result<Statements> StatelessRows::statements_for(int64_t rows) {
  Spread* spread = context_->world.spread;
  int64_t most = spread != nullptr ? spread->width() : 1;
  auto parts = static_cast<size_t>(std::clamp<int64_t>(rows / kRowsPerPartMin, 1, most));
  while (statements_.size() < parts) {
    statements_.push_back(TRY(prepared()));
  }
  return Statements(statements_).first(parts);
}

Result<Made> StatelessRows::make(const std::vector<FeedPiece>& pieces, const RowPlaces& places,
                                 const JoinedVersions& wanted) {
  Made made;
  made.counts = no_counts(dataset_->statement.expectations);
  if (places.rows() == 0) return made;
  TRY(prepare(wanted));
  made.joined_with = joined_.versions();
  add_undecodable(pieces, made);
  if (auto picked = TRY(picked_rows(dataset_->plan, pieces)); picked && made.bad.empty()) {
    made.pieces = *std::move(picked);
    made.rows_out = places.rows();
    return made;
  }
  Batches input;
  for (const auto& piece : pieces) {
    input.push_back(TRY(with_columns(piece.rows, dataset_->plan.inputs[0].columns)));
  }
  Statements statements = TRY(statements_for(tells_time_ ? 0 : places.rows()));
  ErrorSearch search{.all = rule_.errors, .joined = plan_.inputs.size() > 1};
  auto answer = TRY(run_rows(statements, context_->world.spread, input, search));
  if (!rule_.errors && !answer.row_errors.empty()) {
    const auto& first = answer.row_errors.front();
    made.fatal = FatalRow{first.row, first.error.message +
                                         "; such rows can be kept aside "
                                         "with TBLPROPERTIES('ticklake.quarantine' = 'errors')"};
    return made;
  }
  for (const auto& error : answer.row_errors) {
    add_reason(made.bad, error.row, {}, error.error.message);
  }
  int64_t last = -1;
  for (auto& error : answer.decode_errors) {
    made.undecodable += error.row != last ? 1 : 0;
    last = error.row;
    if (!rule_.undecodable) continue;
    add_reason(made.bad, error.row, std::move(error.raw), std::move(error.reason));
  }
  for (const auto& batch : answer.batches) {
    TRY(take_rows(batch, pieces, places, made));
    if (made.fatal) break;
  }
  return made;
}

// What was malformed before any SQL saw it.
void StatelessRows::add_undecodable(const std::vector<FeedPiece>& pieces, Made& made) const {
  int64_t first = 0;
  for (const auto& piece : pieces) {
    if (piece.files) {
      const auto& bad = piece.files->undecodable;
      made.undecodable += static_cast<int64_t>(bad.size()) + piece.files->dropped;
      for (const auto& row : bad) {
        if (rule_.undecodable) add_reason(made.bad, first + row.row, row.raw, row.reason);
      }
    }
    first += piece.rows->num_rows();
  }
}

// Without the rows that are in quarantine already.
Result<BatchPtr> StatelessRows::without_bad(const BatchPtr& rows, const BadRows& bad) const {
  if (bad.empty()) return rows;
  const auto& numbers = row_numbers(*rows);
  std::vector<bool> keep(static_cast<size_t>(numbers.length()), true);
  auto next = numbers.length() == 0 ? bad.end() : bad.lower_bound(numbers.Value(0));
  bool any = false;
  for (int64_t i = 0; i < numbers.length() && next != bad.end(); ++i) {
    int64_t row = numbers.Value(i);
    while (next != bad.end() && next->first < row) ++next;
    if (next == bad.end() || next->first != row) continue;
    keep[static_cast<size_t>(i)] = false;
    any = true;
  }
  return any ? filtered(rows, keep) : rows;
}

// Without the rows that expectations drop.
Result<BatchPtr> StatelessRows::without_dropped(const BatchPtr& rows, Made& made) const {
  if (dataset_->plan.expectations == 0) return rows;
  const auto& expectations = dataset_->statement.expectations;
  const auto& numbers = row_numbers(*rows);
  Checked checked = check_expectations(expectations, *rows, visible_ + 1);
  if (checked.fatal) {
    made.fatal = FatalRow{numbers.Value(checked.fatal->row),
                          describe(expectations[checked.fatal->expectation])};
    return rows;
  }
  add_counts(made.counts, checked.counts);
  made.dropped += checked.dropped;
  if (rule_.expectations) {
    for (const auto& violation : checked.violations) {
      add_reason(made.bad, numbers.Value(violation.row), {},
                 describe(expectations[violation.expectation]));
    }
  }
  return checked.keep.empty() ? rows : filtered(rows, checked.keep);
}

const arrow::Int64Array& StatelessRows::row_numbers(const arrow::RecordBatch& rows) const {
  const auto& column = *rows.column(visible_);
  CHECK(column.type_id() == arrow::Type::INT64, "__row is BIGINT");
  const auto& numbers = static_cast<const arrow::Int64Array&>(column);
  CHECK(std::is_sorted(numbers.raw_values(), numbers.raw_values() + numbers.length()),
        "a stateless query keeps the order of its rows");
  return numbers;
}

Result<void> StatelessRows::take_rows(const BatchPtr& answer, const std::vector<FeedPiece>& pieces,
                                      const RowPlaces& places, Made& made) const {
  if (answer->num_rows() == 0) return {};
  BatchPtr decoded = TRY(without_bad(answer, made.bad));
  BatchPtr rows = TRY(without_dropped(decoded, made));
  if (made.fatal) return {};
  const auto& numbers = row_numbers(*rows);
  const int64_t* begin = numbers.raw_values();
  BatchPtr visible = TRY(first_columns(rows, visible_));
  for (int64_t at = 0; at < visible->num_rows();) {
    size_t piece = places.piece_of(numbers.Value(at));
    const int64_t* end =
        std::lower_bound(begin + at, begin + numbers.length(), places.end_of(piece));
    int64_t count = end - (begin + at);
    made.pieces.push_back({pieces[piece].partition, visible->Slice(at, count)});
    at += count;
  }
  made.rows_out += visible->num_rows();
  return {};
}

}  // namespace ticklake::engine
