#include "app/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"

namespace ticklake::app {

namespace {

constexpr int64_t kTerminalEveryUs = 500'000;
constexpr int64_t kPipeEveryUs = 5'000'000;

// Of a table or a flow: what stands in brackets behind it, which may hold dots, stays.
std::string short_name(const std::string& canonical) {
  size_t dot = canonical.rfind('.', canonical.find('['));
  return dot == std::string::npos ? canonical : canonical.substr(dot + 1);
}

// "ticks" of a table's own query, "backfill > ticks" of another flow.
std::string shown_name(const engine::FlowStatus& flow) {
  bool is_own = flow.name == flow.table || flow.name.starts_with(flow.table + "[");
  return is_own ? short_name(flow.name)
                : fmt::format("{} > {}", short_name(flow.name), short_name(flow.table));
}

// 1234567 as "1,234,567".
std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<size_t>(at), 1, ',');
  }
  return digits;
}

std::string number_or_dash(const std::optional<int64_t>& number) {
  return number ? grouped(*number) : "-";
}

std::string watermark_text(const engine::FlowStatus& flow) {
  if (!flow.watermark) return "-";
  return format_instant(floor_to(flow.watermark->value, kMicrosPerSecond));
}

std::optional<int64_t> version_of(const engine::FlowStatus& flow) {
  if (!flow.version) return {};
  return flow.version->value;
}

std::string counts_of_bad_rows(const engine::FlowStatus& flow) {
  std::string text;
  auto add = [&text](int64_t count, std::string_view what) {
    if (count > 0) text += fmt::format(", {} {}", grouped(count), what);
  };
  add(flow.rows_dropped, "dropped");
  add(flow.rows_late, "late");
  add(flow.rows_quarantined, "quarantined");
  add(flow.commits_skipped, "change commits skipped");
  add(flow.retries, "retries");
  return text;
}

// What read_files() has met: files that wait, and those that are not as they were or are passed by.
std::string files_text(const engine::FlowStatus& flow) {
  if (!flow.file_lag) return "";
  const auto& lag = *flow.file_lag;
  std::string text = fmt::format(", {} files ({} bytes) waiting", grouped(lag.files),
                                 grouped(lag.bytes));
  if (lag.changed > 0) text += fmt::format(", {} changed after reading", grouped(lag.changed));
  if (lag.skipped > 0) text += fmt::format(", {} passed over", grouped(lag.skipped));
  return text;
}

std::string json_int_or_null(const std::optional<int64_t>& number) {
  return number ? std::to_string(*number) : "null";
}

}  // namespace

Progress::Progress(Environment& environment)
    : environment_(environment), started_us_(environment.clock.now_us()), shown_us_(started_us_) {}

bool Progress::due() const {
  int64_t every_us = environment_.err_is_terminal ? kTerminalEveryUs : kPipeEveryUs;
  return environment_.clock.now_us() - shown_us_ >= every_us;
}

void Progress::show(const std::vector<SourceStatus>& sources,
                    const std::vector<engine::FlowStatus>& flows) {
  std::string text = environment_.err_is_terminal ? block(sources, flows) : lines(sources, flows);
  shown_us_ = environment_.clock.now_us();
  clear_block();
  std::fputs(text.c_str(), environment_.err);
  std::fflush(environment_.err);
  if (environment_.err_is_terminal) {
    block_lines_ = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }
}

void Progress::say(const std::string& text) {
  clear_block();
  std::fputs((environment_.secrets.masked(text) + "\n").c_str(), environment_.err);
  std::fflush(environment_.err);
}

int64_t Progress::rate(const std::string& name, int64_t count) {
  int64_t now_us = environment_.clock.now_us();
  Seen& seen = seen_[name];
  if (seen.at_us == 0) seen.at_us = started_us_;
  int64_t elapsed_us = std::max<int64_t>(1, now_us - seen.at_us);
  auto per_second = static_cast<double>(count - seen.count) * 1e6 / static_cast<double>(elapsed_us);
  seen = {count, now_us};
  return static_cast<int64_t>(per_second + 0.5);
}

void Progress::clear_block() {
  if (block_lines_ == 0) return;
  fmt::print(environment_.err, "\033[{}A\033[J", block_lines_);
  block_lines_ = 0;
}

