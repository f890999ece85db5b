// Invariant: while based_, state_ holds the partial rows of exactly the records before the reader's
// positions whose windows the target has not closed: the base holds all of them up to its offsets,
// and each record after those goes in once.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/time.h"
#include "engine/engine.h"
#include "preview_base.h"
#include "rows.h"
#include "stateless_rows.h"
#include "table_reader.h"
#include "window_state.h"
#include "window_statements.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kLookEveryUs = 100'000;    // at the target's log
constexpr int64_t kRangesEveryUs = 500'000;  // at the topic's
constexpr int64_t kRetryAfterUs = 1'000'000;  // and twice as long each time,
constexpr int64_t kRetryAfterMaxUs = 16'000'000;
constexpr int64_t kRowsPerStepMax = 20'000;
constexpr int64_t kBytesPerStepMax = 16 << 20;
constexpr int64_t kGapRowsMax = 500'000;     // further behind, the tables are awaited
constexpr int64_t kBaseRowsMax = 5'000'000;  // of open windows, read at a start
constexpr int64_t kOpenRowsMax = 1'000'000;  // partial rows kept
constexpr int64_t kVersionsPerLookMax = 64;
constexpr int64_t kSqlBytesMax = int64_t{256} << 20;

class PreviewImpl final : public Preview {
 public:
  PreviewImpl(std::unique_ptr<Context> context, const Dataset& target, std::optional<Chain> chain,
              std::string unsupported)
      : context_(std::move(context)),
        target_(target),
        chain_(std::move(chain)),
        waiting_(std::move(unsupported)) {}

  Result<void> prepare();
  PreviewUpdate step() override;
  void stop() override { stopping_ = true; }

 private:
  int64_t now_us() const { return context_->world.clock.now_us(); }
  void lose(const std::string& reason);
  void advance(PreviewUpdate& update);
  Result<void> look(PreviewUpdate& update);
  Result<void> take_versions(const delta::Snapshot& newest, PreviewUpdate& update);
  Result<void> close_windows();
  Result<void> start();
  Result<void> read_base(const Base& base);
  Result<void> go_on() const;
  Result<void> look_at_ranges();
  Result<void> follow(PreviewUpdate& update);
  Result<void> take(std::vector<FeedPiece> pieces);
  Result<void> add(const Batches& rows);
  Result<Batches> open_rows();

  std::unique_ptr<Context> context_;
  const Dataset& target_;
  std::optional<Chain> chain_;
  std::vector<StatelessRows> stages_;
  WindowStatements statements_;
  const WindowState::Merge merge_ = [this](const Batches& rows) -> Result<Batches> {
    auto merged = TRY(statements_.merge->run(rows));
    return std::move(merged.batches);
  };
  std::optional<delta::Snapshot> seen_;  // of the target
  std::string input_id_;                 // of the last stage's table
  WindowState state_;
  EventTime watermark_ = EventTime::min();
  std::shared_ptr<broker::Topics> topics_;
  std::unique_ptr<broker::Reader> reader_;
  std::map<Partition, Offset> next_;
  bool based_ = false;
  bool changed_ = false;
  std::string waiting_;
  std::atomic<bool> stopping_ = false;
  int64_t look_us_ = INT64_MIN;
  int64_t start_us_ = INT64_MIN;
  int64_t retry_us_ = kRetryAfterUs;
  int64_t ranges_us_ = INT64_MIN;
};

Result<void> PreviewImpl::prepare() {
  if (!chain_) return {};
  for (const Dataset* stage : chain_->stages) {
    Settings settings =
        TRY(settings_of(context_->project.configuration, stage->statement.properties));
    stages_.push_back(TRY(StatelessRows::open(*context_, *stage, settings)));
  }
  statements_ = TRY(prepare_window(*context_, target_));
  waiting_ = "starting";
  return {};
}

// What throws, memory that is out above all, may have left anything half done: all is begun anew.
PreviewUpdate PreviewImpl::step() {
  PreviewUpdate update;
  try {
    advance(update);
  } catch (const std::exception& error) {
    lose(fmt::format("the preview begins anew, after: {}", error.what()));
    seen_.reset();
    update = {};
  }
  update.waiting = waiting_;
  return update;
}

void PreviewImpl::advance(PreviewUpdate& update) {
  if (now_us() >= look_us_) {
    look_us_ = now_us() + kLookEveryUs;
    auto looked = look(update);
    if (!looked && looked.error().code != Code::NotFound) lose(looked.error().message);
  }
  if (chain_ && !based_ && now_us() >= start_us_) {
    int64_t began_us = now_us();
    auto started = start();
    if (!started) lose(started.error().message);
    // What takes long to fail leaves the cores to others for as long.
    start_us_ = now_us() + std::max(retry_us_, now_us() - began_us);
    retry_us_ = started ? kRetryAfterUs : std::min(2 * retry_us_, kRetryAfterMaxUs);
  }
  if (based_) {
    auto followed = follow(update);
    if (!followed) lose(followed.error().message);
  }
  if (based_ && changed_) {
    auto open = open_rows();
    if (!open) {
      lose(open.error().message);
    } else {
      update.open = *std::move(open);
      changed_ = false;
    }
  }
}

