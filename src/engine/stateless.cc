// A flow whose rows are made of one input row each: SELECT .. FROM STREAM, without aggregation.
//
// One step: gather -> SQL over all rows at once -> expectations -> quarantine -> files -> commit.
// Invariant: an input row is read again until the version with its progress is in the log; then it
// is in the table, in the quarantine, or was dropped by the query's or the table's own choice,
// once.
#include <fmt/format.h>

#include <algorithm>

#include "expectations.h"
#include "feed.h"
#include "file_flow.h"
#include "flow.h"
#include "quarantine.h"
#include "stateless_rows.h"
#include "table_writer.h"

namespace ticklake::engine {
namespace {

// A partition is idle for readers of the table when this many batches in a row had rows of it and
// left none, and the last one came to its end: nothing at hand can be late then.
constexpr int kSilentBatches = 3;

class Stateless final : public Flow {
 public:
  Stateless(Context& context, const Dataset& dataset, FlowStatus& status, Settings settings,
            TableWriter writer, std::unique_ptr<Feed> feed, StatelessRows rows,
            std::optional<Quarantine> quarantine)
      : context_(context),
        dataset_(dataset),
        status_(status),
        settings_(std::move(settings)),
        writer_(std::move(writer)),
        feed_(std::move(feed)),
        rows_(std::move(rows)),
        quarantine_(std::move(quarantine)) {}

  Result<FlowOutcome> step(bool upstream_done) override;
  bool done() const override { return done_; }
  Result<std::optional<Version>> keep_healthy(bool busy) override;

 private:
  Result<FlowOutcome> process(FeedBatch batch);
  Result<Made> make(const FeedBatch& batch, const RowPlaces& places);
  void note_silent(FeedBatch& batch, const Made& made);
  Result<Version> commit(FeedBatch& batch, Made& made);

