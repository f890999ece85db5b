// One simulated world: a project from CSV files to gold, with files in memory and a clock that
// stands until it is turned. A seed decides what comes, what is done and what goes wrong.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "faulty_topics.h"
#include "inputs.h"
#include "io/clock.h"
#include "io/files.h"
#include "sources/sources.h"

namespace ticklake::sim {

class World {
 public:
  explicit World(uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // One thing that a world does: a file arrives, a step is made, time passes, something breaks.
  // An error is one that no fault explains.
  Result<void> act();
  // Nothing breaks any more: all that has come is carried to the end.
  Result<void> finish();

  const Inputs& inputs() const { return inputs_; }
  // Rows of a table as JSON objects, and the versions of its log; without faults.
  Result<std::vector<std::string>> rows(const std::string& table);
  Result<std::vector<int64_t>> versions(const std::string& table);

  int64_t crashes = 0, faults_met = 0;

 private:
  struct Feeder {
    sources::SourceSpec spec;
    std::vector<std::string> files;  // to come
    size_t put = 0;
    std::unique_ptr<sources::Source> source;
  };

  int64_t below(int64_t end) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(end));
  }
  Result<void> open_pipeline(bool once);
  Result<void> step_pipeline();
  Result<void> none_gave_up();
  Result<void> step_source(Feeder& feeder);
  Result<void> put_file(Feeder& feeder);
  void break_something();
  void crash();
  // An error that a fault explains is none.
  Result<void> explained(const Error& error);
  io::Path table_path(const std::string& table) const;

  std::mt19937_64 random_;
  Inputs inputs_;
  std::string directory_;
  Faults faults_;
  bool faultless_ = false;  // the laws look
  io::ManualClock clock_;
  io::MemoryFiles files_;
  std::unique_ptr<broker::Topics> broker_;
  std::shared_ptr<broker::Topics> topics_;
  std::vector<Feeder> feeders_;
  std::unique_ptr<engine::Pipeline> pipeline_;
  bool once_ = false;  // it ends with what is there
};

}  // namespace ticklake::sim
