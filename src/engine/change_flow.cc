// The flow of a table that AUTO CDC fills, from the table of its events.
//
// One step: gather events -> their keys -> what follows from all events of these keys -> files ->
// commit.
// Invariant: the rows of a key are those that follow from its events up to the version of the
// progress, which is in the same commit. The events decide alone: nothing else is remembered.
#include <arrow/array.h>
#include <fmt/format.h>

#include <algorithm>

#include "change_fold.h"
#include "change_sql.h"
#include "feed.h"
#include "flow.h"
#include "graph_flows.h"
#include "row_edits.h"
#include "rows.h"
#include "table_writer.h"

namespace ticklake::engine {
namespace {

// Events grow old without a new version.
constexpr int64_t kLookEveryUs = 10'000'000;

class ChangeFlow final : public Flow {
 public:
  ChangeFlow(Context& context, const Dataset& dataset, FlowStatus& status, Settings settings,
             TableWriter writer, std::unique_ptr<Feed> feed, delta::Snapshot events,
             DeltaProgressIds ids)
      : context_(context),
        dataset_(dataset),
        rules_(*dataset.changes),
        status_(status),
        settings_(std::move(settings)),
        writer_(std::move(writer)),
        feed_(std::move(feed)),
        events_(std::move(events)),
        ids_(std::move(ids)) {}

  Result<FlowOutcome> step(bool upstream_done) override;
  bool done() const override { return done_; }
  Result<std::optional<Version>> keep_healthy(bool busy) override;

 private:
  Result<FlowOutcome> process(FeedBatch batch);
  Result<Batches> keys_of(const FeedBatch& batch) const;
  Result<delta::Snapshot> events_at(const Progress& progress);
  Result<RowEdits> edits_for(const Batches& keys, bool all_keys, const delta::Snapshot& events,
                             const NumberedFiles& rows,
                             const std::vector<delta::Condition>& ranges) const;
  Result<Version> commit(const NumberedFiles& rows, const RowEdits& edits, Progress progress);

  Context& context_;
  const Dataset& dataset_;
  const sql::ChangeRules& rules_;
  FlowStatus& status_;
  Settings settings_;
  TableWriter writer_;
  std::unique_ptr<Feed> feed_;
  delta::Snapshot events_;
  DeltaProgressIds ids_;
  std::optional<int64_t> last_commit_us_;
  Version looked_at_ = Version(-1);  // of the events, for some to be folded
  int64_t look_again_us_ = 0;
  bool done_ = false;
};

Result<FlowOutcome> ChangeFlow::step(bool upstream_done) {
  TRY(timed(status_.timings.consume_ns, [&] { return feed_->gather(); }));
  status_.lag_rows = feed_->lag_rows();
  bool ended = context_.options.once && feed_->at_end(upstream_done);
  if (feed_->pending_rows() == 0 && !feed_->must_commit()) {
    done_ = ended;
    return FlowOutcome{};
  }
  int64_t now_us = context_.world.clock.now_us();
  int64_t wait_us = until_due_us(*feed_, ended, last_commit_us_, settings_.pace_us, now_us);
  if (wait_us > 0) return FlowOutcome{.worked = false, .wait_us = wait_us};
  return process(feed_->take());
}

Result<std::optional<Version>> ChangeFlow::keep_healthy(bool busy) {
  auto version = TRY(writer_.keep_healthy(busy));
  auto kept_ms = TRY(events_kept_ms(dataset_.statement.properties));
  auto& world = context_.world;
  bool looked = looked_at_ == events_.version() && world.clock.now_us() < look_again_us_;
  if (version || busy || !kept_ms || looked) return version;
  events_ = TRY(delta::refresh(world.files, events_));
  auto folded = TRY(fold(world.files, world.clock, *context_.database, rules_, events_,
                         {.before_ms = world.clock.now_ms() - *kept_ms}));
  if (folded) events_ = *std::move(folded);
  looked_at_ = events_.version();
  look_again_us_ = world.clock.now_us() + kLookEveryUs;
  return version;
}

Result<Batches> ChangeFlow::keys_of(const FeedBatch& batch) const {
  Batches out;
  for (const auto& piece : batch.pieces) {
    out.push_back(TRY(with_columns(piece.rows, dataset_.plan.inputs[0].columns)));
  }
  return out;
}

bool truncates(const Batches& keys) {
  return std::any_of(keys.begin(), keys.end(), [](const auto& batch) {
    auto operations = batch->GetColumnByName(std::string(sql::kOperationColumn));
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      if (text_at(*operations, i) == "truncate") return true;
    }
    return false;
  });
}

// The events as they stand where the progress is; while the first snapshot is taken, all of it.
Result<delta::Snapshot> ChangeFlow::events_at(const Progress& progress) {
  Version wanted(progress.at(ids_.version) - (progress.at(ids_.snapshot) != 0 ? 0 : 1));
  if (events_.version() < wanted) {
    events_ = TRY(delta::refresh(context_.world.files, events_));
  }
  if (events_.version() == wanted) return events_;
  return delta::open_version(context_.world.files, events_.root(), wanted);
}

Result<RowEdits> ChangeFlow::edits_for(const Batches& keys, bool all_keys,
                                       const delta::Snapshot& events, const NumberedFiles& rows,
                                       const std::vector<delta::Condition>& ranges) const {
  auto& files = context_.world.files;
  const auto& keys_input = dataset_.plan.inputs[0];
  query::Request request{.sql = change_sql(rules_, all_keys),
                         .output = {},
                         .batch_input = std::string(kKeysInput),
                         .batch_schema = with_columns(keys_input.schema, keys_input.columns)};
  request.output.fields = {{std::string(kFileColumn), Kind::Long},
                           {std::string(kPlaceColumn), Kind::Long},
                           {std::string(kHereColumn), Kind::Boolean}};
  const auto& fields = dataset_.plan.output.fields;
  // Rules name the columns in the table's order, with the ends of a row's time behind the others.
  for (const auto& name : change_columns(rules_)) {
    Field field = fields[static_cast<size_t>(dataset_.plan.output.find(name))];
    field.nullable = true;  // of a row that only goes
    request.output.fields.push_back(std::move(field));
  }
  request.inputs[std::string(kEventsInput)] = query::snapshot_input(files, events, ranges);
  request.inputs[std::string(kTargetInput)] = rows.input(files, kFileColumn, kPlaceColumn);
  if (rules_.truncates) {
    request.inputs[std::string(kTruncatesInput)] = query::snapshot_input(
        files, events, truncate_conditions());
  }
  auto statement = TRY(context_.database->prepare(std::move(request)));
  auto answer = TRY(statement->run(keys));
  RowEdits out;
  for (const auto& batch : answer.batches) {
    std::vector<bool> here;
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      auto file = number_at(*batch->column(0), i), place = number_at(*batch->column(1), i);
      if (file && place) out.gone[*file].push_back(*place);
      here.push_back(batch->column(2)->IsValid(i));
    }
    BatchPtr added = TRY(filtered(batch, here));
    out.added.push_back(TRY(with_columns(added, names_of(dataset_.plan.output))));
  }
  for (auto& entry : out.gone) std::sort(entry.second.begin(), entry.second.end());
  return out;
}

