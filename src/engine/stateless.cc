// A flow whose rows are made of one input row each: SELECT .. FROM STREAM, without aggregation.
//
// One step: gather -> SQL over all rows at once -> expectations -> quarantine -> files -> commit.
// Invariant: an input row is read again until the version with its progress is in the log; then it
// is in the table, in the quarantine, or was dropped by the query's or the table's own choice,
// once.
#include <arrow/array.h>
#include <fmt/format.h>

#include <algorithm>

#include "expectations.h"
#include "feed.h"
#include "flow.h"
#include "quarantine.h"
#include "rows.h"
#include "sql_runner.h"
#include "table_writer.h"

namespace ticklake::engine {
namespace {

// A partition is idle for readers of the table when this many batches in a row had rows of it and
// left none, and the last one came to its end: nothing at hand can be late then.
constexpr int kSilentBatches = 3;

// What one batch becomes.
struct Made {
  std::vector<Piece> pieces;
  BadRows bad;
  int64_t rows_out = 0;
  int64_t dropped = 0;
  int64_t undecodable = 0;
  std::vector<ExpectationCount> counts;
};

Result<std::unique_ptr<query::Prepared>> prepare(Context& context, const sql::Plan& plan) {
  query::Request request{
      .sql = plan.duckdb_sql,
      .output = plan.output,
      .from_json = plan.from_json,
      .batch_input = plan.inputs[0].id,
      .batch_schema = with_columns(plan.inputs[0].schema, plan.inputs[0].columns)};
  request.output.fields.push_back({"__row", Kind::Long});
  for (int i = 0; i < plan.expectations; ++i) {
    request.output.fields.push_back({fmt::format("__expect_{}", i), Kind::Boolean});
  }
  return context.database->prepare(std::move(request));
}

class Stateless final : public Flow {
 public:
  Stateless(Context& context, const Dataset& dataset, FlowStatus& status, Settings settings,
            TableWriter writer, std::unique_ptr<Feed> feed,
            std::unique_ptr<query::Prepared> statement, std::optional<Quarantine> quarantine)
      : context_(context),
        dataset_(dataset),
        status_(status),
        settings_(std::move(settings)),
        writer_(std::move(writer)),
        feed_(std::move(feed)),
        statement_(std::move(statement)),
        quarantine_(std::move(quarantine)),
        visible_(static_cast<int>(dataset.plan.output.fields.size())),
        tells_time_(context.tells_time(dataset)) {}

  Result<FlowOutcome> step(bool upstream_done) override;
  bool done() const override { return done_; }

 private:
  int64_t until_due_us(bool upstream_done) const;
  Result<FlowOutcome> process(FeedBatch batch);
  Result<Made> make(const FeedBatch& batch, const RowPlaces& places);
  Result<void> take_part(const RunAnswer::Part& part, const RowPlaces& places,
                         const FeedBatch& batch, Made& made);
  Result<BatchPtr> without_bad(const RunAnswer::Part& part, const BadRows& bad) const;
  Result<BatchPtr> without_dropped(const BatchPtr& rows, int64_t first_row, const RowPlaces& places,
                                   Made& made) const;
  const arrow::Int64Array& row_numbers(const arrow::RecordBatch& rows) const;
  Error fatal(const RowPlaces& places, int64_t row, const std::string& reason) const;
  void note_silent(FeedBatch& batch, const Made& made);
  Result<Version> commit(FeedBatch& batch, Made& made);

