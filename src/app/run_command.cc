#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "app/brokers.h"
#include "app/commands.h"
#include "app/crash_point.h"
#include "app/event_log.h"
#include "app/live_page.h"
#include "app/progress.h"
#include "app/project.h"
#include "app/signals.h"
#include "app/source_threads.h"
#include "app/workers.h"
#include "base/text.h"

namespace ticklake::app {

namespace {

Result<void> refuse_what_is_not_there(const RunOptions& options) {
  auto refusal = [](std::string_view option) {
    return Error{Code::Unsupported,
                 fmt::format("ticklake run {} is not available in this version", option)};
  };
  if (!options.refresh.empty()) return refusal("--refresh");
  if (options.accept_loss) return refusal("--accept-loss");
  return {};
}

void say_notes(Progress& progress, const SourceStatus& source) {
  for (const auto& note : source.notes)
    progress.say(fmt::format("source {}: {}", source.name, note));
}

// One run of a project: opened, stepped until it is finished or a signal comes, summed up.
class Run {
 public:
  Run(Environment& environment, const RunOptions& options)
      : environment_(environment),
        options_(options),
        progress_(environment),
        crash_point_(CrashPoint::steps_from_environment()) {}

  Result<void> go() {
    TRY(open());
    auto result = work();
    for (auto& thread : threads_) {
      thread->stop();
      say_notes(progress_, thread->take_notes());
    }
    page_.reset();
    show();
    close_event_log(result);
    if (!result) return result;
    TRY(write_summary());
    TRY(flow_problem());
    return source_problem();
  }

 private:
  Result<void> open() {
    auto project = TRY(load(environment_, options_.project));
    if (options_.ingest) specs_ = TRY(source_specs(environment_, project));
    topics_ = TRY(project_topics(environment_, project));
    brokers_ =
        std::make_unique<Brokers>(environment_, project, TRY(kafka_bootstrap(project)), topics_);
    auto sources = TRY(source_options(environment_, project, options_.once));
    world_ = std::make_unique<SourceWorld>(
        SourceWorld{environment_, *topics_, signals_, crash_point_, std::move(sources)});
    auto say_problem = [this](const engine::StepReport& report) {
      std::scoped_lock lock(progress_mutex_);
      progress_.say(fmt::format("flow {}: {}", report.flow, report.problem));
    };
    workers_ = std::make_unique<Workers>(engine::parallelism(project), signals_, crash_point_,
                                         say_problem);
    engine::World world{
        .files = environment_.files,
        .clock = environment_.clock,
        .topics = [this](const auto& bootstrap,
                         const auto& config) { return brokers_->get(bootstrap, config); },
        .spread = workers_.get()};
    engine::RunOptions run{.once = options_.once, .full_refresh = options_.full_refresh};
    register_schemas(world_->options.registry.get());
    pipeline_ = TRY(engine::Pipeline::open(std::move(project), world, run));
    progress_.say(fmt::format("{}: {}, {}, {}; Ctrl-C stops", pipeline_->project().name,
                              counted(pipeline_->status().size(), "flow"),
                              counted(specs_.size(), "source"), topics_->name()));
    event_log_.emplace(environment_, pipeline_->project(), pipeline_->graph(), options_);
    return options_.serve ? open_page() : Result<void>();
  }

  void close_event_log(const Result<void>& result) {
    using Ending = EventLog::Ending;
    auto flows = flow_problem();
    Ending ending = !result || !flows     ? Ending::Failed
                    : signals_.stopping() ? Ending::Canceled
                                          : Ending::Completed;
    std::string problem = !result ? result.error().message : !flows ? flows.error().message : "";
    auto written = event_log_->end(pipeline_->status(), ending, problem);
    if (!written) {
      progress_.say("the event log lacks this run's end: " + written.error().message);
    }
  }

  // What the project's own sources will write can be read before they have begun. Where that fails,
  // the source says why when it is opened.
  void register_schemas(broker::SchemaRegistry* registry) const {
    for (const auto& spec : specs_) {
      bool has_schema = spec.records.kind != sources::RecordForm::Kind::Json;
      if (!has_schema || registry == nullptr) continue;
      auto ignored = sources::register_schema(spec, *registry);
      static_cast<void>(ignored);
    }
  }

  Result<void> open_page() {
    preview_brokers_ = std::make_unique<Brokers>(
        environment_, pipeline_->project(), TRY(kafka_bootstrap(pipeline_->project())), topics_);
    engine::World world{.files = environment_.files,
                        .clock = environment_.clock,
                        .topics = [this](const auto& bootstrap, const auto& config) {
                          return preview_brokers_->get(bootstrap, config);
                        }};
    page_ = TRY(LivePage::open(environment_, *options_.serve, *pipeline_, std::move(world)));
    progress_.say("live page: " + page_->url());
    if (!page_->no_candles().empty()) progress_.say("no candles: " + page_->no_candles());
    return {};
  }

  Result<void> drain_sources() {
    for (const auto& spec : specs_) {
      drained_.emplace_back();
      auto status = drain_source(*world_, spec, [this](const SourceStatus& now) {
        drained_.back() = now;
        say_notes(progress_, now);
        if (progress_.due()) progress_.show(sources(), {});
      });
      if (!status) return prefixed("source " + spec.name, std::move(status).error());
      drained_.back() = *status;
    }
    return {};
  }

