// A windowed aggregation in append mode: a window's rows are written when the watermark passes its
// end.
//
//   one step:  version v of the source -> partial rows -> state; watermark advances over v;
//              windows that it closes -> merge -> final -> files -> commit
//
// Invariants:
//  - State is replayed, not stored: at recorded progress "next version n, watermark w", the open
//    windows are exactly the rows of the source at version n - 1 whose window ends after w.
//  - The source is taken version by version, and the watermark moves once a version, so a replay
//    from the log comes to the same watermarks, and to the same verdict on each late row.
//  - At the first start the source's version is recorded before anything is read.
//  - Which rows are in a session that is open tells only the order in which rows came: a file that
//    a commit names holds the open sessions as of a version, and later versions are replayed one by
//    one from there. The rows in state are as they would be without the restart.
#include <arrow/array.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/time.h"
#include "expectations.h"
#include "feed.h"
#include "flow.h"
#include "late_rows.h"
#include "rows.h"
#include "state_file.h"
#include "table_writer.h"
#include "watermark.h"
#include "window_kind.h"
#include "window_state.h"
#include "window_statements.h"

namespace ticklake::engine {
namespace {

// Versions without rows that one step may pass over.
constexpr int kEmptyVersionsPerStep = 256;

// Rows that a restart may replay one version after the other, where open sessions are fewer.
constexpr int64_t kReplayedRowsMax = 10'000;

class WindowedFlow final : public Flow {
 public:
  WindowedFlow(Context& context, const Dataset& dataset, FlowStatus& status, TableWriter writer,
               TableReader reader, WindowStatements statements, SourceProgress source,
               Progress kind, std::optional<LateRows> late)
      : context_(context),
        dataset_(dataset),
        status_(status),
        writer_(std::move(writer)),
        reader_(std::move(reader)),
        statements_(std::move(statements)),
        source_(std::move(source)),
        late_(std::move(late)),
        prefix_(source_.prefix()),
        kind_(std::move(kind)),
        ids_(delta_progress_ids(prefix_)),
        watermark_(dataset.plan.windowed->delay_us),
        files_(
            context.world.files, dataset.path,
            dataset.flow + prefix_.substr(progress_prefix(context, dataset, writer_.txns()).size()),
            prefix_) {}

  Result<FlowOutcome> step(bool upstream_done) override;
  bool done() const override { return finished_; }
  Result<std::optional<Version>> keep_healthy(bool busy) override;

 private:
  const sql::Windowed& plan() const { return *dataset_.plan.windowed; }

  Result<FlowOutcome> start();
  Result<void> restore(const Progress& stored);
  void restore_watermark(const Progress& stored, const std::string& of);
  Result<void> rebuild(Version version, std::optional<int64_t> oldest_start, bool replay);
  Result<void> replay_sessions(const Progress& stored, Version next);
  Result<void> consume(const VersionRows& rows, bool replay);
  Result<Batches> close();
  Result<void> keep_sessions(Progress& progress);
  Result<FlowOutcome> finish();
  Result<void> take_in(const VersionRows& rows, bool replay);
  Result<void> check_offset(const Batches& partials);
  Result<void> observe(const VersionRows& rows);
  Result<std::optional<EventTime>> newest_in(const BatchPtr& rows);
  Result<void> emit(FlowOutcome& out);
  Result<Batches> final_rows(const Batches& closed);
  Result<Version> commit(const Batches& rows);
  Progress progress() const;
  bool sessions() const { return plan().window_us == 0; }
  std::string state_id(const std::string& what) const { return prefix_ + "state" + what; }

