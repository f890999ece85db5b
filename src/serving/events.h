// The events of the stream. Two classes: state (an open bar, the pipeline), of which only the
// newest matters, and log (a closed bar), which a client that comes back is told again. Private to
// the folder. One thread.
//
//   id: <boot>-<seq>     of log events; <boot> is this process's, <seq> counts from 1
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace ticklake::serving {

struct LogEvent {
  int64_t seq = 0;
  std::string symbol;
  std::string data;
};

class EventLog {
 public:
  EventLog(std::string boot, size_t events_max) : boot_(std::move(boot)), events_max_(events_max) {}

  void add(std::string symbol, std::string data);
  // What has happened up to now, as an event id.
  std::string cursor() const { return id(last_); }
  std::string id(int64_t seq) const;
  int64_t last() const { return last_; }

  // Where a client goes on that has seen everything up to `event_id`. Nothing: this log cannot tell
  // what it has missed (another process, too long ago), so it must begin anew.
  std::optional<int64_t> resume(std::string_view event_id) const;
  // Events after `seq` of one symbol are gone from the log.
  bool lost(int64_t seq) const;
  const LogEvent* next(int64_t seq, const std::string& symbol) const;

 private:
  std::string boot_;
  size_t events_max_;
  int64_t last_ = 0;
  std::deque<LogEvent> events_;
};

// One event in the form of text/event-stream; `data` is one line.
std::string event_text(std::string_view name, std::string_view data, std::string_view id = "");

}  // namespace ticklake::serving
