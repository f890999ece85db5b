// Invariant: a snapshot's cursor and its bars are of one moment, and a stream that goes on from the
// cursor is told every closed bar after it and then the open ones: no gap, and a bar told twice is
// the same bar.
#include "service.h"

#include <fmt/format.h>

#include <algorithm>

#include "assets.h"
#include "base/text.h"
#include "base/time.h"

namespace ticklake::serving {
namespace {

constexpr size_t kLogMax = 8'192;
constexpr size_t kDueBytesMax = 256 << 10;  // of one write
constexpr size_t kSymbolsMax = 500;         // of one answer, and of one event of quotes
constexpr int64_t kAnswerBarsMax = 20'000;
constexpr int64_t kHistoryBarsMax = 200'000;
constexpr int64_t kBarsEveryUs = 30'000;
constexpr int64_t kQuotesEveryUs = 250'000;
constexpr int64_t kPipelineEveryUs = 500'000;
constexpr int64_t kPingEveryUs = 2'000'000;
constexpr int64_t kReadyAgeUs = 15'000'000;

std::optional<std::string> parameter(const Target& target, const std::string& name) {
  auto found = target.parameters.find(name);
  if (found == target.parameters.end() || found->second.empty()) return {};
  return found->second;
}

// Due since the last time, also where the clock was turned back.
bool past(int64_t now_us, int64_t last_us, int64_t every_us) {
  return now_us - last_us >= every_us || now_us < last_us;
}

}  // namespace

Service::Service(Subject subject, std::string boot)
    : subject_(std::move(subject)), store_(kBarsMax), log_(std::move(boot), kLogMax) {
  loaded_ = !subject_.table;
}

// ---- requests

std::variant<Response, HistoryRequest> Service::answer(const Target& target) {
  const std::string& path = target.path;
  if (path == "/api/v1/candles") return candles(target);
  if (path == "/api/v1/symbols") return symbols(target);
  if (path == "/api/v1/pipeline") {
    return Response{.body = pipeline_json(pipeline_, preview(), now_us()) + "\n"};
  }
  if (path == "/healthz") return Response{.type = "text/plain; charset=utf-8", .body = "ok\n"};
  if (path == "/readyz") return ready();
  if (path == "/metrics") {
    return Response{.type = "text/plain; version=0.0.4; charset=utf-8",
                    .body = metrics_text(pipeline_, process_state(), counts_, now_us())};
  }
  for (const auto& asset : assets()) {
    if (asset.path != path) continue;
    return Response{.type = std::string(asset.type),
                    .body = std::string(asset.bytes),
                    .etag = std::string(asset.etag)};
  }
  if (path == "/" && assets().empty()) {
    return refusal(404,
                   "this ticklake was built without the page; /api/v1/pipeline, "
                   "/api/v1/candles and /metrics are there");
  }
  return refusal(404, fmt::format("nothing is at {}", printable(path)));
}

std::variant<Response, HistoryRequest> Service::candles(const Target& target) const {
  if (!subject_.table) return refusal(404, subject_.no_table);
  auto symbol = parameter(target, "symbol");
  if (!symbol) return refusal(400, "symbol is missing: /api/v1/candles?symbol=IBM");
  BarRange range{.interval_us = interval_us(), .bars_max = 1'000};
  if (auto text = parameter(target, "interval")) {
    auto interval = parse_interval(*text);
    if (!interval || *interval % interval_us() != 0) {
      return refusal(400, fmt::format("interval {} is no multiple of the table's {}",
                                      printable(*text), interval_text(interval_us())));
    }
    range.interval_us = *interval;
  }
  for (auto [name, bound] : {std::pair("from", &range.from_us), std::pair("to", &range.to_us)}) {
    auto text = parameter(target, name);
    if (!text) continue;
    auto instant = parse_instant(*text);
    if (!instant) {
      return refusal(400, fmt::format("{} is {}; milliseconds since 1970 or 2026-01-05T14:30:00Z "
                                      "is expected",
                                      name, printable(*text)));
    }
    *bound = *instant;
  }
  if (auto text = parameter(target, "limit")) {
    int64_t limit = text->size() <= 6 && text->find_first_not_of("0123456789") == std::string::npos
                        ? std::stoll(*text)
                        : 0;
    if (limit < 1 || limit > kAnswerBarsMax) {
      return refusal(400, fmt::format("limit is from 1 to {}", kAnswerBarsMax));
    }
    range.bars_max = static_cast<size_t>(limit);
  }
  auto bars = store_.bars(*symbol, range);
  int64_t complete_us = store_.complete_from_us();
  bool enough = bars.size() >= range.bars_max && bars.front().bar.start_us >= complete_us;
  bool whole = range.from_us >= complete_us || enough;
  if (whole || !loaded_) return candles_body(*symbol, range.interval_us, bars);
  BarRange own = range;
  own.interval_us = 0;
  int64_t each = range.interval_us / interval_us();
  int64_t asked = static_cast<int64_t>(range.bars_max) * each;
  // One more tells that the bucket before has bars too.
  if (each > 1) asked += 1;
  own.bars_max = static_cast<size_t>(std::min(kHistoryBarsMax, asked));
  return HistoryRequest{*symbol, own, range};
}

Response Service::finish(const HistoryRequest& request, std::vector<ShownBar> closed) const {
  auto start = [](const ShownBar& shown) { return shown.bar.start_us; };
  auto mine = store_.bars(request.symbol, request.range);
  std::vector<ShownBar> all;
  std::merge(closed.begin(), closed.end(), mine.begin(), mine.end(), std::back_inserter(all),
             [&](const auto& a, const auto& b) { return start(a) < start(b); });
  // Of two with one start the second is the one at hand.
  size_t kept = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size() && start(all[i]) == start(all[i + 1])) continue;
    all[kept++] = all[i];
  }
  all.resize(kept);
  // Where there are more bars than were read, the oldest bucket lacks some of its own.
  int64_t longer_us = request.shown.interval_us;
  bool cut = longer_us > interval_us() && closed.size() >= request.range.bars_max;
  if (cut) {
    int64_t whole_us = floor_to(start(closed.front()), longer_us) + longer_us;
    std::erase_if(all, [&](const ShownBar& shown) { return start(shown) < whole_us; });
  }
  return candles_body(request.symbol, request.shown.interval_us, put_together(all, request.shown));
}

