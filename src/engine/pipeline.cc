// Runs the flows in an order that drains before it fills: of the flows that no other call is in,
// the one furthest from the sources goes first, so what one flow hands on in memory is taken before
// the next batch is made. Side by side a flow may run ahead of those that read it, within limits.h.
//
//   closed --open--> running --Conflict, Unavailable--> retrying --time--> closed
//                       |--any other error--> failed: what reads it takes what is there, and the
//                                             run ends with the error when no other flow goes on
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "engine/engine.h"
#include "expectations.h"
#include "flow.h"
#include "graph_flows.h"
#include "health.h"
#include "lease.h"
#include "limits.h"
#include "tables.h"

namespace ticklake::engine {
namespace {

constexpr int kRetriesMax = 8;  // in a row, of one flow, where retries are counted
constexpr int64_t kFirstPauseUs = 100'000;
constexpr int64_t kPauseMaxUs = 10'000'000;
constexpr int64_t kRecoveredUs = 60'000'000;  // good for so long: its failures are forgotten
constexpr int64_t kIdleWaitUs = 10'000;
constexpr int kQuietStepsMax = 64;
constexpr int64_t kQuietRowsMax = 100'000;

// Invariant: `flow`, `status` and `opened` belong to the call that made the slot busy; all else is
// read and changed under the pipeline's mutex.
struct Slot {
  const Dataset* dataset;
  std::vector<size_t> upstream;  // slots it reads from
  std::vector<size_t> joined;    // those of them that its stream is joined with
  std::vector<size_t> siblings;  // slots of the same table
  FlowStatus status;
  std::unique_ptr<Flow> flow = nullptr;  // none: to be opened
  bool opened = false;                   // it was, once: the world is there, what fails may pass
  FlowStatus shown = {};                 // the status as the last step left it
  bool busy = false;                     // a call is in it
  int failures = 0;                      // in a row
  int64_t retry_us = 0;
  bool done = false;
  // The count of works before its last step, where that step did nothing and waits for nothing but
  // new input.
  std::optional<int64_t> quiet_at = {};

  bool failed() const { return shown.state == FlowStatus::State::Failed; }
};

class PipelineImpl final : public Pipeline {
 public:
  PipelineImpl(std::unique_ptr<Lease> lease, std::unique_ptr<Context> context)
      : lease_(std::move(lease)), context_(std::move(context)) {
    for (const auto& dataset : context_->graph.datasets) add_slot(dataset);
    for (size_t i = slots_.size(); i-- > 0;) turns_.push_back(i);
  }

  Result<StepReport> step() override;
  std::vector<FlowStatus> status() const override;
  const Project& project() const override { return context_->project; }
  const Graph& graph() const override { return context_->graph; }

 private:
  // What one call of step() has come to.
  struct Walk {
    int64_t wait_us;
    StepReport sum = {};  // of steps that stored nothing
    int steps = 0;
  };

  void add_slot(const Dataset& dataset);
  bool upstream_done(const Slot& slot) const;
  // What it reads from has nothing at hand, and neither has what that reads from.
  bool upstream_quiet(const Slot& slot) const;
  // Something that it reads from has failed, directly or further up.
  bool orphaned(const Slot& slot) const;
  // With --once: rows wait until what they are joined with is complete.
  bool held(const Slot& slot) const;
  // Nothing more can come of any flow.
  bool stuck() const;
  // A call may go into it: it has not ended, none is in a flow of its table, and those who read
  // that keep up.
  bool may_go(const Slot& slot) const;
  Result<void> open(Slot& slot);
  // The part of a step that is done without the mutex.
  Result<FlowOutcome> try_step(Slot& slot, bool upstream_done);
  // Nothing where the flow did nothing.
  std::optional<StepReport> step_slot(Slot& slot, std::unique_lock<std::mutex>& lock,
                                      int64_t& wait_us);
  std::optional<StepReport> settled(Slot& slot, const FlowOutcome& outcome, int64_t works_before,
                                    int64_t& wait_us);
  std::optional<StepReport> failed(Slot& slot, Error error);
  // The flow goes behind the others of its table, so that none of them waits for ever.
  void end_turn(size_t index);
  // True: the walk has something to report.
  bool visit(Slot& slot, std::unique_lock<std::mutex>& lock, Walk& walk, bool& changed);