  Context& context_;
  const Dataset& dataset_;
  FlowStatus& status_;
  Settings settings_;
  TableWriter writer_;
  std::unique_ptr<Feed> feed_;
  StatelessRows rows_;
  std::optional<Quarantine> quarantine_;
  int64_t skipped_before_ = status_.commits_skipped;  // by its predecessors
  std::optional<int64_t> last_commit_us_;
  std::map<Partition, int> silent_;  // batches in a row that left none of the partition's rows
  bool done_ = false;
};

Result<FlowOutcome> Stateless::step(bool upstream_done) {
  TRY(timed(status_.timings.consume_ns, [&] { return feed_->gather(); }));
  status_.lag_rows = feed_->lag_rows();
  status_.file_lag = feed_->file_lag();
  status_.commits_skipped = skipped_before_ + feed_->commits_skipped();
  if (feed_->pending_rows() == 0 && !feed_->must_commit()) {
    done_ = context_.options.once && feed_->at_end(upstream_done);
    if (feed_->lag_rows().value_or(0) == 0) writer_.stage().rests(dataset_.name);
    return FlowOutcome{};
  }
  bool ended = context_.options.once && feed_->at_end(upstream_done);
  int64_t now_us = context_.world.clock.now_us();
  int64_t wait_us = until_due_us(*feed_, ended, last_commit_us_, settings_.pace_us, now_us);
  if (wait_us > 0) return FlowOutcome{.worked = false, .wait_us = wait_us};
  return process(feed_->take());
}

Result<FlowOutcome> Stateless::process(FeedBatch batch) {
  RowPlaces places(batch.pieces);
  Made made = TRY(make(batch, places));
  int64_t quarantined = 0;
  if (quarantine_) {
    quarantined = TRY(timed(status_.timings.commit_ns,
                            [&] {
                              return quarantine_->store(*feed_, batch, places, made.bad,
                                                        made.joined_with);
                            }));
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

Result<std::optional<Version>> Stateless::keep_healthy(bool busy) {
  auto version = TRY(writer_.keep_healthy(busy));
  if (!version && quarantine_) TRY(quarantine_->keep_healthy(busy));
  return version;
}

Result<Made> Stateless::make(const FeedBatch& batch, const RowPlaces& places) {
  JoinedVersions wanted;
  if (quarantine_) wanted = quarantine_->joined_with(*feed_, batch, rows_.joined_with());
  auto made =
      timed(status_.timings.sql_ns, [&] { return rows_.make(batch.pieces, places, wanted); });
  if (!made || !made->fatal) return made;
  auto place = places.find(made->fatal->row);
  return Error{Code::Invalid, fmt::format("{} (row of {})", made->fatal->reason,
                                          feed_->describe(*place.piece, place.row))};
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
  delta::Transaction transaction;
  transaction.operation = "STREAMING UPDATE";
  transaction.parameters = {{"outputMode", "Append"}, {"flow", dataset_.flow}};
  if (!made.joined_with.empty()) {
    transaction.parameters["joinedVersions"] = to_json(made.joined_with);
  }
  transaction.txns = std::move(batch.progress);
  KnownPartitions partitions{.all = std::move(batch.partitions),
                             .idle = std::move(batch.idle),
                             .ended = std::move(batch.ended)};
  return writer_.append(std::move(made.pieces), partitions, std::move(transaction),
                        status_.timings);
}

Result<std::unique_ptr<Feed>> open_feed(Context& context, const Dataset& dataset,
                                        const Settings& settings, const Progress& stored) {
  const auto& input = dataset.plan.inputs[0];
  bool whole = settings.quarantine.any();  // it keeps whole rows
  if (!input.table.empty()) {
    TableReader::Source source = streamed(context, input);
    if (whole) source.columns.clear();
    auto reader = TRY(TableReader::open(context.world.files, context.hub, std::move(source)));
    DeltaFeedOptions options{.flow = dataset.name,
                             .rows_max = settings.rows_per_step_max,
                             .place = progress_place(context, dataset, stored),
                             .record_start = whole};
    return open_delta_feed(std::move(reader), context.hub, std::move(options), stored);
  }
  if (!input.files.empty()) {
    return open_file_feed(context, dataset, settings, stored);
  }
  KafkaArguments arguments = TRY(kafka_arguments(input.kafka));
  auto topics = TRY(context.topics(arguments.bootstrap, arguments.config));
  int64_t rows_max = std::min(settings.rows_per_step_max, arguments.rows_max.value_or(INT64_MAX));
  KafkaFeedOptions options{
      .topic = arguments.topic,
      .starting_offsets = arguments.starting_offsets,
      .fail_on_data_loss = arguments.fail_on_data_loss,
      .rows_max = rows_max,
      .headers = whole || std::ranges::find(input.columns, "headers") != input.columns.end(),
      .once = context.options.once,
      .place = progress_place(context, dataset, stored),
      .group = fmt::format("ticklake-{}-{}", context.project.name, dataset.name)};
  return open_kafka_feed(std::move(topics), context.world.clock, std::move(options), stored);
}

// A table that follows one of the same pace or a slower one gets its rows at that pace. Its own on
// top would be as much waiting again for no fewer commits; with half of it, the two fall into step.
constexpr int64_t kFollowersShare = 2;

}  // namespace

int64_t until_due_us(const Feed& feed, bool ended, std::optional<int64_t> last_commit_us,
                     int64_t pace_us, int64_t now_us) {
  if (feed.must_commit() || feed.full() || ended || !last_commit_us) return 0;
  return std::max<int64_t>(0, *last_commit_us + pace_us - now_us);
}

Result<int64_t> follower_pace_us(const Context& context, const std::string& upstream,
                                 int64_t pace_us) {
  for (const auto& dataset : context.graph.datasets) {
    if (dataset.table != upstream || !dataset.plan.streaming) continue;
    const auto& configuration = context.project.configuration;
    Settings settings = TRY(settings_of(configuration, dataset.statement.properties));
    if (settings.pace_us >= pace_us) return pace_us / kFollowersShare;
  }
  return pace_us;
}

Result<std::unique_ptr<Flow>> open_stateless(Context& context, const Dataset& dataset,
                                             FlowStatus& status) {
  const auto& plan = dataset.plan;
  CHECK(plan.streaming && plan.has_row, "each of its rows comes of one of the stream");
  Settings settings = TRY(settings_of(context.project.configuration, dataset.statement.properties));
  settings.pace_us = TRY(follower_pace_us(context, plan.inputs[0].table, settings.pace_us));
  auto writer = TRY(TableWriter::open(context, dataset.path, dataset.table, dataset.name));
  context.hub.announce(dataset.table, writer.snapshot().version());
  auto feed = TRY(open_feed(context, dataset, settings, writer.txns()));
  std::optional<Quarantine> quarantine;
  if (dataset.quarantine) {
    quarantine = TRY(Quarantine::open(context, dataset, writer.txns(), plan.inputs[0].schema));
  }
  auto rows = TRY(StatelessRows::open(context, dataset, settings));
  status.version = writer.snapshot().version();
  return std::unique_ptr<Flow>(new Stateless(context, dataset, status, std::move(settings),
                                             std::move(writer), std::move(feed), std::move(rows),
                                             std::move(quarantine)));
}

}  // namespace ticklake::engine