  Result<void> start_sources() {
    for (const auto& spec : specs_) TRY(make_topic(spec));
    for (const auto& spec : specs_) {
      threads_.push_back(std::make_unique<SourceThread>(*world_, spec));
    }
    return {};
  }

  // The pipeline's first step expects its topics to be there; a source makes its own a moment
  // later.
  Result<void> make_topic(const sources::SourceSpec& spec) {
    // Not every login may make topics, nor every service let anybody do so.
    auto known = topics_->describe(spec.topic);
    if (known || known.error().code != Code::NotFound) return {};
    auto made = topics_->create(spec.topic, sources::topic_options(spec));
    if (!made && made.error().code != Code::Conflict) return made;
    return {};
  }

  Result<void> work() {
    TRY(options_.once ? drain_sources() : start_sources());
    return step_until_over();
  }

  Result<void> step_until_over() {
    TRY(workers_->run(*pipeline_, [this] {
      {
        std::scoped_lock lock(progress_mutex_);
        for (auto& thread : threads_) say_notes(progress_, thread->take_notes());
      }
      if (progress_.due()) show();
      event_log_->look(pipeline_->status());
      if (page_ && page_->due()) page_->show(sources(), pipeline_->status());
    }));
    if (!signals_.stopping()) return {};
    progress_.say("stopping: what was committed stays, the rest is read again by the next run");
    return {};
  }

  std::vector<SourceStatus> sources() const {
    std::vector<SourceStatus> statuses = drained_;
    for (const auto& thread : threads_) statuses.push_back(thread->status());
    return statuses;
  }

  void show() {
    std::scoped_lock lock(progress_mutex_);
    progress_.show(sources(), pipeline_->status());
  }

  Result<void> write_summary() {
    if (!options_.summary) return {};
    std::vector<Object> objects;
    for (const auto& flow : pipeline_->status()) objects.push_back(flow_object(flow));
    std::vector<std::string> columns;
    if (!objects.empty()) {
      for (const auto& value : objects.front()) columns.push_back(value.first);
    }
    return write_objects(environment_.out, *options_.summary, objects, columns);
  }

  // A run that a signal ended has no error of its own; a flow that had failed is one all the same.
  Result<void> flow_problem() const {
    for (const auto& flow : pipeline_->status()) {
      if (flow.state != engine::FlowStatus::State::Failed) continue;
      return Error{Code::Invalid, fmt::format("flow {} had failed: {}", flow.name, flow.problem)};
    }
    return {};
  }

  Result<void> source_problem() const {
    for (const auto& source : sources()) {
      if (source.problem.empty()) continue;
      return Error{Code::Unavailable,
                   fmt::format("source {} had not recovered when the run ended: {}", source.name,
                               source.problem)};
    }
    return {};
  }

  Environment& environment_;
  const RunOptions& options_;
  Signals signals_;
  Progress progress_;
  std::mutex progress_mutex_;  // of progress_, while there are workers
  CrashPoint crash_point_;
  std::vector<sources::SourceSpec> specs_;
  std::shared_ptr<broker::Topics> topics_;
  std::unique_ptr<Brokers> brokers_;
  std::unique_ptr<Brokers> preview_brokers_;  // used by the page's thread
  std::unique_ptr<SourceWorld> world_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<engine::Pipeline> pipeline_;
  std::optional<EventLog> event_log_;
  std::unique_ptr<LivePage> page_;
  std::vector<SourceStatus> drained_;
  std::vector<std::unique_ptr<SourceThread>> threads_;
};

}  // namespace

Result<void> run_project(Environment& environment, const RunOptions& options) {
  TRY(refuse_what_is_not_there(options));
  return Run(environment, options).go();
}

Result<void> ingest_source(Environment& environment, const IngestOptions& options) {
  const std::string& name = options.source;
  auto project = TRY(load(environment, options.project));
  auto specs = TRY(source_specs(environment, project));
  auto spec = std::find_if(specs.begin(), specs.end(),
                           [&name](const auto& candidate) { return candidate.name == name; });
  if (spec == specs.end()) {
    std::vector<std::string> names;
    for (const auto& candidate : specs) names.push_back(candidate.name);
    return Error{Code::NotFound, fmt::format("no source {} in {}; the sources are: {}", name,
                                             options.project.directory, joined(names, ", "))};
  }
  bool has_modes = std::holds_alternative<sources::AlphaVantageSpec>(spec->form);
  if (!options.mode.empty() && !has_modes) {
    return Error{Code::Invalid, fmt::format("--mode is for sources of the type alpha_vantage; {} "
                                            "is of another",
                                            name)};
  }
  auto topics = TRY(project_topics(environment, project));
  Signals signals;
  CrashPoint crash_point(CrashPoint::steps_from_environment());
  SourceWorld world{environment, *topics, signals, crash_point,
                    TRY(source_options(environment, project, options.once))};
  world.options.history = options.mode != "live";
  Progress progress(environment);
  auto status = TRY(drain_source(world, *spec, [&progress](const SourceStatus& now) {
    say_notes(progress, now);
    if (progress.due()) progress.show({now}, {});
  }));
  progress.show({status}, {});
  return {};
}

}  // namespace ticklake::app