std::string Progress::block(const std::vector<SourceStatus>& sources,
                            const std::vector<engine::FlowStatus>& flows) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& source : sources) {
    rows.push_back({source.name + " → " + source.topic, grouped(rate(source.name, source.sent)),
                    grouped(source.sent), "-", "-", "-",
                    source.failed             ? "failed"
                    : !source.problem.empty() ? "retrying"
                    : source.finished         ? "done"
                                              : "sending"});
  }
  for (const auto& flow : flows) {
    rows.push_back({shown_name(flow), grouped(rate(flow.name, flow.rows_in)),
                    grouped(flow.rows_in), number_or_dash(flow.lag_rows), watermark_text(flow),
                    number_or_dash(version_of(flow)), lowered(engine::to_string(flow.state))});
  }
  int64_t seconds = (environment_.clock.now_us() - started_us_) / kMicrosPerSecond;
  return drawn(
      {fmt::format("{} s", seconds), "rows/s", "rows", "lag", "watermark", "version", "state"},
      {false, true, true, true, false, true, false}, rows);
}

std::string Progress::lines(const std::vector<SourceStatus>& sources,
                            const std::vector<engine::FlowStatus>& flows) {
  std::string text;
  for (const auto& source : sources) {
    text += fmt::format("source {}: {} records/s, {} sent, {} bad", source.name,
                        grouped(rate(source.name, source.sent)), grouped(source.sent),
                        grouped(source.bad));
    if (source.files > 0) text += fmt::format(", {} files", grouped(source.files));
    if (source.warnings > 0) text += fmt::format(", {} warnings", grouped(source.warnings));
    text += "\n";
  }
  for (const auto& flow : flows) {
    text += fmt::format("flow {}: {} rows/s, {} in, {} out, lag {}, watermark {}, version {}{}\n",
                        shown_name(flow), grouped(rate(flow.name, flow.rows_in)),
                        grouped(flow.rows_in), grouped(flow.rows_out),
                        number_or_dash(flow.lag_rows), watermark_text(flow),
                        number_or_dash(version_of(flow)),
                        counts_of_bad_rows(flow) + files_text(flow));
  }
  return text;
}

Object flow_object(const engine::FlowStatus& status) {
  std::optional<std::string> watermark;
  if (status.watermark) watermark = format_instant(status.watermark->value);
  std::vector<std::string> expectations;
  for (const auto& count : status.expectations) {
    expectations.push_back(to_json({{"name", json_text(count.name)},
                                    {"passed_records", std::to_string(count.passed)},
                                    {"failed_records", std::to_string(count.failed)}}));
  }
  const auto& spent = status.timings;
  std::optional<int64_t> files, bytes, changed, skipped;
  if (status.file_lag) {
    files = status.file_lag->files;
    bytes = status.file_lag->bytes;
    changed = status.file_lag->changed;
    skipped = status.file_lag->skipped;
  }
  return {{"flow", json_text(status.name)},
          {"table", json_text(status.table)},
          {"state", json_text(lowered(engine::to_string(status.state)))},
          {"rows_in", std::to_string(status.rows_in)},
          {"rows_out", std::to_string(status.rows_out)},
          {"commits", std::to_string(status.commits)},
          {"rows_dropped", std::to_string(status.rows_dropped)},
          {"rows_late", std::to_string(status.rows_late)},
          {"rows_undecodable", std::to_string(status.rows_undecodable)},
          {"rows_quarantined", std::to_string(status.rows_quarantined)},
          {"commits_skipped", std::to_string(status.commits_skipped)},
          {"retries", std::to_string(status.retries)},
          {"lag_rows", json_int_or_null(status.lag_rows)},
          {"lag_files", json_int_or_null(files)},
          {"lag_bytes", json_int_or_null(bytes)},
          {"files_changed", json_int_or_null(changed)},
          {"files_skipped", json_int_or_null(skipped)},
          {"watermark", json_text_or_null(watermark)},
          {"version", json_int_or_null(version_of(status))},
          {"expectations", "[" + joined(expectations, ",") + "]"},
          {"consume_ms", std::to_string(spent.consume_ns / 1'000'000)},
          {"sql_ms", std::to_string(spent.sql_ns / 1'000'000)},
          {"parquet_ms", std::to_string(spent.parquet_ns / 1'000'000)},
          {"state_ms", std::to_string(spent.state_ns / 1'000'000)},
          {"commit_ms", std::to_string(spent.commit_ns / 1'000'000)}};
}

Object source_object(const SourceStatus& status) {
  return {{"source", json_text(status.name)},      {"topic", json_text(status.topic)},
          {"sent", std::to_string(status.sent)},   {"bad", std::to_string(status.bad)},
          {"files", std::to_string(status.files)}, {"warnings", std::to_string(status.warnings)}};
}

}  // namespace ticklake::app