void PreviewImpl::lose(const std::string& reason) {
  if (!chain_) return;
  waiting_ = reason;
  based_ = false;
  changed_ = false;
  reader_.reset();
  state_ = WindowState();
}

// ---- what the target says

Result<void> PreviewImpl::look(PreviewUpdate& update) {
  if (!seen_) {
    seen_ = TRY(delta::open(context_->world.files, target_.path));
    update.restarted = true;
    return {};
  }
  auto newest = TRY(delta::refresh(context_->world.files, *seen_));
  if (newest.version() == seen_->version()) return {};
  bool anew = newest.metadata().id != seen_->metadata().id ||
              newest.version().value - seen_->version().value > kVersionsPerLookMax;
  auto taken = anew ? Result<void>() : take_versions(newest, update);
  // What is no longer in the log is in the table all the same.
  bool cleaned = !taken && taken.error().code == Code::NotFound;
  if (!taken && !cleaned) return taken;
  update.restarted = update.restarted || anew || cleaned;
  seen_ = std::move(newest);
  return based_ ? close_windows() : Result<void>();
}

Result<void> PreviewImpl::take_versions(const delta::Snapshot& newest, PreviewUpdate& update) {
  auto commits = TRY(
      delta::commits(context_->world.files, target_.path, seen_->version() + 1, newest.version()));
  for (const auto& commit : commits) {
    for (const auto& removed : commit.removes) {
      if (removed.data_change) update.restarted = true;
    }
    for (const auto& file : commit.adds) {
      if (!file.data_change || update.restarted) continue;
      TRY(go_on());
      auto reader = TRY(delta::read(context_->world.files, newest, file));
      for (BatchPtr batch;;) {
        TRY_STATUS(reader->ReadNext(&batch));
        if (!batch) break;
        update.closed.push_back(batch);
      }
    }
  }
  return {};
}

Result<void> PreviewImpl::close_windows() {
  auto stored = stored_watermark(*context_, target_, seen_->txns(), input_id_);
  if (!stored || *stored <= watermark_) return {};
  watermark_ = *stored;
  auto closed = TRY(state_.close(watermark_));
  changed_ = changed_ || !closed.empty();
  return {};
}

// ---- from the tables on

Result<void> PreviewImpl::start() {
  if (!topics_) topics_ = TRY(context_->topics(chain_->kafka.bootstrap, chain_->kafka.config));
  Base base = TRY(find_base(*context_, *chain_, *topics_));
  if (base.gap_rows > kGapRowsMax) {
    return Error{Code::Unavailable, fmt::format("catching up: the tables are {} records behind "
                                                "topic {}",
                                                base.gap_rows, chain_->kafka.topic)};
  }
  state_ = WindowState();
  watermark_ = base.watermark.value_or(EventTime::min());
  input_id_ = base.rows.metadata().id;
  TRY(read_base(base));
  reader_ = TRY(topics_->read(chain_->kafka.topic, base.next));
  next_ = std::move(base.next);
  based_ = true;
  changed_ = true;
  waiting_.clear();
  // The target may have closed windows meanwhile, or tell of some that `seen_` does not have.
  return seen_ ? close_windows() : Result<void>();
}

Result<void> PreviewImpl::read_base(const Base& base) {
  const auto& window = *target_.plan.windowed;
  std::vector<delta::Condition> conditions;
  if (base.oldest_us && !window.event_time_column.empty()) {
    // Statistics may be cut to milliseconds.
    std::string literal = format_wall_time(*base.oldest_us - kMicrosPerMilli);
    std::replace(literal.begin(), literal.end(), 'T', ' ');
    conditions.push_back(
        {window.event_time_column, delta::Condition::Op::GreaterEqual, std::move(literal)});
  }
  int64_t rows = 0;
  std::vector<delta::AddFile> files;
  // first() and last() go by the order in which rows were written.
  for (auto& file : TableReader::in_order(base.rows.files())) {
    if (!delta::may_match(base.rows, file, conditions)) continue;
    rows += file.records().value_or(0);
    files.push_back(std::move(file));
  }
  if (rows > kBaseRowsMax) {
    return Error{Code::Unavailable, fmt::format("more than {} rows of {} are in open windows",
                                                kBaseRowsMax, chain_->stages.back()->name)};
  }
  for (const auto& file : files) {
    TRY(go_on());
    auto reader =
        TRY(delta::read(context_->world.files, base.rows, file, target_.plan.inputs[0].columns));
    for (BatchPtr batch;;) {
      TRY_STATUS(reader->ReadNext(&batch));
      if (!batch) break;
      TRY(add({batch}));
    }
  }
  return {};
}

