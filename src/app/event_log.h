// What a run tells of itself as rows of a Delta table, <storage>/event_log: names and shapes of the
// columns and of `details` are those of Databricks' pipeline event log
// (docs.databricks.com, "Pipeline event log schema"), so that queries of one work on the other.
//
// Events wait in memory and are committed every ten seconds and at the end of a run. A run that is
// killed loses those that waited; the tables it fills do not depend on them. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands.h"
#include "app/output.h"
#include "engine/engine.h"

namespace ticklake::app {

// Where it is, below the storage of a project.
inline constexpr const char* kEventLogFolder = "event_log";
const Schema& event_log_schema();

class EventLog {
 public:
  // Nothing is read or written yet.
  EventLog(Environment& environment, const engine::Project& project, const engine::Graph& graph,
           const RunOptions& options);

  // What the flows have done since the last call. Commits what is due; what cannot be committed is
  // tried again.
  void look(const std::vector<engine::FlowStatus>& flows);
  // The run is over, by itself, by an error or by a signal. Commits all that waits. An error where
  // that fails; it is not one of the run.
  enum class Ending : uint8_t { Completed, Failed, Canceled };
  Result<void> end(const std::vector<engine::FlowStatus>& flows, Ending ending,
                   const std::string& problem);

 private:
  struct Event {
    std::string_view type;
    std::string_view level;
    std::string message;
    Object details;  // of the type
    std::string flow = {};
    std::string dataset = {};
    std::string problem = {};
  };
  void begin(const engine::Graph& graph, const RunOptions& options);
  void add(Event event);
  void add_state(std::string_view state, std::string_view level, const std::string& problem = {});
  void add_progress(const engine::FlowStatus& flow);
  Result<void> commit();
  Result<void> open();

  Environment& environment_;
  io::Path root_;
  std::string pipeline_name_;
  std::string update_id_;
  int64_t sequence_ = 0;
  std::map<std::string, engine::FlowStatus> told_;  // by flow
  std::vector<std::string> waiting_;                // a JSON line an event
  int64_t lost_ = 0;                                // beyond what may wait
  int64_t due_us_;
  std::optional<delta::Snapshot> table_;
  delta::Health health_{delta::Health::Options{}};
};

}  // namespace ticklake::app
