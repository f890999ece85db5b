// A pipeline in a box for tests: tables in memory, topics in a folder that goes when the test does.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "delta/delta.h"
#include "engine/engine.h"
#include "formats/formats.h"

namespace ticklake::engine {

class Box {
 public:
  explicit Box(std::string sql, std::string configuration = "")
      : files([this](std::string_view operation, const io::Path& path) {
          return ask(operation, path);
        }) {
    std::string pattern = (std::filesystem::temp_directory_path() / "ticklake_XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    directory = pattern;
    set_spec("box", configuration);
    set_sql(std::move(sql));
    auto opened = broker::open("embedded", directory + "/data/topics", {}, clock);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    topics = std::move(*opened);
  }
  ~Box() { std::filesystem::remove_all(directory); }
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  void set_spec(const std::string& name, const std::string& configuration = "") {
    std::string spec = "name: " + name + "\nstorage: data\n";
    spec += "libraries: [{glob: {include: all.sql}}]\n";
    if (!configuration.empty()) spec += "configuration: {" + configuration + "}\n";
    EXPECT_TRUE(files.put(directory + "/spark-pipeline.yml", spec));
  }
  void set_sql(const std::string& sql) { EXPECT_TRUE(files.put(directory + "/all.sql", sql)); }

  void create_topic(const std::string& topic, int32_t partitions) {
    broker::TopicOptions options;
    options.partitions = partitions;
    auto made = topics->create(topic, options);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
  }

  void produce(const std::string& topic, int32_t partition,
               const std::vector<std::string>& values) {
    auto writer = topics->write(topic);
    ASSERT_TRUE(writer) << writer.error().message;
    for (const auto& value : values) {
      broker::Record record;
      record.value = value;
      record.timestamp_ms = clock.now_ms();
      ASSERT_TRUE((*writer)->append(std::move(record), Partition(partition)));
    }
    ASSERT_TRUE((*writer)->flush());
  }

  Result<std::unique_ptr<Pipeline>> open(RunOptions options) {
    Project project = TRY(load_project(files, directory));
    using Topics = Result<std::shared_ptr<broker::Topics>>;
    auto found = [this](const std::string&, const auto&) {
      bool away = outages > 0 && outages-- > 0;
      return away ? Topics(Error{Code::Unavailable, "the broker is away"}) : topics;
    };
    World world{.files = files, .clock = clock, .topics = found, .spread = spread};
    return Pipeline::open(std::move(project), std::move(world), std::move(options));
  }

  // Steps until all is done; with `reopen` the pipeline is dropped and opened after every step.
  std::vector<FlowStatus> run_once(bool reopen = false, std::vector<std::string> refresh = {}) {
    RunOptions options;
    options.once = true;
    options.full_refresh = std::move(refresh);
    auto pipeline = open(options);
    options.full_refresh.clear();
    problem.clear();
    for (int steps = 0; steps < 2'000; ++steps) {
      if (!pipeline) {
        problem = pipeline.error().message;
        return {};
      }
      auto report = (*pipeline)->step();
      if (!report) {
        problem = report.error().message;
        return (*pipeline)->status();
      }
      if (report->kind == StepReport::Kind::Finished) return (*pipeline)->status();
      if (report->kind == StepReport::Kind::Idle || !report->problem.empty()) {
        clock.advance_us(100'000);
      }
      if (!reopen || report->kind != StepReport::Kind::Worked) continue;
      *pipeline = nullptr;
      pipeline = open(options);
    }
    problem = "did not finish";
    return {};
  }

  std::vector<std::string> rows(const std::string& table) {
    std::vector<std::string> out;
    auto snapshot = delta::open(files, path(table));
    if (!snapshot) return {snapshot.error().message};
    for (const auto& file : snapshot->files()) {
      auto reader = delta::read(files, *snapshot, file);
      if (!reader) return {reader.error().message};
      BatchPtr batch;
      while ((*reader)->ReadNext(&batch).ok() && batch) {
        auto lines = formats::to_json_lines(*batch, snapshot->schema());
        if (!lines) return {lines.error().message};
        for (auto& line : split(*lines, '\n')) {
          if (!line.empty()) out.push_back(std::move(line));
        }
      }
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  int64_t version(const std::string& table) {
    auto snapshot = delta::open(files, path(table));
    return snapshot ? snapshot->version().value : -1;
  }

  io::Path path(const std::string& table) const {
    return directory + "/data/tables/ticklake/default/" + table;
  }

  // Asked before every file operation.
  io::MemoryFiles::Faults fault;
  std::string directory;
  std::string problem;  // of the last run_once
  int outages = 0;      // so often the broker is away when it is asked for
  Spread* spread = nullptr;  // of the world
  io::ManualClock clock{1'767'225'600'000'000};
  io::MemoryFiles files;
  std::shared_ptr<broker::Topics> topics;

 private:
  std::optional<io::MemoryFiles::Fault> ask(std::string_view operation, const io::Path& path_) {
    return fault ? fault(operation, path_) : std::nullopt;
  }
};

inline const FlowStatus& status_of(const std::vector<FlowStatus>& all, const std::string& table) {
  for (const auto& status : all) {
    if (status.name == "ticklake.default." + table) return status;
  }
  static const FlowStatus none;
  ADD_FAILURE() << "no flow " << table;
  return none;
}

}  // namespace ticklake::engine
