#include "json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/time.h"

namespace ticklake::serving {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json millis(const std::optional<int64_t>& us) {
  return us ? json(*us / kMicrosPerMilli) : json(nullptr);
}

json number(const std::optional<int64_t>& value) { return value ? json(*value) : json(nullptr); }

json expectations_of(const FlowState& flow) {
  json out = json::array();
  for (const auto& expectation : flow.expectations) {
    out.push_back({{"name", expectation.name},
                   {"passed", expectation.passed},
                   {"failed", expectation.failed},
                   {"drops", expectation.drops}});
  }
  return out;
}

json flow_of(const FlowState& flow) {
  json stages = json::object();
  for (const auto& [stage, ns] : flow.stage_ns) stages[stage] = ns / 1'000'000;
  return {{"flow", flow.name},
          {"table", flow.table},
          {"kind", flow.kind},
          {"state", flow.state},
          {"problem", flow.problem},
          {"rows_in", flow.rows_in},
          {"rows_out", flow.rows_out},
          {"rows_in_per_second", flow.rows_in_per_second},
          {"rows_out_per_second", flow.rows_out_per_second},
          {"lag_rows", number(flow.lag_rows)},
          {"watermark", millis(flow.watermark_us)},
          {"version", number(flow.version)},
          {"last_commit", millis(flow.last_commit_us)},
          {"commits", flow.commits},
          {"dropped", flow.dropped},
          {"late", flow.late},
          {"undecodable", flow.undecodable},
          {"quarantined", flow.quarantined},
          {"retries", flow.retries},
          {"expectations", expectations_of(flow)},
          {"stage_ms", std::move(stages)}};
}

}  // namespace

std::string json_text(std::string_view text) { return text_of(json(std::string(text))); }

std::string bars_json(const std::vector<ShownBar>& bars) {
  std::string out = "[";
  for (const auto& [bar, closed] : bars) {
    if (out.size() > 1) out += ',';
    fmt::format_to(std::back_inserter(out), "[{},{},{},{},{},{},{}]",
                   floor_to(bar.start_us, kMicrosPerMilli) / kMicrosPerMilli, bar.open, bar.high,
                   bar.low, bar.close, bar.volume, closed ? 1 : 0);
  }
  return out + "]";
}

std::string bar_event(const std::string& symbol, const std::vector<ShownBar>& bars,
                      int64_t now_us) {
  return fmt::format(R"({{"symbol":{},"bars":{},"at":{}}})", json_text(symbol), bars_json(bars),
                     now_us / kMicrosPerMilli);
}

std::string quotes_json(const std::vector<Quote>& quotes) {
  std::string out = "[";
  for (const auto& quote : quotes) {
    if (out.size() > 1) out += ',';
    fmt::format_to(std::back_inserter(out), R"({{"symbol":{},"last":{},"change":{},"at":{}}})",
                   json_text(quote.symbol), quote.last, quote.change,
                   floor_to(quote.start_us, kMicrosPerMilli) / kMicrosPerMilli);
  }
  return out + "]";
}

std::string pipeline_json(const PipelineState& state, const PreviewState& preview, int64_t now_us) {
  json flows = json::array();
  for (const auto& flow : state.flows) flows.push_back(flow_of(flow));
  json sources = json::array();
  for (const auto& source : state.sources) {
    sources.push_back({{"source", source.name},
                       {"topic", source.topic},
                       {"sent", source.sent},
                       {"bad", source.bad},
                       {"problem", source.problem}});
  }
  json live = {{"table", preview.table},
               {"reason", preview.no_table},
               {"interval_ms", preview.interval_us / kMicrosPerMilli},
               {"waiting", preview.waiting},
               {"changed", preview.changed_us / kMicrosPerMilli}};
  return text_of({{"project", state.project},
                  {"now", now_us / kMicrosPerMilli},
                  {"taken", state.taken_us / kMicrosPerMilli},
                  {"started", state.started_us / kMicrosPerMilli},
                  {"live", std::move(live)},
                  {"flows", std::move(flows)},
                  {"sources", std::move(sources)}});
}

}  // namespace ticklake::serving
