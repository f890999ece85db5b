#include "faulty_topics.h"

#include <fmt/format.h>

#include <utility>

namespace ticklake::sim {
namespace {

// The call, unless it fails; where only its answer is lost it is made all the same.
template <typename Call>
auto passed_on(Faults& faults, std::string_view operation, const std::string& topic, Call&& call)
    -> decltype(call()) {
  auto fault = faults.ask(true, operation, topic);
  if (!fault) return call();
  if (fault->after_effect) {
    auto ignored = call();
    static_cast<void>(ignored);
  }
  return fault->error;
}

class FaultyReader final : public broker::Reader {
 public:
  FaultyReader(std::unique_ptr<broker::Reader> reader, Faults& faults, std::string topic)
      : reader_(std::move(reader)), faults_(faults), topic_(std::move(topic)) {}

  Result<std::vector<broker::Chunk>> poll(const broker::PollLimits& limits) override {
    return passed_on(faults_, "poll", topic_, [&] { return reader_->poll(limits); });
  }
  Result<std::vector<broker::OffsetRange>> ranges() override {
    return passed_on(faults_, "ranges", topic_, [&] { return reader_->ranges(); });
  }
  Result<void> seek(Partition partition, Offset next) override {
    return passed_on(faults_, "seek", topic_, [&] { return reader_->seek(partition, next); });
  }

 private:
  std::unique_ptr<broker::Reader> reader_;
  Faults& faults_;
  std::string topic_;
};

class FaultyWriter final : public broker::Writer {
 public:
  FaultyWriter(std::unique_ptr<broker::Writer> writer, Faults& faults, std::string topic)
      : writer_(std::move(writer)), faults_(faults), topic_(std::move(topic)) {}

  Result<void> append(broker::Record record, std::optional<Partition> partition) override {
    return passed_on(faults_, "append", topic_,
                     [&] { return writer_->append(std::move(record), partition); });
  }
  Result<void> flush() override {
    return passed_on(faults_, "flush", topic_, [&] { return writer_->flush(); });
  }

 private:
  std::unique_ptr<broker::Writer> writer_;
  Faults& faults_;
  std::string topic_;
};

class FaultyTopics final : public broker::Topics {
 public:
  FaultyTopics(broker::Topics& topics, Faults& faults) : topics_(topics), faults_(faults) {}

  Result<std::vector<std::string>> list() override {
    return passed_on(faults_, "list", "", [&] { return topics_.list(); });
  }
  Result<broker::TopicInfo> describe(const std::string& topic) override {
    return passed_on(faults_, "describe", topic, [&] { return topics_.describe(topic); });
  }
  Result<void> create(const std::string& topic, const broker::TopicOptions& options) override {
    return passed_on(faults_, "create", topic, [&] { return topics_.create(topic, options); });
  }
  Result<void> remove(const std::string& topic) override {
    return passed_on(faults_, "remove", topic, [&] { return topics_.remove(topic); });
  }
  Result<std::unique_ptr<broker::Reader>> read(const std::string& topic,
                                               const std::map<Partition, Offset>& from) override {
    using Made = Result<std::unique_ptr<broker::Reader>>;
    return passed_on(faults_, "read", topic, [&]() -> Made {
      auto reader = TRY(topics_.read(topic, from));
      return Made(std::make_unique<FaultyReader>(std::move(reader), faults_, topic));
    });
  }
  Result<std::unique_ptr<broker::Writer>> write(const std::string& topic) override {
    using Made = Result<std::unique_ptr<broker::Writer>>;
    return passed_on(faults_, "write", topic, [&]() -> Made {
      auto writer = TRY(topics_.write(topic));
      return Made(std::make_unique<FaultyWriter>(std::move(writer), faults_, topic));
    });
  }
  Result<std::map<Partition, broker::Record>> last_records(const std::string& topic) override {
    return passed_on(faults_, "last_records", topic, [&] { return topics_.last_records(topic); });
  }
  Result<std::map<Partition, Offset>> offsets_at(const std::string& topic,
                                                 int64_t timestamp_ms) override {
    return passed_on(faults_, "offsets_at", topic,
                     [&] { return topics_.offsets_at(topic, timestamp_ms); });
  }
  Result<void> publish_offsets(const std::string& group, const std::string& topic,
                               const std::map<Partition, Offset>& next) override {
    return passed_on(faults_, "publish_offsets", topic,
                     [&] { return topics_.publish_offsets(group, topic, next); });
  }
  Result<std::map<Partition, Offset>> group_offsets(const std::string& group,
                                                    const std::string& topic) override {
    return passed_on(faults_, "group_offsets", topic,
                     [&] { return topics_.group_offsets(group, topic); });
  }
  std::string name() const override { return topics_.name(); }

 private:
  broker::Topics& topics_;
  Faults& faults_;
};

}  // namespace

std::optional<Faults::Fault> Faults::ask(bool of_topics, std::string_view operation,
                                         const std::string& what) {
  int64_t now = asked_++;
  auto fault = [&](std::string_view why, bool after_effect) {
    ++hits_;
    return Fault{{Code::Unavailable, fmt::format("{} {}: {}", operation, what, why)}, after_effect};
  };
  if (dies_at_ && now >= *dies_at_) return fault("the process is dead", false);
  if (now < (of_topics ? topics_away_until_ : files_away_until_)) return fault("away", false);
  if (fails_at_ && now >= *fails_at_) {
    fails_at_.reset();
    return fault("failed", after_effect_);
  }
  return {};
}

std::shared_ptr<broker::Topics> faulty(broker::Topics& topics, Faults& faults) {
  return std::make_shared<FaultyTopics>(topics, faults);
}

}  // namespace ticklake::sim