Result<void> PreviewImpl::go_on() const {
  if (!stopping_) return {};
  return Error{Code::Unavailable, "the preview is stopped"};
}

// New partitions are picked up; being far behind is an error.
Result<void> PreviewImpl::look_at_ranges() {
  auto ranges = TRY(reader_->ranges());
  int64_t behind = 0;
  for (size_t i = 0; i < ranges.size(); ++i) {
    Partition partition(static_cast<int32_t>(i));
    if (!next_.contains(partition)) {
      TRY(reader_->seek(partition, ranges[i].begin));
      next_[partition] = ranges[i].begin;
    }
    behind += std::max<int64_t>(0, ranges[i].end - next_[partition]);
  }
  if (behind <= 2 * kGapRowsMax) return {};
  return Error{Code::Unavailable,
               fmt::format("{} records behind topic {}", behind, chain_->kafka.topic)};
}

Result<void> PreviewImpl::follow(PreviewUpdate& update) {
  if (now_us() >= ranges_us_) {
    ranges_us_ = now_us() + kRangesEveryUs;
    TRY(look_at_ranges());
  }
  broker::PollLimits limits{.rows_max = kRowsPerStepMax, .bytes_max = kBytesPerStepMax};
  auto chunks = TRY(reader_->poll(limits));
  std::vector<FeedPiece> pieces;
  for (auto& chunk : chunks) {
    next_[chunk.partition] = chunk.next;
    if (!chunk.rows || chunk.rows->num_rows() == 0) continue;
    update.rows_in += chunk.rows->num_rows();
    pieces.push_back({.partition = chunk.partition, .rows = std::move(chunk.rows)});
  }
  return pieces.empty() ? Result<void>() : take(std::move(pieces));
}

Result<void> PreviewImpl::take(std::vector<FeedPiece> pieces) {
  for (auto& stage : stages_) {
    RowPlaces places(pieces);
    Made made = TRY(stage.make(pieces, places));
    if (made.fatal) return Error{Code::Invalid, made.fatal->reason};
    std::vector<FeedPiece> out;
    for (auto& piece : made.pieces) out.push_back({piece.partition, std::move(piece.rows)});
    pieces = std::move(out);
    if (pieces.empty()) return {};
  }
  Batches rows;
  for (const auto& piece : pieces) {
    rows.push_back(TRY(with_columns(piece.rows, target_.plan.inputs[0].columns)));
  }
  return add(rows);
}

Result<void> PreviewImpl::add(const Batches& rows) {
  auto partials = TRY(statements_.partial->run(rows));
  TRY(state_.add(partials.batches, watermark_));
  changed_ = true;
  TRY(state_.shrink(merge_));
  if (state_.rows() <= kOpenRowsMax) return {};
  return Error{Code::Unavailable, fmt::format("{} has more than {} partial rows in open windows",
                                              target_.name, kOpenRowsMax)};
}

Result<Batches> PreviewImpl::open_rows() {
  if (state_.rows() == 0) return Batches();
  TRY(state_.merge(merge_));
  auto finished = TRY(statements_.finish(target_, state_.batches()));
  return std::move(finished.rows);
}

}  // namespace

Result<std::unique_ptr<Preview>> Preview::open(Project project, World world,
                                               const std::string& table) {
  Graph graph = TRY(build_graph(project, world.clock.now_us()));
  auto database = TRY(query::Database::open({.threads = 1, .memory_bytes_max = kSqlBytesMax}));
  std::unique_ptr<Context> context(new Context{.world = std::move(world),
                                               .project = std::move(project),
                                               .graph = std::move(graph),
                                               .options = {},
                                               .hub = Hub(0),
                                               .database = std::move(database)});
  const Dataset* target = nullptr;
  for (const auto& dataset : context->graph.datasets) {
    if (dataset.table == table) target = &dataset;
  }
  if (target == nullptr) {
    return Error{Code::NotFound, fmt::format("the project makes no table {}", table)};
  }
  auto chain = find_chain(context->graph, *target);
  std::optional<Chain> found;
  if (chain) found = *chain;
  auto preview = std::make_unique<PreviewImpl>(std::move(context), *target, std::move(found),
                                               chain ? "" : chain.error().message);
  TRY(preview->prepare());
  return std::unique_ptr<Preview>(std::move(preview));
}

}  // namespace ticklake::engine
