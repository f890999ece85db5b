// What a test of a project runs in: a scratch folder, a clock that it turns, topics of its own, and
// the project over these.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/signals.h"
#include "broker/broker.h"
#include "engine/engine.h"

namespace ticklake::app {

class ScriptClock final : public io::Clock {
 public:
  int64_t now_us() const override { return now_us_; }
  void set(int64_t now_us) { now_us_ = now_us; }
  void advance_us(int64_t by) { now_us_ += by; }

 private:
  std::atomic<int64_t> now_us_ = 946'684'800'000'000;  // 2000-01-01T00:00:00Z
};

class ScriptWorld {
 public:
  // The folder goes with the world, unless keep() was called.
  static Result<std::unique_ptr<ScriptWorld>> open(Environment& environment,
                                                   const ProjectOptions& project);
  ~ScriptWorld();
  ScriptWorld(const ScriptWorld&) = delete;
  ScriptWorld& operator=(const ScriptWorld&) = delete;

  // The project with its storage in the folder; tables that are `given` are filled from there.
  struct Loaded {
    engine::Project project;
    engine::Graph graph;
  };
  // Invalid: it reads files outside the folder. Until a setting or what is given changes, the same.
  Result<const Loaded*> loaded();

  void set(const std::string& setting);  // KEY=VALUE
  // The table's rows come from give(), not from its query. Call before the first run.
  void declare_given(const std::string& table) { given_.insert(table); }
  // JSON rows, strictly of the table's columns. Invalid: names the line of them.
  Result<void> give(const std::string& table, const std::string& json_lines);

  Result<void> write_file(const std::string& path, const std::string& bytes);
  broker::Topics& topics() { return *topics_; }
  ScriptClock& clock() { return clock_; }
  Environment& environment() { return environment_; }

  // Until all that is there is in the tables.
  Result<void> run(const std::vector<std::string>& full_refresh, const Signals& signals);
  // Of the flows in the last run.
  const std::vector<engine::FlowStatus>& flows() const { return flows_; }

  const io::Path& keep() {
    kept_ = true;
    return folder_;
  }

 private:
  ScriptWorld(Environment& environment, ProjectOptions options, io::Path folder);

  Result<engine::Project> load();
  Result<void> replace_given(engine::Project& project);
  Result<void> check_files(const Loaded& loaded) const;
  Result<void> make_topics(const engine::Graph& graph);
  Result<void> step_to_end(engine::Pipeline& pipeline, const Signals& signals);

  ProjectOptions options_;
  io::Path folder_;
  bool kept_ = false;
  ScriptClock clock_;
  Environment environment_;  // with the clock above
  std::shared_ptr<broker::Topics> topics_;
  std::set<std::string> given_;                  // as written
  std::map<std::string, Schema> given_schemas_;  // by canonical name
  int steps_given_ = 0;
  std::optional<Loaded> loaded_;
  std::vector<engine::FlowStatus> flows_;
};

}  // namespace ticklake::app
