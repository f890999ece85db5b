#include "metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace ticklake::serving {
namespace {

std::string escaped(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

// One metric family: its head, then its samples.
class Family {
 public:
  Family(std::string& text, std::string_view name, std::string_view type, std::string_view help)
      : text_(text), name_(name) {
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
  }
  using Labels = std::vector<std::pair<std::string_view, std::string>>;
  void sample(const Labels& labels, double value) {
    std::string list;
    for (const auto& [label, text] : labels) {
      fmt::format_to(std::back_inserter(list), "{}{}=\"{}\"", list.empty() ? "" : ",", label,
                     escaped(text));
    }
    if (!list.empty()) list = "{" + list + "}";
    fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name_, list, value);
  }

 private:
  std::string& text_;
  std::string_view name_;
};

double seconds(int64_t us) { return static_cast<double>(us) / kMicrosPerSecond; }

void flow_counters(std::string& text, const PipelineState& state) {
  struct Counter {
    std::string_view name, help;
    int64_t FlowState::*value;
  };
  static constexpr Counter kCounters[] = {
      {"ticklake_flow_rows_in_total", "Rows that the flow has read.", &FlowState::rows_in},
      {"ticklake_flow_rows_out_total", "Rows that the flow has committed.", &FlowState::rows_out},
      {"ticklake_flow_commits_total", "Versions that the flow has committed.", &FlowState::commits},
      {"ticklake_flow_dropped_rows_total", "Rows dropped by expectations.", &FlowState::dropped},
      {"ticklake_flow_late_rows_total", "Rows whose window was closed.", &FlowState::late},
      {"ticklake_flow_undecodable_rows_total", "Rows that could not be decoded wholly.",
       &FlowState::undecodable},
      {"ticklake_flow_quarantined_rows_total", "Rows put into the quarantine table.",
       &FlowState::quarantined},
      {"ticklake_flow_retries_total", "Times the flow was opened again.", &FlowState::retries},
  };
  for (const auto& counter : kCounters) {
    Family family(text, counter.name, "counter", counter.help);
    for (const auto& flow : state.flows) {
      family.sample({{"flow", flow.name}}, static_cast<double>(flow.*counter.value));
    }
  }
}

void flow_gauge(std::string& text, const PipelineState& state, std::string_view name,
                std::string_view help,
                const std::function<std::optional<double>(const FlowState&)>& value) {
  Family family(text, name, "gauge", help);
  for (const auto& flow : state.flows) {
    if (auto number = value(flow)) family.sample({{"flow", flow.name}}, *number);
  }
}

void flow_gauges(std::string& text, const PipelineState& state, int64_t now_us) {
  flow_gauge(text, state, "ticklake_flow_lag_rows", "Rows that wait to be read, where known.",
             [](const auto& flow) -> std::optional<double> {
               if (!flow.lag_rows) return {};
               return static_cast<double>(*flow.lag_rows);
             });
  flow_gauge(text, state, "ticklake_flow_watermark_age_seconds",
             "How far the watermark is behind the clock.",
             [now_us](const auto& flow) -> std::optional<double> {
               if (!flow.watermark_us) return {};
               return seconds(now_us - *flow.watermark_us);
             });
  flow_gauge(text, state, "ticklake_flow_last_commit_timestamp_seconds",
             "When the flow committed last.", [](const auto& flow) -> std::optional<double> {
               if (!flow.last_commit_us) return {};
               return seconds(*flow.last_commit_us);
             });
  flow_gauge(text, state, "ticklake_flow_table_version", "Version of the table.",
             [](const auto& flow) -> std::optional<double> {
               if (!flow.version) return {};
               return static_cast<double>(*flow.version);
             });
  Family table(text, "ticklake_flow_info", "gauge", "Always 1: which table the flow fills.");
  for (const auto& flow : state.flows) {
    table.sample({{"flow", flow.name}, {"table", flow.table}, {"kind", flow.kind}}, 1);
  }
  Family family(text, "ticklake_flow_state", "gauge", "1 for the state that the flow is in.");
  for (const auto& flow : state.flows) {
    for (std::string_view name : {"waiting", "running", "retrying", "done", "failed"}) {
      family.sample({{"flow", flow.name}, {"state", std::string(name)}}, flow.state == name);
    }
  }
}

void expectations(std::string& text, const PipelineState& state) {
  for (bool passed : {true, false}) {
    Family family(
        text, passed ? "ticklake_expectation_passed_total" : "ticklake_expectation_failed_total",
        "counter", passed ? "Rows that met the expectation." : "Rows that did not.");
    for (const auto& flow : state.flows) {
      for (const auto& one : flow.expectations) {
        family.sample({{"flow", flow.name}, {"expectation", one.name}},
                      static_cast<double>(passed ? one.passed : one.failed));
      }
    }
  }
}

void stages(std::string& text, const PipelineState& state) {
  Family family(text, "ticklake_flow_stage_seconds_total", "counter",
                "Time that the flow has spent in each stage of its steps.");
  for (const auto& flow : state.flows) {
    for (const auto& [stage, ns] : flow.stage_ns) {
      family.sample({{"flow", flow.name}, {"stage", stage}}, static_cast<double>(ns) / 1e9);
    }
  }
}

void sources(std::string& text, const PipelineState& state) {
  Family sent(text, "ticklake_source_records_total", "counter", "Records sent to the topic.");
  for (const auto& source : state.sources) {
    sent.sample({{"source", source.name}, {"topic", source.topic}},
                static_cast<double>(source.sent));
  }
  Family failing(text, "ticklake_source_failing", "gauge", "1 while the source has a problem.");
  for (const auto& source : state.sources) {
    failing.sample({{"source", source.name}}, !source.problem.empty());
  }
}

void single(std::string& text, std::string_view name, std::string_view type, std::string_view help,
            double value) {
  Family(text, name, type, help).sample({}, value);
}

// Field 22 of /proc/self/stat, and the time of boot: when this process began.
double start_seconds() {
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  size_t close = text.rfind(')');
  if (close == std::string::npos) return 0;
  std::istringstream fields(text.substr(close + 2));
  std::string skipped;
  for (int i = 3; i < 22; ++i) fields >> skipped;
  double ticks = 0;
  fields >> ticks;
  std::ifstream all("/proc/stat");
  for (std::string line; std::getline(all, line);) {
    if (!line.starts_with("btime ")) continue;
    return std::strtod(line.c_str() + 6, nullptr) +
           ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return 0;
}

}  // namespace

ProcessState process_state() {
  ProcessState out;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    auto total = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    out.cpu_seconds = total(usage.ru_utime) + total(usage.ru_stime);
  }
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  if (statm >> pages >> resident) out.resident_bytes = resident * ::sysconf(_SC_PAGESIZE);
  out.start_seconds = start_seconds();
  return out;
}