  Context& context_;
  const Dataset& dataset_;
  FlowStatus& status_;
  TableWriter writer_;
  TableReader reader_;
  WindowStatements statements_;
  SourceProgress source_;
  std::optional<LateRows> late_;
  std::string prefix_;  // its app ids'
  Progress kind_;       // see window_kind()
  std::optional<int64_t> offset_us_;  // see window_offset()
  DeltaProgressIds ids_;
  Watermark watermark_;
  WindowState state_;
  WindowState::Merge merge_ = [this](const Batches& partials) -> Result<Batches> {
    auto merged = TRY(statements_.merge->run(partials));
    return std::move(merged.batches);
  };
  StateFiles files_;        // of sessions
  int64_t state_file_ = 0;  // the one that the last commit names; 0: none
  int64_t rows_since_ = 0;  // taken in since that one
  Version next_;
  bool started_ = false;
  bool finished_ = false;
};

Result<FlowOutcome> WindowedFlow::step(bool upstream_done) {
  if (!started_) return start();
  TRY(reader_.look());
  FlowOutcome out;
  for (int i = 0; i < kEmptyVersionsPerStep && next_ <= reader_.newest(); ++i) {
    auto rows = TRY(timed(status_.timings.consume_ns, [&] { return reader_.version(next_); }));
    ++next_;
    context_.hub.consumed(reader_.name(), dataset_.name, next_);
    if (rows->pieces.empty()) continue;
    out.worked = true;
    out.rows_in = rows->rows();
    status_.rows_in += out.rows_in;
    TRY(consume(*rows, false));
    TRY(emit(out));
    return out;
  }
  bool caught_up = next_ > reader_.newest();
  if (caught_up) writer_.stage().rests(dataset_.name);
  status_.lag_rows = caught_up ? std::optional<int64_t>(0) : std::nullopt;
  bool ended = context_.options.once && upstream_done && caught_up;
  if (ended && !finished_) return finish();
  return out;
}

Result<std::optional<Version>> WindowedFlow::keep_healthy(bool busy) {
  auto version = TRY(writer_.keep_healthy(busy));
  if (!version && late_) TRY(late_->keep_healthy(busy));
  return version;
}

Result<FlowOutcome> WindowedFlow::start() {
  Progress stored = writer_.txns();
  TRY(check_window_kind(dataset_, prefix_, kind_, stored));
  auto offset = stored.find(prefix_ + "offset_us");
  if (offset != stored.end()) offset_us_ = offset->second;
  auto version = stored.find(ids_.version);
  FlowOutcome out{.worked = true};
  if (version == stored.end()) {
    next_ = reader_.newest() + 1;
    delta::Transaction transaction;
    transaction.operation = "STREAMING UPDATE";
    transaction.txns = {{ids_.version, next_.value}, {ids_.file, 0}, {ids_.snapshot, 0}};
    transaction.txns.insert(kind_.begin(), kind_.end());
    source_.add_name(transaction.txns);
    out.version = TRY(writer_.commit(std::move(transaction)));
    context_.hub.announce(dataset_.table, *out.version);
  } else {
    next_ = Version(version->second);
    TRY(reader_.check_place(next_));
  }
  context_.hub.subscribe(reader_.name(), dataset_.name, next_);

  TRY(restore(stored));
  started_ = true;
  TRY(emit(out));
  return out;
}

Result<void> WindowedFlow::restore(const Progress& stored) {
  bool replay = stored.contains(ids_.version);
  if (sessions() && stored.contains(state_id(""))) return replay_sessions(stored, next_);
  restore_watermark(stored, "");
  std::optional<int64_t> oldest;
  if (auto found = stored.find(prefix_ + "window"); found != stored.end()) oldest = found->second;
  return rebuild(next_ - 1, oldest, replay);
}

// `of`: "" or what the names of a kept state's begin with.
void WindowedFlow::restore_watermark(const Progress& stored, const std::string& of) {
  std::optional<EventTime> at;
  if (auto found = stored.find(prefix_ + of + "watermark"); found != stored.end()) {
    at = EventTime(found->second);
  }
  std::map<Partition, EventTime> newest;
  std::string event_time = prefix_ + of + "event_time/";
  for (auto entry = stored.lower_bound(event_time);
       entry != stored.end() && entry->first.starts_with(event_time); ++entry) {
    int32_t number = std::atoi(entry->first.c_str() + event_time.size());
    newest[Partition(number)] = EventTime(entry->second);
  }
  watermark_.restore(at, std::move(newest));
}

// From the sessions that were kept, version by version as at first, to where the table has come.
Result<void> WindowedFlow::replay_sessions(const Progress& stored, Version next) {
  state_file_ = stored.at(state_id(""));
  auto kept = files_.read(state_file_);
  if (!kept && kept.error().code == Code::Unavailable) return kept.error();
  if (!kept) {
    return prefixed(fmt::format("the open sessions of {} cannot be read; rebuild the table with "
                                "--full-refresh {}",
                                dataset_.name, dataset_.table),
                    kept.error());
  }
  restore_watermark(stored, "state/");
  TRY(state_.add(*kept, EventTime::min()));
  for (Version at(stored.at(state_id("/version"))); at < next; ++at) {
    auto rows = TRY(timed(status_.timings.consume_ns, [&] { return reader_.version(at); }));
    if (rows->pieces.empty()) continue;
    TRY(consume(*rows, true));
    TRY(close());  // it is out
  }
  return {};
}

Result<void> WindowedFlow::consume(const VersionRows& rows, bool replay) {
  rows_since_ += rows.rows();
  TRY(take_in(rows, replay));
  TRY(observe(rows));
  watermark_.advance();
  return {};
}

// Puts the source's rows as of `version` into the state; late ones of a replay are those of windows
// already out.
Result<void> WindowedFlow::rebuild(Version version, std::optional<int64_t> oldest_start,
                                   bool replay) {
  auto snapshot = TRY(reader_.at(version));
  std::vector<delta::Condition> conditions;
  if (oldest_start && !plan().event_time_column.empty()) {
    // Statistics may be cut to milliseconds.
    std::string literal = format_wall_time(*oldest_start - kMicrosPerMilli);
    std::replace(literal.begin(), literal.end(), 'T', ' ');
    conditions.push_back({plan().event_time_column, delta::Condition::Op::GreaterEqual, literal});
  }
  bool restored = watermark_.value().has_value();
  for (const auto& file : TableReader::in_order(snapshot.files())) {
    if (!conditions.empty() && !delta::may_match(snapshot, file, conditions)) continue;
    auto rows =
        TRY(timed(status_.timings.consume_ns, [&] { return reader_.read(version, {file}); }));
    TRY(take_in(rows, replay));
    if (!replay) status_.rows_in += rows.rows();
    // With a stored watermark, what each partition had come to is stored too.
    if (!restored) TRY(observe(rows));
  }
  if (!restored) watermark_.advance();
  return {};
}

Result<FlowOutcome> WindowedFlow::finish() {
  finished_ = true;
  FlowOutcome out;
  watermark_.finish();
  TRY(emit(out));
  out.worked = out.version.has_value();
  return out;
}

Result<void> WindowedFlow::take_in(const VersionRows& rows, bool replay) {
  Batches input;
  for (const auto& piece : rows.pieces) {
    input.push_back(TRY(with_columns(piece.rows, dataset_.plan.inputs[0].columns)));
  }
  auto answer = timed(status_.timings.sql_ns, [&] { return statements_.partial->run(input); });
  if (!answer) {
    return prefixed(
        fmt::format("rows of version {} of table {}", rows.version.value, reader_.name()),
        answer.error());
  }
  TRY(check_offset(answer->batches));
  EventTime watermark = watermark_.value().value_or(EventTime::min());
  int64_t late =
      TRY(timed(status_.timings.state_ns, [&] { return state_.add(answer->batches, watermark); }));
  if (!replay) status_.rows_late += late;
  if (!replay && late > 0 && late_) {
    auto windows = TRY(timed(status_.timings.sql_ns, [&] { return statements_.late->run(input); }));
    TRY(late_->store(rows, windows.batches, watermark, ids_, status_.timings));
  }
  return timed(status_.timings.state_ns, [&]() -> Result<void> { return state_.shrink(merge_); });
}

// The query's windows have to be cut as those that are there.
Result<void> WindowedFlow::check_offset(const Batches& partials) {
  auto offset = window_offset(plan(), partials);
  if (!offset) return {};
  if (offset_us_ && *offset_us_ != *offset) return moved_windows(dataset_, *offset_us_, *offset);
  offset_us_ = offset;
  return {};
}

Result<void> WindowedFlow::observe(const VersionRows& rows) {
  for (const auto& piece : rows.pieces) {
    auto newest = TRY(newest_in(piece.rows));
    if (newest) watermark_.saw(piece.partition, *newest);
  }
  watermark_.partitions(rows.partitions, rows.idle, rows.tells_all);
  return {};
}

Result<std::optional<EventTime>> WindowedFlow::newest_in(const BatchPtr& rows) {
  if (plan().event_time_column.empty()) {
    BatchPtr input = TRY(with_columns(rows, dataset_.plan.inputs[0].columns));
    auto answer = TRY(statements_.watermark->run({input}));
    for (const auto& batch : answer.batches) {
      if (batch->num_rows() == 0) continue;
      auto value = number_at(*batch->column(0), 0);
      if (value) return std::optional(EventTime(*value));
    }
    return std::optional<EventTime>();
  }
  auto column = rows->GetColumnByName(plan().event_time_column);
  if (!column || column->type_id() != arrow::Type::TIMESTAMP) {
    return Error{Code::Invalid, fmt::format("event time {} is no timestamp column of table {}",
                                            plan().event_time_column, reader_.name())};
  }
  const auto& times = static_cast<const arrow::TimestampArray&>(*column);
  std::optional<EventTime> out;
  for (int64_t i = 0; i < times.length(); ++i) {
    if (times.IsNull(i)) continue;
    EventTime time(times.Value(i));
    if (!out || *out < time) out = time;
  }
  return out;
}

Result<void> WindowedFlow::emit(FlowOutcome& out) {
  status_.watermark = watermark_.value();
  if (!watermark_.value()) return {};
  auto closed = TRY(timed(status_.timings.state_ns, [&] { return close(); }));
  if (closed.empty()) return {};
  Batches rows = TRY(final_rows(closed));
  if (row_count(rows) == 0) return {};
  out.version = TRY(commit(rows));
  out.rows_out = row_count(rows);
  status_.rows_out += out.rows_out;
  status_.commits += 1;
  status_.version = out.version;
  status_.last_commit_us = context_.world.clock.now_us();
  return {};
}

// A row's own session may have ended in one that goes on.
Result<Batches> WindowedFlow::close() {
  EventTime watermark = watermark_.value().value_or(EventTime::min());
  if (sessions() && state_.first_end() <= watermark) TRY(state_.merge(merge_));
  return state_.close(watermark);
}

Result<Batches> WindowedFlow::final_rows(const Batches& closed) {
  auto merged =
      TRY(timed(status_.timings.state_ns, [&] { return statements_.merge->run(closed); }));
  auto finished = TRY(
      timed(status_.timings.sql_ns, [&] { return statements_.finish(dataset_, merged.batches); }));
  add_counts(status_.expectations, finished.counts);
  status_.rows_dropped += finished.dropped;
  return std::move(finished.rows);
}

Progress WindowedFlow::progress() const {
  Progress out{{ids_.version, next_.value}, {ids_.file, 0}, {ids_.snapshot, 0}};
  int64_t watermark = watermark_.value()->value;
  out[prefix_ + "watermark"] = watermark;
  if (offset_us_) out[prefix_ + "offset_us"] = *offset_us_;
  out.insert(kind_.begin(), kind_.end());
  for (const auto& [partition, newest] : watermark_.newest()) {
    out[fmt::format("{}event_time/{}", prefix_, partition.value)] = newest.value;
  }
  if (sessions()) return out;
  // Windows that later rows may open start after the watermark's own window began.
  int64_t oldest = watermark - plan().window_us;
  if (state_.first_end() != EventTime::max()) {
    oldest = std::max(oldest, state_.first_end().value - plan().window_us);
  }
  out[prefix_ + "window"] = oldest;
  return out;
}

// Where that is due, writes the open sessions to a file, which the commit with this progress names.
// The end of a run moves the watermark without a version that would tell a replay.
Result<void> WindowedFlow::keep_sessions(Progress& progress) {
  bool due =
      state_file_ == 0 || finished_ || rows_since_ >= std::max(kReplayedRowsMax, state_.rows());
  if (!due) return {};
  TRY(files_.write(state_file_ + 1, state_.batches(), plan().partial_schema));
  progress[state_id("")] = state_file_ + 1;
  progress[state_id("/version")] = next_.value;
  for (const auto& name : {std::string("watermark"), std::string("event_time/")}) {
    std::string start = prefix_ + name;
    for (auto entry = progress.lower_bound(start);
         entry != progress.end() && entry->first.starts_with(start); ++entry) {
      progress[state_id("/") + entry->first.substr(prefix_.size())] = entry->second;
    }
  }
  return {};
}

Result<Version> WindowedFlow::commit(const Batches& rows) {
  delta::Transaction transaction;
  transaction.operation = "STREAMING UPDATE";
  transaction.parameters = {{"outputMode", "Append"}, {"flow", dataset_.flow}};
  transaction.txns = progress();
  if (sessions()) TRY(keep_sessions(transaction.txns));
  bool kept = transaction.txns.contains(state_id(""));
  Version version = TRY(writer_.append(pieces_of(rows), {.all = {Partition(0)}},
                                       std::move(transaction), status_.timings));
  if (!kept) return version;
  state_file_ += 1;
  rows_since_ = 0;
  TRY(files_.keep_only(state_file_));
  return version;
}

}  // namespace

Result<std::unique_ptr<Flow>> open_windowed(Context& context, const Dataset& dataset,
                                            FlowStatus& status) {
  const auto& plan = dataset.plan;
  CHECK(plan.inputs.size() == 1, "rows that windows are over are joined in a table below");
  const auto& input = plan.inputs[0];
  auto writer = TRY(TableWriter::open(context, dataset.path, dataset.table, dataset.name));
  context.hub.announce(dataset.table, writer.snapshot().version());
  TableReader::Source source = streamed(context, input);
  if (dataset.late) source.columns.clear();
  const std::string& time = plan.windowed->event_time_column;
  bool known =
      std::find(source.columns.begin(), source.columns.end(), time) != source.columns.end();
  if (!source.columns.empty() && !time.empty() && !known) source.columns.push_back(time);
  auto reader = TRY(TableReader::open(context.world.files, context.hub, std::move(source)));
  Progress stored = writer.txns();
  auto progress = TRY(SourceProgress::open(progress_place(context, dataset, stored), stored,
                                           reader.id(), "table " + input.table));
  auto statements = TRY(prepare_window(context, dataset));
  Progress kind = TRY(window_kind(context, dataset, progress.prefix()));
  std::optional<LateRows> late;
  if (dataset.late) late = TRY(LateRows::open(context, dataset));
  status.version = writer.snapshot().version();
  return std::unique_ptr<Flow>(new WindowedFlow(context, dataset, status, std::move(writer),
                                                std::move(reader), std::move(statements),
                                                std::move(progress), std::move(kind),
                                                std::move(late)));
}

}  // namespace ticklake::engine
