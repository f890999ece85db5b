// What the tests of sources share: an embedded log in a directory of its own, and a broker that
// loses what was not flushed.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "io/clock.h"
#include "io/files.h"
#include "sources/sources.h"

namespace ticklake::sources {

class TestDirectory {
 public:
  TestDirectory();
  ~TestDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Hands on to a broker, but of a flush that it lets crash each partition keeps only the first few
// records, and the flush fails.
class CrashingTopics final : public broker::Topics {
 public:
  CrashingTopics(broker::Topics& inner, uint32_t seed) : inner_(inner), random_(seed) {}

  int crash_every = 0;  // of so many flushes about one; 0: never
  int crashes = 0;

  Result<std::vector<std::string>> list() override { return inner_.list(); }
  Result<broker::TopicInfo> describe(const std::string& topic) override {
    return inner_.describe(topic);
  }
  Result<void> create(const std::string& topic, const broker::TopicOptions& options) override {
    return inner_.create(topic, options);
  }
  Result<void> remove(const std::string& topic) override { return inner_.remove(topic); }
  Result<std::unique_ptr<broker::Reader>> read(const std::string& topic,
                                               const std::map<Partition, Offset>& from) override {
    return inner_.read(topic, from);
  }
  Result<std::unique_ptr<broker::Writer>> write(const std::string& topic) override;
  Result<std::map<Partition, broker::Record>> last_records(const std::string& topic) override {
    return inner_.last_records(topic);
  }
  Result<std::map<Partition, Offset>> offsets_at(const std::string& topic, int64_t at) override {
    return inner_.offsets_at(topic, at);
  }
  Result<void> publish_offsets(const std::string&, const std::string&,
                               const std::map<Partition, Offset>&) override {
    return {};
  }
  Result<std::map<Partition, Offset>> group_offsets(const std::string& group,
                                                    const std::string& topic) override {
    return inner_.group_offsets(group, topic);
  }
  std::string name() const override { return inner_.name(); }

 private:
  class LosingWriter;
  broker::Topics& inner_;
  std::mt19937 random_;
};

// An embedded log, files in memory, and a clock.
struct World {
  explicit World(uint32_t seed = 1) : topics(*log, seed) {}

  TestDirectory directory;
  io::ManualClock clock{1'767'623'400'000'000};  // 2026-01-05T14:30:00Z, a Monday
  io::MemoryFiles files;
  std::unique_ptr<broker::Topics> log = open_log();
  CrashingTopics topics;
  OpenOptions options{.project_directory = "market", .once = true};

  std::unique_ptr<broker::Topics> open_log();
  Result<std::unique_ptr<Source>> open(const SourceSpec& spec) {
    return open_source(spec, topics, files, clock, options);
  }
  // Steps until the source has finished, opening it again after each step and each crash. The sums
  // of all steps.
  Progress drain(const SourceSpec& spec, bool reopen = false);

  // The values of a topic's records, by partition.
  std::vector<std::vector<std::string>> values(const std::string& topic);
  std::vector<std::string> sorted_values(const std::string& topic);
};

SourceSpec spec_of(const std::string& yaml, const std::string& file = "sources/bars.yml");

}  // namespace ticklake::sources