Response Service::candles_body(const std::string& symbol, int64_t interval_us,
                               const std::vector<ShownBar>& bars) const {
  if (bars.empty() && loaded_ && !store_.has(symbol)) {
    std::string near = nearest(symbol, store_.symbols());
    return refusal(404, fmt::format("no candles of {}{}", printable(symbol),
                                    near.empty() ? "" : fmt::format("; did you mean {}?", near)));
  }
  return Response{
      .body = fmt::format(
          R"({{"symbol":{},"interval":"{}","interval_ms":{},"cursor":"{}","loading":{},)"
          R"("bars":{}}})"
          "\n",
          json_text(symbol), interval_text(interval_us), interval_us / kMicrosPerMilli,
          log_.cursor(), !loaded_, bars_json(bars))};
}

Response Service::symbols(const Target& target) const {
  std::string query = uppered(parameter(target, "query").value_or(""));
  std::vector<Quote> quotes;
  size_t all = 0;
  for (const auto& symbol : store_.symbols()) {
    if (uppered(symbol).find(query) == std::string::npos) continue;
    ++all;
    auto quote = store_.quote(symbol);
    if (quote && quotes.size() < kSymbolsMax) quotes.push_back(*std::move(quote));
  }
  return Response{.body = fmt::format("{{\"count\":{},\"loading\":{},\"symbols\":{}}}\n", all,
                                      !loaded_, quotes_json(quotes))};
}

Response Service::ready() const {
  std::string problem;
  if (pipeline_.taken_us == 0) {
    problem = "the pipeline has not begun";
  } else if (now_us() - pipeline_.taken_us > kReadyAgeUs) {
    problem = fmt::format("the pipeline's figures are {} s old",
                          (now_us() - pipeline_.taken_us) / kMicrosPerSecond);
  } else if (!loaded_) {
    problem = "candles are being read";
  }
  for (const auto& flow : pipeline_.flows) {
    if (flow.state == "failed") problem = fmt::format("flow {} has failed", flow.name);
  }
  if (!problem.empty()) return refusal(503, problem);
  return Response{.type = "text/plain; charset=utf-8", .body = "ready\n"};
}

PreviewState Service::preview() const {
  std::string waiting = !load_problem_.empty() ? load_problem_ : waiting_;
  return {.table = subject_.table ? subject_.table->name : "",
          .no_table = subject_.no_table,
          .interval_us = interval_us(),
          .waiting = std::move(waiting),
          .changed_us = open_changed_us_};
}

// ---- streams

std::variant<Response, StreamState*> Service::open_stream(const Target& target,
                                                          const std::string& last_event_id) {
  StreamState stream;
  stream.symbol = parameter(target, "symbol").value_or("");
  stream.seq = log_.last();
  std::string after =
      !last_event_id.empty() ? last_event_id : parameter(target, "after").value_or("");
  if (!after.empty()) {
    auto seq = log_.resume(after);
    stream.reset = !seq;
    if (seq) stream.seq = *seq;
  }
  stream.ping_us = now_us();
  streams_.push_back(std::move(stream));
  counts_.streams += 1;
  return &streams_.back();
}

void Service::close_stream(const StreamState* stream) {
  counts_.streams -= 1;
  streams_.remove_if([stream](const StreamState& one) { return &one == stream; });
}