Result<FlowOutcome> ChangeFlow::process(FeedBatch batch) {
  Batches keys = TRY(keys_of(batch));
  FlowOutcome out{.worked = true, .rows_in = row_count(keys)};
  delta::Snapshot events = TRY(events_at(batch.progress));
  bool all_keys = truncates(keys);
  std::vector<delta::Condition> ranges;
  if (!all_keys) ranges = ranges_of(keys, rules_.keys);
  auto rows = NumberedFiles::of(writer_.snapshot(), ranges);
  RowEdits edits = TRY(timed(status_.timings.sql_ns,
                             [&] { return edits_for(keys, all_keys, events, rows, ranges); }));
  out.rows_out = row_count(edits.added);
  out.version = TRY(commit(rows, edits, std::move(batch.progress)));
  feed_->committed();
  last_commit_us_ = status_.last_commit_us = context_.world.clock.now_us();
  status_.version = out.version;
  status_.commits += 1;
  status_.rows_in += out.rows_in;
  status_.rows_out += out.rows_out;
  return out;
}

Result<Version> ChangeFlow::commit(const NumberedFiles& rows, const RowEdits& edits,
                                   Progress progress) {
  auto& world = context_.world;
  delta::RowChange change = TRY(timed(status_.timings.parquet_ns, [&] {
    return edited(world.files, world.clock, rows, edits);
  }));
  delta::Transaction transaction;
  transaction.operation = "MERGE";
  transaction.parameters = {{"flow", dataset_.name}};
  transaction.txns = std::move(progress);
  transaction.reads_table = true;
  Version version = TRY(timed(status_.timings.commit_ns, [&] {
    return writer_.commit(std::move(transaction), &change);
  }));
  context_.hub.announce(dataset_.name, version);
  return version;
}

}  // namespace

Result<std::unique_ptr<Flow>> open_changes(Context& context, const Dataset& dataset,
                                           FlowStatus& status) {
  const auto& input = dataset.plan.inputs[0];
  auto& files = context.world.files;
  Settings settings = TRY(settings_of(context.project.configuration, dataset.statement.properties));
  settings.pace_us = TRY(follower_pace_us(context, input.table, settings.pace_us));
  auto writer = TRY(TableWriter::open(context, dataset.path, dataset.table, dataset.name));
  context.hub.announce(dataset.name, writer.snapshot().version());
  Progress stored = writer.txns();
  ProgressPlace place = progress_place(context, dataset, stored);
  io::Path root = context.project.table_path(input.table);
  auto reader = TRY(TableReader::open(files, context.hub, streamed(context, input)));
  auto source =
      TRY(SourceProgress::open(place, stored, reader.id(), source_name(input)));
  auto ids = delta_progress_ids(source.prefix());
  auto feed = TRY(open_delta_feed(std::move(reader), context.hub,
                                  {.flow = dataset.name,
                                   .rows_max = settings.rows_per_step_max,
                                   .place = std::move(place)},
                                  stored));
  auto events = TRY(delta::open(files, root));
  status.version = writer.snapshot().version();
  return std::unique_ptr<Flow>(new ChangeFlow(context, dataset, status, std::move(settings),
                                              std::move(writer), std::move(feed), std::move(events),
                                              std::move(ids)));
}

}  // namespace ticklake::engine