std::string metrics_text(const PipelineState& state, const ProcessState& process,
                         const ServerCounts& counts, int64_t now_us) {
  std::string text;
  flow_counters(text, state);
  flow_gauges(text, state, now_us);
  expectations(text, state);
  stages(text, state);
  sources(text, state);
  if (state.taken_us > 0) {
    single(text, "ticklake_pipeline_state_age_seconds", "gauge", "Age of the figures of the flows.",
           seconds(now_us - state.taken_us));
  }
  Family requests(text, "ticklake_http_requests_total", "counter", "Requests answered, by status.");
  for (const auto& [status, count] : counts.requests) {
    requests.sample({{"code", std::to_string(status)}}, static_cast<double>(count));
  }
  single(text, "ticklake_http_connections", "gauge", "Connections open now.",
         static_cast<double>(counts.connections));
  single(text, "ticklake_http_streams", "gauge", "Event streams open now.",
         static_cast<double>(counts.streams));
  single(text, "ticklake_http_events_sent_total", "counter", "Events written to streams.",
         static_cast<double>(counts.events_sent));
  single(text, "process_cpu_seconds_total", "counter", "User and system CPU time.",
         process.cpu_seconds);
  single(text, "process_resident_memory_bytes", "gauge", "Resident memory.",
         static_cast<double>(process.resident_bytes));
  if (process.start_seconds > 0) {
    single(text, "process_start_time_seconds", "gauge", "When the process began, since 1970.",
           process.start_seconds);
  }
  return text;
}

}  // namespace ticklake::serving
