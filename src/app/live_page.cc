#include "app/live_page.h"

#include <algorithm>

#include "base/text.h"
#include "base/time.h"

namespace ticklake::app {

namespace {

constexpr int64_t kShowEveryUs = 250'000;
constexpr int64_t kRateOverUs = 5 * kMicrosPerSecond;
// The preview takes what has come once in so long: its statements cost about the same for one row
// as for a thousand.
constexpr std::chrono::milliseconds kPace{20};
constexpr std::chrono::milliseconds kIdlePause{4};

std::vector<serving::TableInfo> tables_of(const engine::Graph& graph) {
  std::vector<serving::TableInfo> out;
  for (const auto& table : graph.tables) {
    if (table.kind == engine::Table::Kind::Quarantine) continue;
    if (table.kind == engine::Table::Kind::LateRows) continue;
    serving::TableInfo info{.name = table.name, .path = table.path, .schema = table.schema};
    for (const auto& dataset : graph.datasets) {
      const auto& windowed = dataset.plan.windowed;
      bool bars = windowed && windowed->slide_us == windowed->window_us && windowed->window_us > 0;
      if (dataset.table == table.name && bars) info.window_us = windowed->window_us;
    }
    out.push_back(std::move(info));
  }
  return out;
}

// What the update says, as bars; what does not fit is told as a reason to wait.
serving::LiveUpdate bars_of_update(const serving::CandleTable& table,
                                const engine::PreviewUpdate& update) {
  serving::LiveUpdate out{.reload = update.restarted, .waiting = update.waiting};
  auto closed = serving::bars_of(table, update.closed);
  if (closed) out.closed = *std::move(closed);
  if (!closed) out.waiting = closed.error().message;
  if (!update.open) return out;
  auto open = serving::bars_of(table, *update.open);
  if (open) out.open = *std::move(open);
  if (!open) out.waiting = open.error().message;
  return out;
}

// Where memory is out the bars are to be had from the table.
serving::LiveUpdate live_update(const serving::CandleTable& table,
                                const engine::PreviewUpdate& update) {
  try {
    return bars_of_update(table, update);
  } catch (const std::exception& error) {
    return {.reload = true, .waiting = error.what()};
  }
}

double per_second(int64_t count, int64_t elapsed_us) {
  if (elapsed_us <= 0) return 0;
  return static_cast<double>(count) * kMicrosPerSecond / static_cast<double>(elapsed_us);
}

}  // namespace

Result<std::unique_ptr<LivePage>> LivePage::open(Environment& environment,
                                                 const serving::Address& address,
                                                 const engine::Pipeline& pipeline,
                                                 engine::World world) {
  const auto& project = pipeline.project();
  auto declared = project.configuration.find("ticklake.serve.candles");
  std::string candles = declared == project.configuration.end() ? "" : declared->second;
  serving::Subject subject{
      .files = environment.files, .clock = environment.clock, .table = {}, .no_table = {}};
  auto table = serving::find_candles(candles, tables_of(pipeline.graph()));
  if (table) {
    subject.table = *table;
  } else if (table.error().code == Code::NotFound) {
    subject.no_table = table.error().message;
  } else {
    return table.error();
  }
  auto server = TRY(serving::Server::open({.address = address}, subject));
  std::unique_ptr<LivePage> page(new LivePage(environment, project.name, std::move(server)));
  page->started_us_ = environment.clock.now_us();
  page->no_candles_ = subject.no_table;
  page->threads_.emplace_back([server_ = page->server_.get()] { server_->run(); });
  page->threads_.emplace_back([server_ = page->server_.get()] { server_->work(); });
  if (table) {
    page->preview_ = TRY(engine::Preview::open(project, std::move(world), table->name));
    page->threads_.emplace_back(
        [page_ = page.get(), candle_table = *table](const std::stop_token& over) {
          page_->follow(over, candle_table);
        });
  }
  return page;
}

LivePage::~LivePage() {
  server_->stop();
  for (auto& thread : threads_) thread.request_stop();
  if (preview_) preview_->stop();
  threads_.clear();
}

void LivePage::follow(const std::stop_token& over, const serving::CandleTable& table) {
  std::string waiting = "?";
  while (!over.stop_requested()) {
    auto began = std::chrono::steady_clock::now();
    auto update = preview_->step();
    update.waiting = environment_.secrets.masked(std::move(update.waiting));
    bool news = update.open || !update.closed.empty() || update.restarted;
    if (news || update.waiting != waiting) server_->publish(live_update(table, update));
    waiting = update.waiting;
    if (update.rows_in > 0) {
      std::this_thread::sleep_until(began + kPace);
    } else {
      std::this_thread::sleep_for(kIdlePause);
    }
  }
}

bool LivePage::due() const {
  int64_t now_us = environment_.clock.now_us();
  return now_us - shown_us_ >= kShowEveryUs || now_us < shown_us_;
}

void LivePage::show(const std::vector<SourceStatus>& sources,
                    const std::vector<engine::FlowStatus>& flows) {
  shown_us_ = environment_.clock.now_us();
  serving::PipelineState state{
      .project = project_, .taken_us = shown_us_, .started_us = started_us_};
  for (const auto& flow : flows) state.flows.push_back(flow_state(flow));
  for (const auto& source : sources) {
    state.sources.push_back({.name = source.name,
                             .topic = source.topic,
                             .problem = environment_.secrets.masked(source.problem),
                             .sent = source.sent,
                             .bad = source.bad});
  }
  server_->publish(std::move(state));
}

serving::FlowState LivePage::flow_state(const engine::FlowStatus& status) {
  auto& counted = counted_[status.name];
  counted.push_back({shown_us_, status.rows_in, status.rows_out});
  while (counted.size() > 2 && shown_us_ - counted[1].at_us >= kRateOverUs) counted.pop_front();
  const auto& then = counted.front();
  int64_t elapsed_us = shown_us_ - then.at_us;
  serving::FlowState out{
      .name = status.name,
      .table = status.table,
      .kind = std::string(engine::to_string(status.kind)),
      .state = lowered(engine::to_string(status.state)),
      .problem = environment_.secrets.masked(status.problem),
      .rows_in = status.rows_in,
      .rows_out = status.rows_out,
      .commits = status.commits,
      .dropped = status.rows_dropped,
      .late = status.rows_late,
      .undecodable = status.rows_undecodable,
      .quarantined = status.rows_quarantined,
      .retries = status.retries,
      .rows_in_per_second = per_second(status.rows_in - then.rows_in, elapsed_us),
      .rows_out_per_second = per_second(status.rows_out - then.rows_out, elapsed_us),
      .lag_rows = status.lag_rows,
      .last_commit_us = status.last_commit_us,
      .stage_ns = {{"consume", status.timings.consume_ns},
                   {"sql", status.timings.sql_ns},
                   {"parquet", status.timings.parquet_ns},
                   {"state", status.timings.state_ns},
                   {"commit", status.timings.commit_ns}}};
  if (status.watermark) out.watermark_us = status.watermark->value;
  if (status.version) out.version = status.version->value;
  for (const auto& one : status.expectations) {
    out.expectations.push_back({one.name, one.passed, one.failed, one.drops});
  }
  return out;
}

}  // namespace ticklake::app