  std::unique_ptr<Lease> lease_;
  std::unique_ptr<Context> context_;
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<size_t> turns_;  // slots in the order in which they are asked
  int64_t works_ = 0;           // steps that worked
  std::optional<Error> error_;  // the first that no retry could help
};

void PipelineImpl::add_slot(const Dataset& dataset) {
  Slot slot{.dataset = &dataset, .upstream = {}, .joined = {}, .siblings = {}, .status = {}};
  slot.status.name = dataset.name;
  slot.status.table = dataset.table;
  bool streaming = dataset.plan.streaming || dataset.statement.once;
  slot.status.kind = streaming ? Table::Kind::StreamingTable : Table::Kind::MaterializedView;
  slot.status.expectations = no_counts(dataset.statement.expectations);
  for (size_t i = 0; i < slots_.size(); ++i) {
    const auto& other = *slots_[i].dataset;
    auto makes = [&](const std::string& input) {
      return other.table == input || other.quarantine == input || other.late == input;
    };
    for (const auto& input : dataset.inputs) {
      if (makes(input)) slot.upstream.push_back(i);
    }
    for (const auto& input : dataset.plan.inputs) {
      bool is_joined = dataset.plan.streaming && !input.streaming;
      if (is_joined && makes(input.table)) slot.joined.push_back(i);
    }
    if (slots_[i].dataset->table != dataset.table) continue;
    slot.siblings.push_back(i);
    slots_[i].siblings.push_back(slots_.size());
  }
  slot.shown = slot.status;
  slots_.push_back(std::move(slot));
}

bool PipelineImpl::upstream_done(const Slot& slot) const {
  return context_->options.once && std::all_of(slot.upstream.begin(), slot.upstream.end(),
                                               [&](size_t index) { return slots_[index].done; });
}

bool PipelineImpl::upstream_quiet(const Slot& slot) const {
  return std::all_of(slot.upstream.begin(), slot.upstream.end(), [&](size_t index) {
    const auto& other = slots_[index];
    return other.done || (!other.busy && other.quiet_at && upstream_quiet(other));
  });
}

bool PipelineImpl::orphaned(const Slot& slot) const {
  return std::any_of(slot.upstream.begin(), slot.upstream.end(), [&](size_t index) {
    return slots_[index].failed() || orphaned(slots_[index]);
  });
}

bool PipelineImpl::held(const Slot& slot) const {
  return context_->options.once && std::any_of(slot.joined.begin(), slot.joined.end(),
                                               [&](size_t index) { return !slots_[index].done; });
}

bool PipelineImpl::stuck() const {
  return error_ && std::all_of(slots_.begin(), slots_.end(), [&](const auto& slot) {
           bool quiet = (!slot.busy && slot.quiet_at == works_) || held(slot);
           return slot.done || slot.failed() || (quiet && orphaned(slot));
         });
}

bool PipelineImpl::may_go(const Slot& slot) const {
  bool alone = std::none_of(slot.siblings.begin(), slot.siblings.end(),
                            [&](size_t index) { return slots_[index].busy; });
  return !slot.done && !slot.failed() && !slot.busy && alone && !held(slot) &&
         context_->hub.backlog(slot.dataset->table) < kAheadBytesMax;
}

Result<void> PipelineImpl::open(Slot& slot) {
  const auto& dataset = *slot.dataset;
  if (dataset.statement.once) {
    slot.flow = TRY(open_insert_once(*context_, dataset, slot.status));
  } else if (slot.status.kind == Table::Kind::MaterializedView) {
    slot.flow = TRY(open_view(*context_, dataset, slot.status));
  } else if (dataset.changes) {
    slot.flow = TRY(open_changes(*context_, dataset, slot.status));
  } else if (dataset.plan.windowed) {
    slot.flow = TRY(open_windowed(*context_, dataset, slot.status));
  } else {
    slot.flow = TRY(open_stateless(*context_, dataset, slot.status));
  }
  slot.flow = kept_healthy(std::move(slot.flow), context_->world.clock, slot.status);
  slot.status.state = FlowStatus::State::Running;
  slot.opened = true;
  return {};
}

Result<FlowOutcome> PipelineImpl::try_step(Slot& slot, bool upstream_done) {
  auto outcome = [&]() -> Result<FlowOutcome> {
    if (!slot.flow) TRY(open(slot));
    return slot.flow->step(upstream_done);
  }();
  if (!outcome) {
    slot.flow.reset();
    context_->hub.leave(slot.dataset->name);
  }
  return outcome;
}

// Nothing where the run is about to end with this error anyway.
std::optional<StepReport> PipelineImpl::failed(Slot& slot, Error error) {
  slot.status.problem = error.message;
  bool may_pass = error.code == Code::Conflict || error.code == Code::Unavailable;
  // Somebody waits for the end of a run with --once; one that goes on outlasts any outage.
  bool is_patient = error.code == Code::Unavailable && !context_->options.once;
  slot.failures += 1;
  bool again = may_pass && (is_patient || (slot.opened && slot.failures <= kRetriesMax));
  if (!again) {
    slot.status.state = FlowStatus::State::Failed;
    slot.shown = slot.status;
    StepReport report{
        .kind = StepReport::Kind::Worked,
        .flow = slot.status.name,
        .problem = error.message + "; it and what reads it stop, the other flows go on"};
    if (!error_) error_ = prefixed("flow " + slot.status.name, std::move(error));
    if (stuck()) return {};
    return report;
  }
  int64_t pause = std::min(kPauseMaxUs, kFirstPauseUs << std::min(slot.failures - 1, kRetriesMax));
  slot.retry_us = context_->world.clock.now_us() + pause;
  slot.status.state = FlowStatus::State::Retrying;
  slot.status.retries += 1;
  slot.status.problem = fmt::format("{}; trying again in {} ms", error.message, pause / 1000);
  slot.shown = slot.status;
  return StepReport{.kind = StepReport::Kind::Worked,
                    .flow = slot.status.name,
                    .problem = slot.status.problem};
}

std::optional<StepReport> PipelineImpl::step_slot(Slot& slot, std::unique_lock<std::mutex>& lock,
                                                  int64_t& wait_us) {
  int64_t pause = slot.flow ? 0 : slot.retry_us - context_->world.clock.now_us();
  if (pause > 0) {
    wait_us = std::min(wait_us, pause);
    return {};
  }
  bool once_only = slot.dataset->statement.once && !context_->options.once;
  bool no_more_input = once_only ? upstream_quiet(slot) : upstream_done(slot);
  int64_t works_before = works_;
  slot.busy = true;
  lock.unlock();
  auto outcome = try_step(slot, no_more_input);
  lock.lock();
  slot.busy = false;
  slot.quiet_at.reset();
  if (!outcome) return failed(slot, outcome.error());
  return settled(slot, *outcome, works_before, wait_us);
}

std::optional<StepReport> PipelineImpl::settled(Slot& slot, const FlowOutcome& outcome,
                                                int64_t works_before, int64_t& wait_us) {
  if (slot.flow->done()) {
    slot.done = true;
    slot.status.state = FlowStatus::State::Done;
    context_->hub.leave(slot.dataset->name);
  }
  // Work without a commit is no cure: a windowed flow rebuilds its windows after each failure.
  bool recovered = context_->world.clock.now_us() - slot.retry_us >= kRecoveredUs;
  if (recovered || outcome.version) slot.failures = 0;
  if (outcome.worked) {
    works_ += 1;
    slot.status.problem.clear();
    slot.shown = slot.status;
    return std::optional(StepReport{.kind = StepReport::Kind::Worked,
                                    .flow = slot.status.name,
                                    .rows_in = outcome.rows_in,
                                    .rows_out = outcome.rows_out,
                                    .version = outcome.version});
  }
  if (outcome.wait_us == INT64_MAX) slot.quiet_at = works_before;
  wait_us = std::min(wait_us, outcome.wait_us);
  slot.shown = slot.status;
  return {};
}

bool PipelineImpl::visit(Slot& slot, std::unique_lock<std::mutex>& lock, Walk& walk,
                         bool& changed) {
  auto report = step_slot(slot, lock, walk.wait_us);
  changed = changed || slot.done || report;
  if (!report) return false;
  report->rows_in += walk.sum.rows_in;
  walk.sum = *std::move(report);
  bool enough = ++walk.steps >= kQuietStepsMax || walk.sum.rows_in >= kQuietRowsMax;
  return walk.sum.version || !walk.sum.problem.empty() || enough;
}

void PipelineImpl::end_turn(size_t index) {
  auto first = std::find(turns_.begin(), turns_.end(), index);
  auto behind = first + 1;
  while (behind != turns_.end() && slots_[*behind].dataset->table == slots_[index].dataset->table) {
    ++behind;
  }
  std::rotate(first, first + 1, behind);
}

// Work that stores nothing (windows that stay open) goes on to the next commit, within limits: so
// whoever stops the pipeline after each step that worked still gets on.
Result<StepReport> PipelineImpl::step() {
  std::unique_lock lock(mutex_);
  Walk walk{.wait_us = kIdleWaitUs};
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < turns_.size(); ++i) {
      size_t index = turns_[i];
      Slot& slot = slots_[index];
      if (!may_go(slot)) continue;
      bool enough = visit(slot, lock, walk, changed);
      if (walk.sum.flow == slot.status.name && !slot.siblings.empty()) end_turn(index);
      if (enough) return walk.sum;
    }
  }
  if (stuck()) return *error_;
  bool finished = context_->options.once &&
                  std::all_of(slots_.begin(), slots_.end(), [](auto& slot) { return slot.done; });
  walk.sum.kind = finished ? StepReport::Kind::Finished : StepReport::Kind::Idle;
  walk.sum.wait_us = walk.wait_us;
  return walk.sum;
}

