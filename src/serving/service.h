// What the server knows and says, without a socket: the bars, the pipeline, the streams' dues.
// Private to the folder. One thread.
#pragma once

#include <list>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "events.h"
#include "json.h"
#include "metrics.h"
#include "request.h"
#include "serving/serving.h"
#include "store.h"

namespace ticklake::serving {

// What one client of the stream has been told, and what is due to it. Of state only the newest is
// kept, so a slow client costs no memory and gets fewer updates, never older ones.
struct StreamState {
  std::string symbol;
  int64_t seq = 0;                                                   // of the log, told
  bool reset = false;                                                // it must begin anew
  bool bars = true, pipeline = true, all_quotes = true;              // changed since they were told
  std::set<std::string> quotes;                                      // symbols whose quote changed
  int64_t bars_us = 0, quotes_us = 0, pipeline_us = 0, ping_us = 0;  // told at
};

// Closed bars that are not at hand: read_bars() gives them, finish() makes the answer.
struct HistoryRequest {
  std::string symbol;
  BarRange range;  // of the table's own interval
  BarRange shown;  // as asked for
};

class Service {
 public:
  static constexpr size_t kBarsMax = 1'000'000;  // closed, at hand; 48 bytes each

  Service(Subject subject, std::string boot);

  const Subject& subject() const { return subject_; }
  ServerCounts& counts() { return counts_; }

  std::variant<Response, HistoryRequest> answer(const Target& target);
  Response finish(const HistoryRequest& request, std::vector<ShownBar> closed) const;

  // The refusal, or the stream's state, which stays where it is until it is closed.
  std::variant<Response, StreamState*> open_stream(const Target& target,
                                                   const std::string& last_event_id);
  void close_stream(const StreamState* stream);
  // What is due now as text/event-stream, "" for nothing.
  std::string due(StreamState& stream);
  // When something more will be due if nothing happens, at most a ping's time from now.
  int64_t next_due_us(const StreamState& stream) const;

  void publish(PipelineState state);
  void publish(const LiveUpdate& update);

  // The table's bars, read anew: begin, before the table is opened, any number of chunks, end. What
  // is at hand already is shown until the end, and stays where there is a problem.
  void begin_load();
  void load(std::vector<SymbolBar> bars, int64_t from_us);
  void end_load(const std::string& problem);

 private:
  int64_t now_us() const { return subject_.clock.now_us(); }
  int64_t interval_us() const { return subject_.table ? subject_.table->interval_us : 0; }
  std::variant<Response, HistoryRequest> candles(const Target& target) const;
  Response candles_body(const std::string& symbol, int64_t interval_us,
                        const std::vector<ShownBar>& bars) const;
  Response symbols(const Target& target) const;
  Response ready() const;
  PreviewState preview() const;
  void mark_quote(const std::string& symbol);

  Subject subject_;
  CandleStore store_;
  std::optional<CandleStore> next_;  // what is being read anew, and what closes meanwhile
  EventLog log_;
  PipelineState pipeline_;
  ServerCounts counts_;
  std::list<StreamState> streams_;
  std::string waiting_;
  std::string load_problem_;
  int64_t open_changed_us_ = 0;
  bool loaded_ = false;
};

}  // namespace ticklake::serving
