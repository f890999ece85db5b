#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "sources/outbox.h"
#include "sources/test_world.h"

namespace ticklake::sources {

TestDirectory::TestDirectory() {
  // In memory where the system has such a place: these tests flush a lot.
  auto parent = std::filesystem::exists("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                    : std::filesystem::temp_directory_path();
  std::string pattern = (parent / "sources-XXXXXX").string();
  CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary directory can be made");
  path_ = pattern;
}

TestDirectory::~TestDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

class CrashingTopics::LosingWriter final : public broker::Writer {
 public:
  LosingWriter(CrashingTopics& topics, std::unique_ptr<broker::Writer> inner)
      : topics_(topics), inner_(std::move(inner)) {}

  Result<void> append(broker::Record record, std::optional<Partition> partition) override {
    EXPECT_TRUE(partition.has_value()) << "a source chooses the partition itself";
    held_[partition.value_or(Partition(0))].push_back(std::move(record));
    return {};
  }

  Result<void> flush() override {
    bool crash = topics_.crash_every > 0 &&
                 topics_.random_() % static_cast<uint32_t>(topics_.crash_every) == 0;
    for (auto& [partition, records] : held_) {
      if (crash) records.resize(topics_.random_() % (records.size() + 1));
      for (broker::Record& record : records) TRY(inner_->append(std::move(record), partition));
    }
    held_.clear();
    TRY(inner_->flush());
    if (!crash) return {};
    ++topics_.crashes;
    return Error{Code::Unavailable, "the broker went away"};
  }

 private:
  CrashingTopics& topics_;
  std::unique_ptr<broker::Writer> inner_;
  std::map<Partition, std::vector<broker::Record>> held_;
};

Result<std::unique_ptr<broker::Writer>> CrashingTopics::write(const std::string& topic) {
  auto inner = TRY(inner_.write(topic));
  return std::unique_ptr<broker::Writer>(std::make_unique<LosingWriter>(*this, std::move(inner)));
}

std::unique_ptr<broker::Topics> World::open_log() {
  return *broker::open("embedded", directory.path(), {}, clock);
}

Progress World::drain(const SourceSpec& spec, bool reopen) {
  Progress sum;
  std::unique_ptr<Source> source;
  for (int steps = 0; steps < 100'000; ++steps) {
    if (!source) {
      auto opened = open(spec);
      EXPECT_TRUE(opened) << opened.error().message;
      if (!opened) return sum;
      source = *std::move(opened);
    }
    auto progress = source->step();
    if (!progress) {
      EXPECT_EQ(progress.error().message, "the broker went away");
      if (progress.error().code != Code::Unavailable) return sum;
    } else {
      sum.sent += progress->sent;
      sum.bad += progress->bad;
      sum.files += progress->files;
      sum.warnings += progress->warnings;
      if (progress->finished) return sum;
      if (progress->idle_until_us > clock.now_us()) {
        clock.advance_us(progress->idle_until_us - clock.now_us());
      }
    }
    if (!progress || reopen) source.reset();
  }
  ADD_FAILURE() << "the source does not finish";
  return sum;
}

std::vector<std::vector<std::string>> World::values(const std::string& topic) {
  auto info = *log->describe(topic);
  std::map<Partition, broker::OffsetRange> ranges;
  for (size_t i = 0; i < info.partitions.size(); ++i) {
    ranges[Partition(static_cast<int32_t>(i))] = info.partitions[i];
  }
  std::vector<std::vector<std::string>> out(info.partitions.size());
  auto read = read_records(*log, topic, ranges, [&](Partition partition, const auto& record) {
    out[static_cast<size_t>(partition.value)].push_back(*record.value);
  });
  EXPECT_TRUE(read) << read.error().message;
  return out;
}

std::vector<std::string> World::sorted_values(const std::string& topic) {
  std::vector<std::string> out;
  for (auto& part : values(topic)) out.insert(out.end(), part.begin(), part.end());
  std::sort(out.begin(), out.end());
  return out;
}

SourceSpec spec_of(const std::string& yaml, const std::string& file) {
  auto spec = parse_spec(yaml, file, [](const std::string&) { return std::nullopt; });
  EXPECT_TRUE(spec) << spec.error().message;
  return spec ? *spec : SourceSpec{};
}

}  // namespace ticklake::sources