std::string Service::due(StreamState& stream) {
  int64_t now = now_us();
  std::string text;
  auto say = [&](std::string_view name, std::string_view data, std::string_view id = "") {
    text += event_text(name, data, id);
    counts_.events_sent += 1;
  };
  if (stream.reset || log_.lost(stream.seq)) {
    stream.reset = false;
    stream.seq = log_.last();
    say("reset", "{}", log_.cursor());
  }
  while (text.size() < kDueBytesMax) {
    const LogEvent* event = log_.next(stream.seq, stream.symbol);
    stream.seq = event != nullptr ? event->seq : log_.last();
    if (event == nullptr) break;
    say("bar", event->data, log_.id(event->seq));
  }
  if (stream.bars && past(now, stream.bars_us, kBarsEveryUs)) {
    auto bars = store_.open_bars(stream.symbol);
    if (!bars.empty()) say("bar", bar_event(stream.symbol, bars, now));
    stream.bars = false;
    stream.bars_us = now;
  }
  bool quotes = stream.all_quotes || !stream.quotes.empty();
  if (quotes && past(now, stream.quotes_us, kQuotesEveryUs)) {
    if (stream.all_quotes) {
      auto all = store_.symbols();
      stream.quotes.insert(all.begin(), all.end());
    }
    std::vector<Quote> changed;
    // Those that do not fit into this event are in the next one.
    while (!stream.quotes.empty() && changed.size() < kSymbolsMax) {
      auto quote = store_.quote(*stream.quotes.begin());
      if (quote) changed.push_back(*std::move(quote));
      stream.quotes.erase(stream.quotes.begin());
    }
    if (!changed.empty()) say("quotes", quotes_json(changed));
    stream.all_quotes = false;
    stream.quotes_us = now;
  }
  if (stream.pipeline && past(now, stream.pipeline_us, kPipelineEveryUs)) {
    say("pipeline", pipeline_json(pipeline_, preview(), now));
    stream.pipeline = false;
    stream.pipeline_us = now;
  }
  if (!text.empty()) {
    stream.ping_us = now;
  } else if (past(now, stream.ping_us, kPingEveryUs)) {
    say("ping", fmt::format(R"({{"now":{}}})", now / kMicrosPerMilli));
    stream.ping_us = now;
  }
  return text;
}

int64_t Service::next_due_us(const StreamState& stream) const {
  int64_t now = now_us();
  bool log = log_.next(stream.seq, stream.symbol) != nullptr || log_.lost(stream.seq);
  if (log || stream.reset) return now;
  int64_t due = stream.ping_us + kPingEveryUs;
  if (stream.bars) due = std::min(due, stream.bars_us + kBarsEveryUs);
  if (stream.all_quotes || !stream.quotes.empty()) {
    due = std::min(due, stream.quotes_us + kQuotesEveryUs);
  }
  if (stream.pipeline) due = std::min(due, stream.pipeline_us + kPipelineEveryUs);
  return std::clamp(due, now, now + kPingEveryUs);
}

// ---- what is new

void Service::publish(PipelineState state) {
  pipeline_ = std::move(state);
  for (auto& stream : streams_) stream.pipeline = true;
}

void Service::mark_quote(const std::string& symbol) {
  for (auto& stream : streams_) {
    stream.quotes.insert(symbol);
  }
}

void Service::publish(const LiveUpdate& update) {
  if (waiting_ != update.waiting) {
    for (auto& stream : streams_) stream.pipeline = true;
  }
  waiting_ = update.waiting;
  std::map<std::string, std::vector<ShownBar>> closed;
  for (const auto& bar : update.closed) {
    store_.close(bar);
    if (next_) next_->close(bar);
    closed[bar.symbol].push_back({bar.bar, true});
  }
  for (auto& [symbol, bars] : closed) {
    log_.add(symbol, bar_event(symbol, bars, now_us()));
    mark_quote(symbol);
  }
  if (!update.open) return;
  open_changed_us_ = now_us();
  auto changed = store_.set_open(*update.open);
  for (const auto& symbol : changed) mark_quote(symbol);
  for (auto& stream : streams_) {
    bool mine = std::binary_search(changed.begin(), changed.end(), stream.symbol);
    stream.bars = stream.bars || mine;
  }
}

// The first load has nothing to keep: its bars are shown as they come.
void Service::begin_load() {
  if (loaded_) next_.emplace(kBarsMax);
}

void Service::load(std::vector<SymbolBar> bars, int64_t from_us) {
  auto& store = next_ ? *next_ : store_;
  store.load(std::move(bars));
  store.set_complete_from_us(from_us);
}

void Service::end_load(const std::string& problem) {
  if (next_ && problem.empty()) {
    next_->take_open(store_);
    store_ = *std::move(next_);
  }
  next_.reset();
  loaded_ = true;
  load_problem_ = problem;
  for (auto& stream : streams_) stream.reset = true;
  for (auto& stream : streams_) stream.all_quotes = true;
}

}  // namespace ticklake::serving