std::vector<FlowStatus> PipelineImpl::status() const {
  std::scoped_lock lock(mutex_);
  std::vector<FlowStatus> out;
  for (const auto& slot : slots_) out.push_back(slot.shown);
  return out;
}

}  // namespace

Result<std::shared_ptr<broker::Topics>> Context::topics(
    const std::string& bootstrap, const std::map<std::string, std::string>& config) {
  std::string key = bootstrap;
  for (const auto& [name, value] : config) key += "\n" + name + "=" + value;
  std::scoped_lock lock(brokers_mutex);
  auto found = brokers.find(key);
  if (found != brokers.end()) return found->second;
  std::shared_ptr<broker::Topics> opened;
  if (world.topics) {
    opened = TRY(world.topics(bootstrap, config));
  } else {
    opened = TRY(broker::open(bootstrap, project.topics, config, world.clock));
  }
  brokers[key] = opened;
  return opened;
}

std::shared_ptr<TableStage> Context::stage(const std::string& table) {
  std::scoped_lock lock(stages_mutex);
  auto found = stages.find(table);
  return found == stages.end() ? nullptr : found->second;
}

void Context::keep_stage(const std::string& table, std::shared_ptr<TableStage> stage) {
  std::scoped_lock lock(stages_mutex);
  stages[table] = std::move(stage);
}

