// Candles, streams and metrics without a socket, on a clock that the test turns.
#include "service.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "delta/delta.h"
#include "history.h"

namespace ticklake::serving {
namespace {

constexpr int64_t kStart = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z
constexpr int64_t kMinute = kMicrosPerMinute;

Schema candle_schema() {
  return *parse_ddl(
      "symbol STRING, window_start TIMESTAMP, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, "
      "volume BIGINT");
}

TableInfo candle_info() {
  return {.name = "c.d.gold", .path = "/t/gold", .schema = candle_schema(), .window_us = kMinute};
}

SymbolBar bar(const std::string& symbol, int64_t minute, double open, double close,
              double volume = 1) {
  return {symbol,
          {kStart + minute * kMinute, open, std::max(open, close) + 1, std::min(open, close) - 1,
           close, volume}};
}

// A service in memory, and one client's stream of it.
class World {
 public:
  World()
      : service({.files = files, .clock = clock, .table = *find_candles("", {candle_info()})},
                "boot") {
    service.begin_load();
    service.load({}, INT64_MIN);
    service.end_load("");
  }

  nlohmann::json get(const std::string& target, unsigned status = 200) {
    auto answer = service.answer(*parse_target(target));
    auto* response = std::get_if<Response>(&answer);
    EXPECT_NE(response, nullptr) << target;
    if (response == nullptr) return {};
    EXPECT_EQ(response->status, status) << target << response->body;
    return nlohmann::json::parse(response->body, nullptr, false);
  }

  StreamState& open(const std::string& target, const std::string& last_event_id = "") {
    auto stream = service.open_stream(*parse_target(target), last_event_id);
    return *std::get<StreamState*>(stream);
  }

  // All that is due by now, a second later.
  std::string due(StreamState& stream) {
    clock.advance_us(1'000'000);
    return service.due(stream);
  }

  void close(const SymbolBar& closed) {
    LiveUpdate update;
    update.closed = {closed};
    service.publish(update);
  }
  void set_open(std::vector<SymbolBar> bars) {
    LiveUpdate update;
    update.open = std::move(bars);
    service.publish(update);
  }

