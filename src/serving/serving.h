// The live face of a run: one page, a JSON API, a stream of events, metrics. It reads tables and is
// handed what is newer than the tables; it knows nothing of the engine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/clock.h"
#include "io/files.h"
#include "model/arrow.h"
#include "model/type.h"

namespace ticklake::serving {

// ---- candles

// One table of candles, and which of its columns is what.
struct CandleTable {
  std::string name;  // canonical
  io::Path path;
  int64_t interval_us = 0;
  std::string symbol, start, open, high, low, close, volume;  // columns; volume "": none
};

struct TableInfo {
  std::string name;  // canonical
  io::Path path;
  Schema schema;
  std::optional<int64_t> window_us = {};  // of a windowed table
};

// What configuration ticklake.serve.candles declares, "table(symbol, start, open, high, low, close,
// volume)", or, where `declared` is empty, the table whose columns are named so; of several the one
// with the shortest windows. NotFound, saying how to declare it; Invalid: what is declared does not
// fit.
Result<CandleTable> find_candles(const std::string& declared, const std::vector<TableInfo>& tables);

struct Bar {
  int64_t start_us = 0;
  double open = 0, high = 0, low = 0, close = 0, volume = 0;
  bool operator==(const Bar&) const = default;
};
struct SymbolBar {
  std::string symbol;
  Bar bar;
  bool operator==(const SymbolBar&) const = default;
};

// The rows as bars; rows without symbol, start or a price are left out.
Result<std::vector<SymbolBar>> bars_of(const CandleTable& table, const Batches& rows);

// What is newer than the last update, of the candle table.
struct LiveUpdate {
  std::optional<std::vector<SymbolBar>> open = {};  // all bars that may still change
  std::vector<SymbolBar> closed = {};
  bool reload = false;       // the table is to be read anew; the first update says so too
  std::string waiting = {};  // why `open` does not move now; "": it does
};

// ---- the pipeline, as it is shown

struct ExpectationState {
  std::string name;
  int64_t passed = 0, failed = 0;
  bool drops = false;
};

struct FlowState {
  std::string name, table, kind, state, problem;
  int64_t rows_in = 0, rows_out = 0, commits = 0, dropped = 0, late = 0, undecodable = 0,
          quarantined = 0, retries = 0;
  double rows_in_per_second = 0, rows_out_per_second = 0;
  std::optional<int64_t> lag_rows = {}, watermark_us = {}, version = {}, last_commit_us = {};
  std::vector<ExpectationState> expectations = {};
  std::vector<std::pair<std::string, int64_t>> stage_ns = {};  // time spent, by stage
};

struct SourceState {
  std::string name, topic, problem;
  int64_t sent = 0, bad = 0;
};

struct PipelineState {
  std::string project;
  int64_t taken_us = 0;  // when this was so; 0: never yet
  int64_t started_us = 0;
  std::vector<FlowState> flows = {};
  std::vector<SourceState> sources = {};
};

// ---- the server

struct Address {
  std::string host = "127.0.0.1";
  uint16_t port = 8787;
};
// "", "PORT", "HOST" or "HOST:PORT". Unsupported: a host that is not this machine's loopback.
Result<Address> parse_address(const std::string& text);

struct Options {
  Address address = {};  // port 0: one that is free
  int connections_max = 256;
  int streams_max = 64;  // event streams, of the connections
};

// What the page may show; all but `table` may change while it runs.
struct Subject {
  io::FileStore& files;
  const io::Clock& clock;
  std::optional<CandleTable> table;
  std::string no_table = {};  // why there is none
};

// publish() and stop() may be called from any thread.
class Server {
 public:
  // Binds. Unavailable: the address is taken or not this machine's.
  static Result<std::unique_ptr<Server>> open(const Options& options, Subject subject);
  virtual ~Server() = default;

  virtual std::string url() const = 0;  // "http://127.0.0.1:8787/"

  // Serves in the calling thread until stop(); answers under way are finished, at most 2 seconds.
  virtual void run() = 0;
  // Reads tables for requests, in a second thread, until stop().
  virtual void work() = 0;
  virtual void stop() = 0;

  virtual void publish(PipelineState state) = 0;
  virtual void publish(LiveUpdate update) = 0;
};

}  // namespace ticklake::serving
