// A flow: what fills one table. Dropped at any error and made anew from storage. Private to the
// folder.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "hub.h"
#include "query/query.h"
#include "settings.h"
#include "table_stage.h"

namespace ticklake::engine {

// What the flows of one pipeline share; any thread. Outlives them.
struct Context {
  World world;
  Project project;
  Graph graph;
  RunOptions options;
  Hub hub;
  std::unique_ptr<query::Database> database;
  std::mutex brokers_mutex = {};
  std::map<std::string, std::shared_ptr<broker::Topics>> brokers = {};  // under the mutex
  std::mutex stages_mutex = {};
  std::map<std::string, std::shared_ptr<TableStage>> stages = {};  // under the mutex

  Result<std::shared_ptr<broker::Topics>> topics(const std::string& bootstrap,
                                                 const std::map<std::string, std::string>& config);
  // What the flows of a table share, by the table's name; nullptr before one of them has opened.
  std::shared_ptr<TableStage> stage(const std::string& table);
  void keep_stage(const std::string& table, std::shared_ptr<TableStage> stage);
  // The dataset's plan as of now: current_timestamp() and its kin are constants in a plan.
  Result<sql::Plan> plan_now(const Dataset& dataset) const;
  Result<sql::Plan> plan_at(const Dataset& dataset, int64_t now_us) const;
  // Whether plans of the dataset differ from one time to another.
  Result<bool> tells_time(const Dataset& dataset) const;
};

// Builds the graph and makes the tables that are not there. The runner's lease is held.
Result<std::unique_ptr<Context>> open_context(Project project, World world, RunOptions options);

struct FlowOutcome {
  bool worked = false;
  int64_t rows_in = 0;
  int64_t rows_out = 0;
  std::optional<Version> version = {};  // committed
  int64_t wait_us = INT64_MAX;          // not worked: until rows at hand become due
};

// One thread at a time.
class Flow {
 public:
  virtual ~Flow() = default;

  // At most one commit of the flow's table. `upstream_done`: with --once, all that it reads is
  // done.
  virtual Result<FlowOutcome> step(bool upstream_done) = 0;
  // With --once: nothing more will come.
  virtual bool done() const = 0;

  // One bounded piece of maintenance of its tables, where some is due; the version that it made.
  // `busy`: rows wait, so only what cannot.
  virtual Result<std::optional<Version>> keep_healthy(bool busy) = 0;
};

// A flow adds to the counters of `status`, which outlive it.
Result<std::unique_ptr<Flow>> open_stateless(Context& context, const Dataset& dataset,
                                             FlowStatus& status);
Result<std::unique_ptr<Flow>> open_windowed(Context& context, const Dataset& dataset,
                                            FlowStatus& status);
Result<std::unique_ptr<Flow>> open_changes(Context& context, const Dataset& dataset,
                                           FlowStatus& status);
// INSERT ONCE: `upstream_done` of its steps says that what it reads is complete.
Result<std::unique_ptr<Flow>> open_insert_once(Context& context, const Dataset& dataset,
                                               FlowStatus& status);
Result<std::unique_ptr<Flow>> open_view(Context& context, const Dataset& dataset,
                                        FlowStatus& status);

// The pace of a table that follows another one, given its own.
Result<int64_t> follower_pace_us(const Context& context, const std::string& upstream,
                                 int64_t pace_us);

// Adds the time of its life to a total.
class Stopwatch {
 public:
  explicit Stopwatch(int64_t& total_ns)
      : total_ns_(total_ns), start_(std::chrono::steady_clock::now()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    auto time = std::chrono::steady_clock::now() - start_;
    total_ns_ += std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
  }

 private:
  int64_t& total_ns_;
  std::chrono::steady_clock::time_point start_;
};

template <typename Work>
auto timed(int64_t& total_ns, Work&& work) {
  Stopwatch watch(total_ns);
  return std::forward<Work>(work)();
}

}  // namespace ticklake::engine