  io::ManualClock clock{kStart + 60 * kMinute};
  io::MemoryFiles files;
  Service service;
};

int count_of(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(Candles, OfATableAreFoundByTheirColumns) {
  TableInfo other{.name = "c.d.silver", .path = "/s", .schema = *parse_ddl("symbol STRING")};
  auto found = find_candles("", {other, candle_info()});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "c.d.gold");
  EXPECT_EQ(found->interval_us, kMinute);
  auto none = find_candles("", {other});
  EXPECT_EQ(none.error().code, Code::NotFound);
  EXPECT_NE(none.error().message.find("ticklake.serve.candles"), std::string::npos);
}

TEST(Candles, AreAsDeclared) {
  TableInfo info{
      .name = "c.d.g",
      .path = "/g",
      .schema = *parse_ddl("s STRING, t TIMESTAMP, a INT, b INT, c INT, d INT, n STRING"),
      .window_us = {}};
  auto found = find_candles("g(s, t, a, B, c, d)", {info});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->high, "b");
  EXPECT_EQ(found->volume, "");
  for (auto [declared, word] : {std::pair("h(s,t,a,b,c,d)", "did you mean g"),
                                {"g", "name its columns"},
                                {"g(s,t,a,b,c)", "volume may be left out"},
                                {"g(s,t,a,b,c,e)", "no column e"},
                                {"g(s,t,a,b,c,n)", "a number is expected"},
                                {"g(a,t,a,b,c,d)", "STRING is expected"},
                                {"g(s,t,a,b,c,d", "write it as"}}) {
    auto refused = find_candles(declared, {info});
    ASSERT_FALSE(refused) << declared;
    EXPECT_EQ(refused.error().code, Code::Invalid);
    EXPECT_NE(refused.error().message.find(word), std::string::npos) << refused.error().message;
  }
}

TEST(Candles, ArePutTogetherForLongerIntervals) {
  World world;
  for (int64_t minute = 0; minute < 7; ++minute) {
    double price = 100 + static_cast<double>(minute);
    world.close(bar("IBM", minute, price, price + 0.5, 10));
  }
  world.set_open({bar("IBM", 7, 107, 90, 10)});
  auto body = world.get("/api/v1/candles?symbol=IBM&interval=5m");
  ASSERT_EQ(body["bars"].size(), 2u);
  EXPECT_EQ(body["bars"][0].dump(), "[1767225600000,100,105.5,99,104.5,50,1]");
  EXPECT_EQ(body["bars"][1].dump(), "[1767225900000,105,108,89,90,30,0]");
  auto two = world.get("/api/v1/candles?symbol=IBM&limit=2&to=2026-01-01T00:05:00Z");
  ASSERT_EQ(two["bars"].size(), 2u);
  EXPECT_EQ(two["bars"][1][0], 1767225600000 + 4 * 60000);
}

TEST(Candles, AreRefusedInASentence) {
  World world;
  world.close(bar("IBM", 0, 1, 2));
  for (auto [target, status, word] :
       {std::tuple("/api/v1/candles", 400U, "symbol is missing"),
        {"/api/v1/candles?symbol=IBN", 404U, "did you mean IBM"},
        {"/api/v1/candles?symbol=IBM&interval=90s", 400U, "no multiple of the table's 1m"},
        {"/api/v1/candles?symbol=IBM&from=soon", 400U, "milliseconds since 1970"},
        {"/api/v1/candles?symbol=IBM&limit=0", 400U, "limit is from 1"},
        {"/api/v1/candles?symbol=IBM&limit=999999999999", 400U, "limit is from 1"},
        {"/api/v2", 404U, "nothing is at"}}) {
    auto body = world.get(target, status);
    EXPECT_NE(body["error"].get<std::string>().find(word), std::string::npos) << body.dump();
  }
}

TEST(Stream, BeginsWithWhatIs) {
  World world;
  world.close(bar("AAPL", 0, 5, 6));
  world.set_open({bar("IBM", 1, 100, 101), bar("AAPL", 1, 6, 7)});
  auto& stream = world.open("/api/v1/events?symbol=IBM");
  std::string text = world.due(stream);
  EXPECT_EQ(count_of(text, "event: bar\n"), 1);
  EXPECT_NE(text.find(R"("symbol":"IBM","bars":[[1767225660000,100,102,99,101,1,0]])"),
            std::string::npos)
      << text;
  EXPECT_EQ(count_of(text, "event: quotes\n"), 1);
  EXPECT_EQ(count_of(text, "event: pipeline\n"), 1);
  EXPECT_EQ(world.due(stream), "");
  EXPECT_EQ(count_of(world.due(stream), "event: ping\n"), 1) << "silence is told as silence";
}

TEST(Stream, TellsTheNewestStateOnly) {
  World world;
  auto& stream = world.open("/api/v1/events?symbol=IBM");
  world.due(stream);
  for (int i = 0; i < 1000; ++i) world.set_open({bar("IBM", 1, 100, 100 + i)});
  std::string text = world.due(stream);
  EXPECT_EQ(count_of(text, "event: bar\n"), 1) << "what a slow client missed is not kept";
  EXPECT_NE(text.find(",1099,1,0]"), std::string::npos) << text;
  world.set_open({bar("IBM", 1, 100, 1099), bar("AAPL", 1, 1, 2)});
  text = world.due(stream);
  EXPECT_EQ(count_of(text, "event: bar\n"), 0) << "another symbol's bar";
  EXPECT_EQ(count_of(text, "event: quotes\n"), 1);
}

TEST(Stream, HasItsPace) {
  World world;
  auto& stream = world.open("/api/v1/events?symbol=IBM");
  world.due(stream);
  world.clock.advance_us(1'000'000);
  world.set_open({bar("IBM", 1, 100, 101)});
  EXPECT_NE(world.service.due(stream), "") << "the first change is told at once";
  world.set_open({bar("IBM", 1, 100, 102)});
  EXPECT_EQ(world.service.due(stream), "") << "the next one a little later";
  int64_t wait_us = world.service.next_due_us(stream) - world.clock.now_us();
  EXPECT_GT(wait_us, 0);
  EXPECT_LE(wait_us, 50'000);
  world.clock.advance_us(wait_us);
  EXPECT_NE(world.service.due(stream), "");
}

TEST(Stream, ComesBackWithoutGapOrDouble) {
  World world;
  auto& first = world.open("/api/v1/events?symbol=IBM");
  world.due(first);
  world.close(bar("IBM", 0, 100, 101));
  world.close(bar("AAPL", 0, 5, 6));
  std::string text = world.due(first);
  EXPECT_EQ(count_of(text, "event: bar\n"), 1);
  EXPECT_NE(text.find("id: boot-1\n"), std::string::npos);
  world.service.close_stream(&first);
  world.close(bar("IBM", 1, 101, 102));
  world.close(bar("IBM", 2, 102, 103));
  auto& again = world.open("/api/v1/events?symbol=IBM", "boot-1");
  text = world.due(again);
  EXPECT_EQ(count_of(text, "event: bar\n"), 2);
  EXPECT_EQ(count_of(text, "event: reset\n"), 0);
  EXPECT_NE(text.find("id: boot-3\n"), std::string::npos);
  EXPECT_NE(text.find("id: boot-4\n"), std::string::npos);
}

TEST(Stream, GoesOnFromASnapshot) {
  World world;
  world.close(bar("IBM", 0, 100, 101));
  auto body = world.get("/api/v1/candles?symbol=IBM");
  ASSERT_EQ(body["bars"].size(), 1u);
  world.close(bar("IBM", 1, 101, 102));
  auto cursor = body["cursor"].get<std::string>();
  auto& stream = world.open("/api/v1/events?symbol=IBM&after=" + cursor);
  std::string text = world.due(stream);
  EXPECT_EQ(count_of(text, "event: bar\n"), 1) << "the bar that the snapshot lacks, and no other";
  EXPECT_NE(text.find("[1767225660000,101,"), std::string::npos) << text;
}

TEST(Stream, SaysResetWhereItCannotGoOn) {
  World world;
  for (int i = 0; i < 9'000; ++i) world.close(bar("IBM", i, 1, 2));
  for (const char* id : {"other-1", "boot-1", "boot-99999", "boot--1", "boot-", "x", "boot-1x"}) {
    auto& stream = world.open("/api/v1/events?symbol=IBM", id);
    std::string text = world.due(stream);
    EXPECT_EQ(count_of(text, "event: reset\n"), 1) << id;
    EXPECT_NE(text.find("id: boot-9000\n"), std::string::npos) << "from there it can";
    world.service.close_stream(&stream);
  }
  auto& slow = world.open("/api/v1/events?symbol=IBM", "boot-8999");
  EXPECT_EQ(count_of(world.due(slow), "event: reset\n"), 0);
  for (int i = 0; i < 9'000; ++i) world.close(bar("IBM", 10'000 + i, 1, 2));
  EXPECT_EQ(count_of(world.due(slow), "event: reset\n"), 1) << "the log went on without it";
}

TEST(Stream, AClosedBarReplacesTheOpenOne) {
  World world;
  world.set_open({bar("IBM", 0, 100, 101), bar("IBM", 1, 101, 102)});
  world.close(bar("IBM", 0, 100, 100.5));
  auto body = world.get("/api/v1/candles?symbol=IBM");
  ASSERT_EQ(body["bars"].size(), 2u);
  EXPECT_EQ(body["bars"][0][4], 100.5) << "what the table says stands";
  EXPECT_EQ(body["bars"][0][6], 1);
  EXPECT_EQ(body["bars"][1][6], 0);
}

TEST(Load, LosesNoBarThatClosesMeanwhile) {
  io::ManualClock clock{kStart};
  io::MemoryFiles files;
  Service service({.files = files, .clock = clock, .table = *find_candles("", {candle_info()})},
                  "boot");
  auto shown = [&] {
    auto answer = service.answer(*parse_target("/api/v1/candles?symbol=IBM"));
    std::vector<std::pair<double, int>> out;
    auto body = nlohmann::json::parse(std::get<Response>(answer).body);
    for (const auto& one : body["bars"]) {
      out.emplace_back(one[4].get<double>(), one[6].get<int>());
    }
    return out;
  };
  using Shown = std::vector<std::pair<double, int>>;
  auto close = [&](const SymbolBar& closed) {
    LiveUpdate update;
    update.closed = {closed};
    service.publish(update);
  };
  for (int round = 0; round < 2; ++round) {
    service.begin_load();
    // The table is opened here; what it did not have then is told before its rows are.
    close(bar("IBM", 1 + round, 2, 3 + round));
    service.load({bar("IBM", 0, 1, 2)}, INT64_MIN);
    if (round == 1) service.load({bar("IBM", 1, 2, 3)}, INT64_MIN);
    LiveUpdate update;
    update.open = {bar("IBM", 2 + round, 5, 6)};
    service.publish(update);
    service.end_load("");
    Shown wanted = {{2, 1}, {3, 1}, {6, 0}};
    if (round == 1) wanted = {{2, 1}, {3, 1}, {4, 1}, {6, 0}};
    EXPECT_EQ(shown(), wanted) << round;
  }
}

TEST(Load, ShowsWhatIsAtHandUntilItEnds) {
  World world;
  world.service.publish(PipelineState{.project = "p", .taken_us = world.clock.now_us()});
  auto ready = [&] {
    return std::get<Response>(world.service.answer(*parse_target("/readyz"))).status;
  };
  auto last = [&] { return world.get("/api/v1/candles?symbol=IBM")["bars"][0][4]; };
  world.close(bar("IBM", 0, 1, 2));
  world.service.begin_load();
  world.service.load({bar("IBM", 0, 1, 7)}, INT64_MIN);
  EXPECT_EQ(ready(), 200U);
  EXPECT_EQ(last(), 2);
  world.service.end_load("the disk is away");
  EXPECT_EQ(last(), 2) << "half a table replaces nothing";
  world.service.begin_load();
  world.service.load({bar("IBM", 0, 1, 7)}, INT64_MIN);
  world.service.end_load("");
  EXPECT_EQ(last(), 7);
  EXPECT_EQ(ready(), 200U);
}

TEST(History, IsReadFromTheTableNewestFirst) {
  World world;
  const auto& table = *world.service.subject().table;
  auto snapshot = delta::create(world.files, world.clock, table.path, {.schema = candle_schema()});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  for (int64_t minute = 0; minute < 150; ++minute) {
    arrow::StringBuilder symbols;
    arrow::TimestampBuilder starts(to_arrow(Type(Kind::Timestamp)), arrow::default_memory_pool());
    arrow::DoubleBuilder prices;
    arrow::Int64Builder volumes;
    for (const char* symbol : {"AAPL", "IBM"}) {
      ASSERT_TRUE(symbols.Append(symbol).ok());
      ASSERT_TRUE(starts.Append(kStart + minute * kMinute).ok());
      ASSERT_TRUE(prices.Append(static_cast<double>(minute)).ok());
      ASSERT_TRUE(volumes.Append(minute).ok());
    }
    auto price = prices.Finish().ValueOrDie();
    auto rows =
        arrow::RecordBatch::Make(to_arrow(candle_schema()), 2,
                                 {symbols.Finish().ValueOrDie(), starts.Finish().ValueOrDie(),
                                  price, price, price, price, volumes.Finish().ValueOrDie()});
    auto added = delta::write(world.files, world.clock, *snapshot, {rows});
    ASSERT_TRUE(added) << added.error().message;
    delta::Transaction transaction{.operation = "WRITE", .adds = *added};
    snapshot = delta::commit(world.files, world.clock, *snapshot, std::move(transaction));
    ASSERT_TRUE(snapshot) << snapshot.error().message;
  }
  std::vector<int64_t> froms;
  std::vector<size_t> chunks;
  auto go_on = [] { return false; };
  auto give = [&](std::vector<SymbolBar> some, int64_t from) {
    chunks.push_back(some.size());
    for (const auto& one : some) EXPECT_GE(one.bar.start_us, kStart);
    froms.push_back(from);
  };
  auto read = read_newest_first(world.files, table, 2 * 127 + 1, go_on, give);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(froms.size(), 2u);
  EXPECT_EQ(chunks, (std::vector<size_t>{128, 128})) << "bounded by bars: 64 files each";
  EXPECT_GT(froms[0], froms[1]);
  EXPECT_GT(froms[1], kStart + 21 * kMinute) << "of what is older nothing was given";
  EXPECT_LE(froms[1], kStart + 22 * kMinute) << "all that is newer was";

  // At hand are the newest only: the rest comes from the table, and both make one answer.
  world.service.load({}, kStart + 140 * kMinute);
  for (int64_t minute = 140; minute < 150; ++minute) {
    world.close({"IBM", {kStart + minute * kMinute, 1, 1, 1, 7, 1}});
  }
  auto answer = world.service.answer(*parse_target("/api/v1/candles?symbol=IBM&limit=60"));
  auto* request = std::get_if<HistoryRequest>(&answer);
  ASSERT_NE(request, nullptr);
  auto closed = read_bars(world.files, table, request->symbol, request->range, go_on);
  ASSERT_TRUE(closed) << closed.error().message;
  EXPECT_EQ(closed->size(), 60u);
  auto body = nlohmann::json::parse(world.service.finish(*request, *closed).body);
  ASSERT_EQ(body["bars"].size(), 60u);
  for (size_t i = 0; i < 60; ++i) {
    int64_t minute = 90 + static_cast<int64_t>(i);
    EXPECT_EQ(body["bars"][i][0], (kStart + minute * kMinute) / 1000);
    EXPECT_EQ(body["bars"][i][4], minute < 140 ? static_cast<double>(minute) : 7.0);
  }

  // The bars of a longer interval are whole, however many bars were read for them.
  answer = world.service.answer(
      *parse_target("/api/v1/candles?symbol=IBM&interval=7m&limit=3&to=2026-01-01T02:00:00Z"));
  request = std::get_if<HistoryRequest>(&answer);
  ASSERT_NE(request, nullptr);
  for (size_t bars_max : {request->range.bars_max, size_t{10}}) {
    request->range.bars_max = bars_max;
    closed = read_bars(world.files, table, request->symbol, request->range, go_on);
    ASSERT_TRUE(closed) << closed.error().message;
    EXPECT_EQ(closed->size(), bars_max);
    body = nlohmann::json::parse(world.service.finish(*request, *closed).body);
    ASSERT_EQ(body["bars"].size(), bars_max == 10 ? 2u : 3u);
    for (const auto& one : body["bars"]) {
      int64_t minute = (one[0].get<int64_t>() * 1000 - kStart) / kMinute;
      EXPECT_EQ(one[1], static_cast<double>(minute)) << "the first minute opens it";
    }
  }

  auto stopped = read_newest_first(world.files, table, 1'000, [] { return true; }, give);
  EXPECT_EQ(stopped.error().code, Code::Unavailable);
  EXPECT_EQ(stopped.error().message, "the server stops");
  EXPECT_EQ(froms.size(), 2u);
  // Fewer than a chunk's files where fewer bars are asked for.
  ASSERT_TRUE(read_newest_first(world.files, table, 5, go_on, give));
  EXPECT_EQ(chunks.back(), 6u);
}

TEST(Candles, RowsWithoutAColumnAreRefused) {
  auto table = *find_candles("", {candle_info()});
  auto rows = *arrow::RecordBatch::MakeEmpty(to_arrow(*parse_ddl("symbol STRING")));
  auto bars = bars_of(table, {rows});
  ASSERT_FALSE(bars);
  EXPECT_EQ(bars.error().message, "no column window_start in the rows of candles");
}

PipelineState some_state(int64_t now_us) {
  FlowState flow{.name = "c.d.\"odd\\flow\n", .kind = "STREAMING_TABLE", .state = "running"};
  flow.rows_in = 12;
  flow.rows_out = 10;
  flow.dropped = 2;
  flow.watermark_us = now_us - 3'500'000;
  flow.expectations = {{"valid", 10, 2, true}};
  flow.stage_ns = {{"sql", 1'500'000'000}};
  return {.project = "p", .taken_us = now_us, .flows = {flow}, .sources = {{"s", "t", "", 5, 0}}};
}

TEST(Metrics, AreInPrometheusForm) {
  std::string text = metrics_text(some_state(kStart), {1.25, 4096, 0}, {}, kStart);
  const std::string flow = R"(flow="c.d.\"odd\\flow\n")";
  for (const std::string& line :
       {"ticklake_flow_rows_in_total{" + flow + "} 12",
        "ticklake_flow_rows_out_total{" + flow + "} 10",
        "ticklake_flow_dropped_rows_total{" + flow + "} 2",
        "ticklake_flow_watermark_age_seconds{" + flow + "} 3.5",
        "ticklake_flow_state{" + flow + R"(,state="running"} 1)",
        "ticklake_expectation_failed_total{" + flow + R"(,expectation="valid"} 2)",
        "ticklake_flow_stage_seconds_total{" + flow + R"(,stage="sql"} 1.5)",
        std::string(R"(ticklake_source_records_total{source="s",topic="t"} 5)"),
        std::string("process_cpu_seconds_total 1.25"),
        std::string("process_resident_memory_bytes 4096")}) {
    EXPECT_NE(text.find("\n" + line + "\n"), std::string::npos) << line << "\n" << text;
  }
  EXPECT_EQ(text.find("ticklake_flow_lag_rows{"), std::string::npos) << "unknown is not 0";
  EXPECT_EQ(count_of(text, "# TYPE ticklake_flow_rows_in_total counter\n"), 1);
}

TEST(Ready, OnlyWithNewFigures) {
  World world;
  auto status = [&] {
    auto answer = world.service.answer(*parse_target("/readyz"));
    return std::get<Response>(answer).status;
  };
  EXPECT_EQ(status(), 503U);
  world.service.publish(some_state(world.clock.now_us()));
  EXPECT_EQ(status(), 200U);
  world.clock.advance_us(60'000'000);
  EXPECT_EQ(status(), 503U) << "a pipeline that hangs is not ready";
}

TEST(Pipeline, IsToldAsItWas) {
  World world;
  world.service.publish(some_state(world.clock.now_us()));
  auto body = world.get("/api/v1/pipeline");
  EXPECT_EQ(body["flows"][0]["expectations"][0]["failed"], 2);
  EXPECT_EQ(body["flows"][0]["lag_rows"], nullptr);
  EXPECT_EQ(body["live"]["table"], "c.d.gold");
  EXPECT_EQ(body["taken"], body["now"]);
}

}  // namespace
}  // namespace ticklake::serving