Result<sql::Plan> Context::plan_at(const Dataset& dataset, int64_t now_us) const {
  sql::AnalyzeOptions at{.file = dataset.statement.file, .now_us = now_us};
  sql::Catalog catalog = graph.catalog(project);
  // Of a table outside the project why it cannot be read, which may pass.
  std::optional<Error> away;
  catalog.find = [&, find = catalog.find](const auto& name) -> std::optional<sql::Relation> {
    if (!is_delta_path(name) || !project.delta_columns) return find(name);
    std::string table = project.canonical(name);
    auto columns = project.delta_columns(project.table_path(table));
    if (columns) return sql::Relation{table, *std::move(columns), nullptr};
    away = prefixed("table " + table, columns.error());
    return {};
  };
  auto analyzed = sql::analyze(dataset.statement, catalog, at);
  if (!analyzed && away) return *away;
  auto plan = TRY(std::move(analyzed));
  auto parts = parted(plan, dataset.plan.inputs[0].table);
  if (!parts) return plan;
  return dataset.plan.windowed ? std::move(parts->windows) : std::move(parts->rows);
}

Result<sql::Plan> Context::plan_now(const Dataset& dataset) const {
  return plan_at(dataset, world.clock.now_us());
}

Result<bool> Context::tells_time(const Dataset& dataset) const {
  auto plan = plan_at(dataset, 0);
  if (!plan && plan.error().code == Code::Unavailable) return plan.error();
  if (!plan || plan->inputs.size() != dataset.plan.inputs.size()) return false;
  bool differs = plan->duckdb_sql != dataset.plan.duckdb_sql;
  for (size_t i = 0; i < plan->inputs.size(); ++i) {
    differs = differs || plan->inputs[i].query != dataset.plan.inputs[i].query;
  }
  return differs;
}

std::string_view to_string(FlowStatus::State state) {
  switch (state) {
    case FlowStatus::State::Waiting: return "waiting";
    case FlowStatus::State::Running: return "running";
    case FlowStatus::State::Retrying: return "retrying";
    case FlowStatus::State::Done: return "done";
    case FlowStatus::State::Failed: return "failed";
  }
  CHECK(false, "no such state");
}

Result<std::unique_ptr<Context>> open_context(Project project, World world, RunOptions options) {
  Graph graph = TRY(build_graph(project, world.clock.now_us()));
  query::Options database_options{.threads = options.sql_threads,
                                  .memory_bytes_max = options.sql_memory_bytes_max,
                                  .spill_directory = io::join(project.storage, "spill")};
  auto database = TRY(query::Database::open(database_options));
  std::unique_ptr<Context> context(new Context{.world = std::move(world),
                                               .project = std::move(project),
                                               .graph = std::move(graph),
                                               .options = std::move(options),
                                               .hub = Hub(kHubBytesMax),
                                               .database = std::move(database)});
  TRY(prepare_tables(*context));
  return context;
}

Result<std::unique_ptr<Pipeline>> Pipeline::open(Project project, World world, RunOptions options) {
  auto lease = TRY(Lease::take(project.storage));
  auto context = TRY(open_context(std::move(project), std::move(world), std::move(options)));
  return std::unique_ptr<Pipeline>(new PipelineImpl(std::move(lease), std::move(context)));
}

}  // namespace ticklake::engine
