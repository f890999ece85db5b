// The sources of a project while it runs: each on its own thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/commands.h"
#include "app/crash_point.h"
#include "app/signals.h"
#include "base/result.h"
#include "broker/broker.h"
#include "sources/sources.h"

namespace ticklake::app {

struct SourceStatus {
  std::string name;
  std::string topic;
  int64_t sent = 0;
  int64_t bad = 0;
  int64_t files = 0;
  int64_t warnings = 0;
  bool finished = false;
  std::string problem = {};  // why the source was dropped
  bool failed = false;       // and is not opened again: only a change of its input would help
  std::vector<std::string> notes = {};  // what it has to tell, once
};

// What all sources of a run share; outlives them.
struct SourceWorld {
  Environment& environment;
  broker::Topics& topics;
  const Signals& signals;
  CrashPoint& crash_point;
  sources::OpenOptions options;
};

// Steps the source in the calling thread until it finishes, fails or a signal comes. `progress` is
// told after each step.
Result<SourceStatus> drain_source(const SourceWorld& world, const sources::SourceSpec& spec,
                                  const std::function<void(const SourceStatus&)>& progress);

// Steps a source on its own thread until a signal comes or this goes. A source that fails is opened
// again, each second while it cannot be, else after a pause that grows to a minute until it sends
// something; not so where the same would only fail again.
class SourceThread {
 public:
  SourceThread(const SourceWorld& world, sources::SourceSpec spec);
  SourceStatus status() const;
  SourceStatus take_notes();  // the status; its notes are not given again
  void stop();  // after the step under way

 private:
  void work(const std::stop_token& over);
  Result<void> step_until_over(sources::Source& source, const std::stop_token& over,
                               bool& any_step);  // it sent something
  void wait(int64_t duration_us, const std::stop_token& over) const;
  void note(const sources::Progress& progress);
  void note_problem(const std::string& problem, bool lasting);

  const SourceWorld& world_;
  sources::SourceSpec spec_;
  mutable std::mutex mutex_;
  SourceStatus status_;
  std::string told_;  // the problem, until the source works again
  std::jthread thread_;  // last: it uses the others
};

}  // namespace ticklake::app