  Context& context_;
  const Dataset& dataset_;
  FlowStatus& status_;
  Settings settings_;
  TableWriter writer_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<query::Prepared> statement_;
  std::optional<Quarantine> quarantine_;
  int visible_;
  bool tells_time_;
  std::optional<int64_t> last_commit_us_;
  std::map<Partition, int> silent_;  // batches in a row that left none of the partition's rows
  bool done_ = false;
};

int64_t Stateless::until_due_us(bool upstream_done) const {
  bool ended = context_.options.once && feed_->at_end(upstream_done);
  if (feed_->must_commit() || feed_->full() || ended || !last_commit_us_) return 0;
  int64_t due = *last_commit_us_ + settings_.pace_us;
  return std::max<int64_t>(0, due - context_.world.clock.now_us());
}

Result<FlowOutcome> Stateless::step(bool upstream_done) {
  TRY(timed(status_.timings.consume_ns, [&] { return feed_->gather(); }));
  status_.lag_rows = feed_->lag_rows();
  if (feed_->pending_rows() == 0 && !feed_->must_commit()) {
    done_ = context_.options.once && feed_->at_end(upstream_done);
    return FlowOutcome{};
  }
  int64_t wait_us = until_due_us(upstream_done);
  if (wait_us > 0) return FlowOutcome{.worked = false, .wait_us = wait_us};
  return process(feed_->take());
}

Result<FlowOutcome> Stateless::process(FeedBatch batch) {
  if (tells_time_) {
    auto plan = TRY(context_.plan_now(dataset_));
    statement_ = TRY(prepare(context_, plan));
  }
  RowPlaces places(batch.pieces);
  Made made = TRY(make(batch, places));
  int64_t quarantined = 0;
  if (quarantine_) {
    quarantined = TRY(timed(status_.timings.commit_ns,
                            [&] { return quarantine_->store(*feed_, batch, places, made.bad); }));
  }
  FlowOutcome out{.worked = true, .rows_in = places.rows(), .rows_out = made.rows_out};
  out.version = TRY(commit(batch, made));
  feed_->committed();
  status_.last_commit_us = context_.world.clock.now_us();
  // A commit without rows does not make the first rows wait.
  if (out.rows_in > 0) last_commit_us_ = status_.last_commit_us;
  status_.version = out.version;
  status_.commits += 1;
  status_.rows_in += out.rows_in;
  status_.rows_out += out.rows_out;
  status_.rows_dropped += made.dropped;
  status_.rows_undecodable += made.undecodable;
  status_.rows_quarantined += quarantined;
  add_counts(status_.expectations, made.counts);
  return out;
}

Error Stateless::fatal(const RowPlaces& places, int64_t row, const std::string& reason) const {
  auto place = places.find(row);
  return {Code::Invalid,
          fmt::format("{} (row of {})", reason, feed_->describe(*place.piece, place.row))};
}

Result<Made> Stateless::make(const FeedBatch& batch, const RowPlaces& places) {
  Made made;
  made.counts = no_counts(dataset_.statement.expectations);
  if (places.rows() == 0) return made;
  Batches input;
  for (const auto& piece : batch.pieces) {
    input.push_back(TRY(with_columns(piece.rows, dataset_.plan.inputs[0].columns)));
  }
  bool keep_errors = settings_.quarantine.errors;
  auto answer =
      TRY(timed(status_.timings.sql_ns, [&] { return run_rows(*statement_, input, keep_errors); }));
  if (!keep_errors && !answer.row_errors.empty()) {
    const auto& first = answer.row_errors.front();
    return fatal(places, first.row,
                 first.error.message +
                     "; use try_cast or try_divide, or keep such rows aside with "
                     "TBLPROPERTIES('ticklake.quarantine' = 'errors')");
  }
  for (const auto& error : answer.row_errors) {
    add_reason(made.bad, error.row, {}, error.error.message);
  }
  int64_t last = -1;
  for (auto& error : answer.decode_errors) {
    made.undecodable += error.row != last ? 1 : 0;
    last = error.row;
    if (!settings_.quarantine.undecodable) continue;
    add_reason(made.bad, error.row, std::move(error.raw), std::move(error.reason));
  }
  for (const auto& part : answer.parts) TRY(take_part(part, places, batch, made));
  return made;
}

// Without the rows that are in quarantine already.
Result<BatchPtr> Stateless::without_bad(const RunAnswer::Part& part, const BadRows& bad) const {
  if (bad.empty()) return part.rows;
  const auto& numbers = row_numbers(*part.rows);
  std::vector<bool> keep(static_cast<size_t>(numbers.length()), true);
  auto next = bad.lower_bound(part.first_row);
  bool any = false;
  for (int64_t i = 0; i < numbers.length() && next != bad.end(); ++i) {
    int64_t row = part.first_row + numbers.Value(i);
    while (next != bad.end() && next->first < row) ++next;
    if (next == bad.end() || next->first != row) continue;
    keep[static_cast<size_t>(i)] = false;
    any = true;
  }
  return any ? filtered(part.rows, keep) : part.rows;
}

// Without the rows that expectations drop.
Result<BatchPtr> Stateless::without_dropped(const BatchPtr& rows, int64_t first_row,
                                            const RowPlaces& places, Made& made) const {
  if (dataset_.plan.expectations == 0) return rows;
  const auto& expectations = dataset_.statement.expectations;
  const auto& numbers = row_numbers(*rows);
  Checked checked = check_expectations(expectations, *rows, visible_ + 1);
  if (checked.fatal) {
    return fatal(places, first_row + numbers.Value(checked.fatal->row),
                 describe(expectations[checked.fatal->expectation]));
  }
  add_counts(made.counts, checked.counts);
  made.dropped += checked.dropped;
  if (settings_.quarantine.expectations) {
    for (const auto& violation : checked.violations) {
      add_reason(made.bad, first_row + numbers.Value(violation.row), {},
                 describe(expectations[violation.expectation]));
    }
  }
  return checked.keep.empty() ? rows : filtered(rows, checked.keep);
}

const arrow::Int64Array& Stateless::row_numbers(const arrow::RecordBatch& rows) const {
  const auto& column = *rows.column(visible_);
  CHECK(column.type_id() == arrow::Type::INT64, "__row is BIGINT");
  const auto& numbers = static_cast<const arrow::Int64Array&>(column);
  CHECK(std::is_sorted(numbers.raw_values(), numbers.raw_values() + numbers.length()),
        "a stateless query keeps the order of its rows");
  return numbers;
}

Result<void> Stateless::take_part(const RunAnswer::Part& part, const RowPlaces& places,
                                  const FeedBatch& batch, Made& made) {
  if (part.rows->num_rows() == 0) return {};
  BatchPtr decoded = TRY(without_bad(part, made.bad));
  BatchPtr rows = TRY(without_dropped(decoded, part.first_row, places, made));
  const auto& numbers = row_numbers(*rows);
  const int64_t* begin = numbers.raw_values();
  BatchPtr visible = TRY(first_columns(rows, visible_));
  for (int64_t at = 0; at < visible->num_rows();) {
    size_t piece = places.piece_of(part.first_row + numbers.Value(at));
    const int64_t* end = std::lower_bound(begin + at, begin + numbers.length(),
                                          places.end_of(piece) - part.first_row);
    int64_t count = end - (begin + at);
    made.pieces.push_back({batch.pieces[piece].partition, visible->Slice(at, count)});
    at += count;
  }
  made.rows_out += visible->num_rows();
  return {};
}

void Stateless::note_silent(FeedBatch& batch, const Made& made) {
  std::set<Partition> came, left;
  for (const auto& piece : batch.pieces) came.insert(piece.partition);
  for (const auto& piece : made.pieces) left.insert(piece.partition);
  for (Partition partition : came) {
    silent_[partition] = left.contains(partition) ? 0 : silent_[partition] + 1;
  }
  for (const auto& [partition, batches] : silent_) {
    bool idle = batches >= kSilentBatches && batch.ended.contains(partition);
    if (idle) batch.idle.insert(partition);
  }
}

Result<Version> Stateless::commit(FeedBatch& batch, Made& made) {
  note_silent(batch, made);
  auto files = TRY(timed(status_.timings.parquet_ns, [&] {
    return writer_.write(made.pieces, batch.partitions, batch.idle, batch.ended);
  }));
  delta::Transaction transaction;
  transaction.operation = "STREAMING UPDATE";
  transaction.parameters = {{"outputMode", "Append"}, {"flow", dataset_.name}};
  transaction.adds = std::move(files);
  transaction.txns = std::move(batch.progress);
  Version version =
      TRY(timed(status_.timings.commit_ns, [&] { return writer_.commit(std::move(transaction)); }));
  VersionRows rows{
      .version = version, .pieces = std::move(made.pieces), .partitions = {}, .idle = {}};
  if (!rows.pieces.empty()) {
    rows.partitions = std::move(batch.partitions);
    rows.idle = std::move(batch.idle);
    rows.ended = std::move(batch.ended);
  }
  context_.hub.publish(dataset_.name, std::make_shared<const VersionRows>(std::move(rows)));
  return version;
}

Result<std::unique_ptr<Feed>> open_feed(Context& context, const Dataset& dataset,
                                        const Settings& settings, const Progress& stored) {
  const auto& input = dataset.plan.inputs[0];
  std::string prefix = progress_prefix(context, dataset.name, stored);
  if (!input.table.empty()) {
    // The quarantine wants whole rows.
    bool whole = settings.quarantine.any();
    TableReader::Source source{.name = input.table,
                               .root = context.project.table_path(input.table),
                               .schema = input.schema,
                               .columns = whole ? std::vector<std::string>() : input.columns};
    auto reader = TRY(TableReader::open(context.world.files, context.hub, std::move(source)));
    DeltaFeedOptions options{.flow = dataset.name,
                             .rows_max = settings.rows_per_step_max,
                             .app_id_prefix = std::move(prefix),
                             .record_start = whole};
    return open_delta_feed(std::move(reader), context.hub, std::move(options), stored);
  }
  KafkaArguments arguments = TRY(kafka_arguments(input.kafka));
  auto topics = TRY(context.topics(arguments.bootstrap, arguments.config));
  int64_t rows_max = std::min(settings.rows_per_step_max, arguments.rows_max.value_or(INT64_MAX));
  KafkaFeedOptions options{
      .topic = arguments.topic,
      .starting_offsets = arguments.starting_offsets,
      .fail_on_data_loss = arguments.fail_on_data_loss,
      .rows_max = rows_max,
      .once = context.options.once,
      .app_id_prefix = std::move(prefix),
      .group = fmt::format("ticklake-{}-{}", context.project.name, dataset.name)};
  return open_kafka_feed(std::move(topics), context.world.clock, std::move(options), stored);
}

}  // namespace

Result<std::unique_ptr<Flow>> open_stateless(Context& context, const Dataset& dataset,
                                             FlowStatus& status) {
  const auto& plan = dataset.plan;
  if (plan.inputs.size() != 1 || !plan.has_row) {
    return Error{Code::Unsupported, "a streaming table reads exactly one stream and nothing else"};
  }
  Settings settings = TRY(settings_of(context.project.configuration, dataset.statement.properties));
  auto writer = TRY(TableWriter::open(context, dataset.path, dataset.name));
  context.hub.announce(dataset.name, writer.snapshot().version());
  auto feed = TRY(open_feed(context, dataset, settings, writer.txns()));
  std::optional<Quarantine> quarantine;
  if (dataset.quarantine) {
    quarantine = TRY(Quarantine::open(context, dataset, plan.inputs[0].schema));
  }
  auto statement = TRY(prepare(context, plan));
  status.version = writer.snapshot().version();
  return std::unique_ptr<Flow>(new Stateless(context, dataset, status, std::move(settings),
                                             std::move(writer), std::move(feed),
                                             std::move(statement), std::move(quarantine)));
}

}  // namespace ticklake::engine
