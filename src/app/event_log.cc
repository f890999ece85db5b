#include "app/event_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "base/time.h"
#include "base/uuid.h"
#include "formats/formats.h"

namespace ticklake::app {

namespace {

constexpr int64_t kCommitEveryUs = 10 * kMicrosPerSecond;
constexpr size_t kWaitingMax = 10'000;

// Of one kind of event all details stand below its name.
std::string nested(std::string_view name, const Object& details) {
  return to_json({{std::string(name), to_json(details)}});
}

// What the other system calls how a flow brings its table up to date.
std::string_view flow_type(const engine::Dataset& dataset) {
  if (dataset.changes) return "CHANGE";
  return dataset.plan.streaming ? "INCREMENTAL" : "COMPLETE";
}

std::string columns_json(const Schema& schema) {
  std::vector<std::string> columns;
  for (const auto& field : schema.fields) {
    columns.push_back(
        to_json({{"name", json_text(field.name)}, {"data_type", json_text(to_sql(field.type))}}));
  }
  return "[" + joined(columns, ",") + "]";
}

Object definition(const engine::Dataset& dataset, const Schema& schema,
                  const std::string& comment) {
  return {{"output_dataset", json_text(dataset.table)},
          {"input_datasets", json_texts(dataset.inputs)},
          {"flow_type", json_text(flow_type(dataset))},
          {"comment", json_text(comment)},
          {"schema", columns_json(schema)}};
}

std::string_view status_of(const engine::FlowStatus& flow) {
  using State = engine::FlowStatus::State;
  switch (flow.state) {
    case State::Waiting: return "QUEUED";
    case State::Running: return "RUNNING";
    case State::Retrying: return "RUNNING";
    case State::Done: return "COMPLETED";
    case State::Failed: return "FAILED";
  }
  return "";
}

std::string_view level_of(const engine::FlowStatus& flow) {
  if (flow.state == engine::FlowStatus::State::Failed) return "ERROR";
  return flow.state == engine::FlowStatus::State::Retrying ? "WARN" : "INFO";
}

// Counts since the flow was last told of, so that their sum over events is the whole.
Object metrics(const engine::FlowStatus& now, const engine::FlowStatus& before) {
  Object out{
      {"num_output_rows", std::to_string(now.rows_out - before.rows_out)},
      {"num_input_rows", std::to_string(now.rows_in - before.rows_in)},
      {"num_commits", std::to_string(now.commits - before.commits)},
      {"num_late_rows", std::to_string(now.rows_late - before.rows_late)},
      {"num_skipped_commits", std::to_string(now.commits_skipped - before.commits_skipped)},
      {"num_quarantined_rows", std::to_string(now.rows_quarantined - before.rows_quarantined)}};
  if (now.lag_rows) out.push_back({"backlog_records", std::to_string(*now.lag_rows)});
  if (now.file_lag) {
    out.push_back({"backlog_files", std::to_string(now.file_lag->files)});
    out.push_back({"backlog_bytes", std::to_string(now.file_lag->bytes)});
  }
  return out;
}

Object data_quality(const engine::FlowStatus& now, const engine::FlowStatus& before) {
  std::vector<std::string> expectations;
  for (const auto& count : now.expectations) {
    auto told = std::ranges::find(before.expectations, count.name, &engine::ExpectationCount::name);
    bool is_new = told == before.expectations.end();
    int64_t passed = count.passed - (is_new ? 0 : told->passed);
    int64_t failed = count.failed - (is_new ? 0 : told->failed);
    expectations.push_back(to_json({{"name", json_text(count.name)},
                                    {"dataset", json_text(now.table)},
                                    {"passed_records", std::to_string(passed)},
                                    {"failed_records", std::to_string(failed)}}));
  }
  return {{"dropped_records", std::to_string(now.rows_dropped - before.rows_dropped)},
          {"expectations", "[" + joined(expectations, ",") + "]"}};
}

bool has_news(const engine::FlowStatus& now, const engine::FlowStatus& before) {
  auto counts = [](const engine::FlowStatus& flow) {
    return std::tuple(flow.state, flow.rows_in, flow.rows_out, flow.commits, flow.problem);
  };
  return counts(now) != counts(before);
}

std::string short_id(const std::string& id) { return id.substr(0, 6); }

}  // namespace

const Schema& event_log_schema() {
  auto text = [](const char* name, bool nullable = false) {
    return Field{.name = name, .type = Kind::String, .nullable = nullable};
  };
  static const Schema schema{
      {text("id"), text("sequence"), text("origin"),
       Field{.name = "timestamp", .type = Kind::Timestamp, .nullable = false}, text("message"),
       text("level"), text("maturity_level"), text("error", true), text("details"),
       text("event_type")}};
  return schema;
}

EventLog::EventLog(Environment& environment, const engine::Project& project,
                   const engine::Graph& graph, const RunOptions& options)
    : environment_(environment),
      root_(io::join(project.storage, kEventLogFolder)),
      pipeline_name_(project.name),
      update_id_(new_uuid()),
      due_us_(environment.clock.now_us() + kCommitEveryUs) {
  begin(graph, options);
}

void EventLog::begin(const engine::Graph& graph, const RunOptions& options) {
  bool all = std::ranges::find(options.full_refresh, "all") != options.full_refresh.end();
  add({.type = "create_update",
       .level = "INFO",
       .message = fmt::format("Update {} was started", short_id(update_id_)),
       .details = {{"cause", json_text("USER_ACTION")},
                   {"once", options.once ? "true" : "false"},
                   {"full_refresh", all ? "true" : "false"},
                   {"full_refresh_selection", json_texts(options.full_refresh)}}});
  for (const auto& dataset : graph.datasets) {
    auto table = std::ranges::find(graph.tables, dataset.table, &engine::Table::name);
    add({.type = "flow_definition",
         .level = "INFO",
         .message = fmt::format("Flow {} is defined as {}", dataset.name, flow_type(dataset)),
         .details = definition(dataset, table == graph.tables.end() ? Schema() : table->schema,
                               environment_.secrets.masked(dataset.statement.comment)),
         .flow = dataset.name,
         .dataset = dataset.table});
  }
  add_state("RUNNING", "INFO");
}

void EventLog::look(const std::vector<engine::FlowStatus>& flows) {
  int64_t now_us = environment_.clock.now_us();
  bool due = now_us >= due_us_;
  for (const auto& flow : flows) {
    const auto& before = told_[flow.name];
    bool is_new = before.name.empty() || before.state != flow.state;
    if (is_new || (due && has_news(flow, before))) add_progress(flow);
  }
  if (!due) return;
  due_us_ = now_us + kCommitEveryUs;
  auto tried_again_later = commit();
  static_cast<void>(tried_again_later);
}

Result<void> EventLog::end(const std::vector<engine::FlowStatus>& flows, Ending ending,
                           const std::string& problem) {
  for (const auto& flow : flows) {
    if (has_news(flow, told_[flow.name])) add_progress(flow);
  }
  switch (ending) {
    case Ending::Completed: add_state("COMPLETED", "INFO"); break;
    case Ending::Failed: add_state("FAILED", "ERROR", problem); break;
    case Ending::Canceled: add_state("CANCELED", "INFO"); break;
  }
  return commit();
}

void EventLog::add_state(std::string_view state, std::string_view level,
                         const std::string& problem) {
  add({.type = "update_progress",
       .level = level,
       .message = fmt::format("Update {} is {}", short_id(update_id_), state),
       .details = {{"state", json_text(state)}},
       .problem = problem});
}

void EventLog::add_progress(const engine::FlowStatus& flow) {
  auto& before = told_[flow.name];
  bool failing = level_of(flow) != "INFO";
  add({.type = "flow_progress",
       .level = level_of(flow),
       .message = failing ? fmt::format("Flow {}: {}", flow.name, flow.problem)
                          : fmt::format("Flow {} is {}", flow.name, status_of(flow)),
       .details = {{"status", json_text(status_of(flow))},
                   {"metrics", to_json(metrics(flow, before))},
                   {"data_quality", to_json(data_quality(flow, before))}},
       .flow = flow.name,
       .dataset = flow.table,
       .problem = failing ? flow.problem : ""});
  before = flow;
}

void EventLog::add(Event event) {
  if (waiting_.size() >= kWaitingMax) {
    ++lost_;
    return;
  }
  Object origin{{"pipeline_name", json_text(pipeline_name_)}, {"update_id", json_text(update_id_)}};
  if (!event.flow.empty()) origin.push_back({"flow_name", json_text(event.flow)});
  if (!event.dataset.empty()) origin.push_back({"dataset_name", json_text(event.dataset)});
  std::optional<std::string> error;
  if (!event.problem.empty()) {
    std::string problem = environment_.secrets.masked(event.problem);
    std::string exception = to_json({{"message", json_text(problem)}});
    error = to_json({{"fatal", "false"}, {"exceptions", "[" + exception + "]"}});
  }
  Object row{{"id", json_text(new_uuid())},
             {"sequence", json_text(to_json({{"update_id", json_text(update_id_)},
                                             {"seq_no", std::to_string(sequence_++)}}))},
             {"origin", json_text(to_json(origin))},
             {"timestamp", json_text(format_instant(environment_.clock.now_us()))},
             {"message", json_text(environment_.secrets.masked(event.message))},
             {"level", json_text(event.level)},
             {"maturity_level", json_text("STABLE")},
             {"error", json_text_or_null(error)},
             {"details", json_text(nested(event.type, event.details))},
             {"event_type", json_text(event.type)}};
  waiting_.push_back(to_json(row));
}

Result<void> EventLog::open() {
  auto table = delta::open(environment_.files, root_);
  if (!table && table.error().code == Code::NotFound) {
    delta::Metadata metadata{.name = kEventLogFolder, .schema = event_log_schema()};
    table = delta::create(environment_.files, environment_.clock, root_, std::move(metadata));
  }
  table_ = TRY(std::move(table));
  return {};
}

Result<void> EventLog::commit() {
  if (waiting_.empty()) return {};
  auto& files = environment_.files;
  const auto& clock = environment_.clock;
  if (!table_) TRY(open());
  BatchPtr rows = TRY(formats::from_json_lines(joined(waiting_, "\n"), event_log_schema()));
  delta::Transaction transaction{.operation = "WRITE", .parameters = {{"mode", "Append"}}};
  transaction.adds = TRY(delta::write(files, clock, *table_, {rows}));
  auto committed = delta::commit(files, clock, *table_, std::move(transaction));
  if (!committed) {
    table_.reset();  // opened again at the next commit
    return committed.error();
  }
  table_ = *std::move(committed);
  waiting_.clear();
  if (lost_ > 0) {
    add({.type = "user_action",
         .level = "WARN",
         .message = fmt::format("{} events were not kept: the event log could not be written",
                                std::exchange(lost_, 0)),
         .details = {}});
  }
  auto after = health_.step(files, clock, *table_, false);
  if (!after) table_.reset();  // maintenance that fails is for another time
  if (after && *after) table_ = **std::move(after);
  return {};
}

}  // namespace ticklake::app
