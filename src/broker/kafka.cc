#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "broker/kafka_client.h"
#include "broker/kafka_groups.h"
#include "broker/topic_rules.h"

namespace ticklake::broker {
namespace {

using std::chrono::steady_clock;

constexpr int kOpenMs = 8'000;
constexpr int kRefusedMs = 2'000;
constexpr int kTryMs = 1'000;
constexpr std::chrono::seconds kSettleMax{10};  // until a change of topics is seen everywhere

// Asks again until `done` says so, because brokers learn of a change one after the other.
template <typename Done>  // Result<bool> done()
Result<void> settle(const KafkaClient& client, Done&& done) {
  auto until = steady_clock::now() + kSettleMax;
  while (true) {
    bool is_done = TRY(done());
    if (is_done) return {};
    if (steady_clock::now() > until) return client.unreachable();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

class Kafka final : public Topics {
 public:
  Kafka(KafkaSettings settings, std::unique_ptr<KafkaClient> client, const io::Clock& clock)
      : settings_(std::move(settings)),
        groups_(settings_),
        client_(std::move(client)),
        clock_(clock) {}

  Result<void> connect();

  Result<std::vector<std::string>> list() override;
  Result<TopicInfo> describe(const std::string& topic) override;
  Result<void> create(const std::string& topic, const TopicOptions& options) override;
  Result<void> remove(const std::string& topic) override;
  Result<std::unique_ptr<Reader>> read(const std::string& topic,
                                       const std::map<Partition, Offset>& from) override;
  Result<std::unique_ptr<Writer>> write(const std::string& topic) override;
  Result<std::map<Partition, Record>> last_records(const std::string& topic) override;
  Result<std::map<Partition, Offset>> offsets_at(const std::string& topic,
                                                 int64_t timestamp_ms) override;
  Result<void> publish_offsets(const std::string& group, const std::string& topic,
                               const std::map<Partition, Offset>& next) override;
  Result<std::map<Partition, Offset>> group_offsets(const std::string& group,
                                                    const std::string& topic) override;
  std::string name() const override { return settings_.name(); }

 private:
  Result<KafkaTopic> known(const std::string& topic);

  KafkaSettings settings_;
  KafkaGroups groups_;
  std::unique_ptr<KafkaClient> client_;
  const io::Clock& clock_;
};

// A refused connection is tried again for a moment only: a broker may be starting, but more often
// there is none. Not so where another address may serve.
Result<void> Kafka::connect() {
  auto start = steady_clock::now();
  while (true) {
    const rd_kafka_metadata_t* told = nullptr;
    rd_kafka_resp_err_t number = rd_kafka_metadata(client_->handle(), 0, nullptr, &told, kTryMs);
    rd_kafka_poll(client_->handle(), 0);
    if (number == RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_metadata_destroy(told);
      return {};
    }
    bool is_login = client_->is_refused_login();
    bool is_refused = settings_.bootstrap.find(',') == std::string::npos &&
                      client_->news().last_trouble().reason.find("refused") != std::string::npos;
    auto limit = std::chrono::milliseconds(is_login || is_refused ? kRefusedMs : kOpenMs);
    if (steady_clock::now() - start < limit) continue;
    Error error = client_->unreachable();
    if (is_login) error.code = Code::Invalid;  // it will not pass by itself
    return error;
  }
}

Result<std::vector<std::string>> Kafka::list() {
  const rd_kafka_metadata_t* told = nullptr;
  rd_kafka_resp_err_t number =
      rd_kafka_metadata(client_->handle(), 1, nullptr, &told, kAdminTimeoutMs);
  if (number != RD_KAFKA_RESP_ERR_NO_ERROR) return client_->error(number, nullptr, "list topics");
  std::vector<std::string> names;
  for (int i = 0; i < told->topic_cnt; ++i) {
    std::string topic = told->topics[i].topic;
    if (!topic.starts_with("__")) names.push_back(std::move(topic));
  }
  rd_kafka_metadata_destroy(told);
  std::sort(names.begin(), names.end());
  return names;
}

Result<KafkaTopic> Kafka::known(const std::string& topic) {
  TRY(check_topic_name(topic));
  Result<KafkaTopic> described = describe_kafka_topic(*client_, topic);
  if (!described && described.error().code == Code::NotFound) {
    std::vector<std::string> topics = TRY(list());
    return unknown_topic(topic, topics, name());
  }
  return described;
}

Result<TopicInfo> Kafka::describe(const std::string& topic) {
  KafkaTopic found = TRY(known(topic));
  return TopicInfo{topic, found.id, TRY(kafka_ranges(*client_, topic, found.partitions))};
}

// The outcome for the one topic of a request to create or delete.
Result<void> outcome(const KafkaClient& client, const rd_kafka_topic_result_t* const* results,
                     size_t count, const std::string& action) {
  CHECK(count == 1, "one topic asked for");
  rd_kafka_resp_err_t number = rd_kafka_topic_result_error(results[0]);
  if (number == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return client.error(number, rd_kafka_topic_result_error_string(results[0]), action);
}

Result<void> Kafka::create(const std::string& topic, const TopicOptions& options) {
  TRY(check_topic_name(topic));
  std::string action = fmt::format("create topic \"{}\"", topic);
  char reason[512] = "";
  constexpr int kBrokersChoice = -1;
  Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy> wanted(rd_kafka_NewTopic_new(
      topic.c_str(), options.partitions, kBrokersChoice, reason, sizeof reason));
  if (!wanted || options.partitions < 1) {
    return Error{Code::Invalid, fmt::format("cannot {}: {}", action,
                                            wanted ? "it needs a partition at least" : reason)};
  }
  for (const auto& [key, value] : options.config) {
    rd_kafka_NewTopic_set_config(wanted.get(), key.c_str(), value.c_str());
  }
  rd_kafka_NewTopic_t* topics[] = {wanted.get()};
  OwnedEvent event =
      TRY(admin_call(*client_, RD_KAFKA_ADMIN_OP_CREATETOPICS, action, kAdminTimeoutMs,
                     [&](rd_kafka_AdminOptions_t* call, rd_kafka_queue_t* queue) {
                       rd_kafka_CreateTopics(client_->handle(), topics, 1, call, queue);
                     }));
  size_t count = 0;
  const auto** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  TRY(outcome(*client_, results, count, action));
  return settle(*client_, [&]() -> Result<bool> {
    Result<KafkaTopic> described = describe_kafka_topic(*client_, topic);
    if (!described && described.error().code == Code::NotFound) return false;
    if (!described) return std::move(described).error();
    return described->has_leaders && described->partitions == options.partitions;
  });
}

Result<void> Kafka::remove(const std::string& topic) {
  TRY(known(topic));
  std::string action = fmt::format("delete topic \"{}\"", topic);
  Owned<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy> unwanted(
      rd_kafka_DeleteTopic_new(topic.c_str()));
  rd_kafka_DeleteTopic_t* topics[] = {unwanted.get()};
  OwnedEvent event =
      TRY(admin_call(*client_, RD_KAFKA_ADMIN_OP_DELETETOPICS, action, kAdminTimeoutMs,
                     [&](rd_kafka_AdminOptions_t* call, rd_kafka_queue_t* queue) {
                       rd_kafka_DeleteTopics(client_->handle(), topics, 1, call, queue);
                     }));
  size_t count = 0;
  const auto** results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  TRY(outcome(*client_, results, count, action));
  return settle(*client_, [&]() -> Result<bool> {
    Result<KafkaTopic> described = describe_kafka_topic(*client_, topic);
    if (!described && described.error().code == Code::NotFound) return true;
    if (!described) return std::move(described).error();
    return false;
  });
}

Result<std::unique_ptr<Reader>> Kafka::read(const std::string& topic,
                                            const std::map<Partition, Offset>& from) {
  KafkaTopic found = TRY(known(topic));
  return read_kafka(settings_, topic, found, from);
}

Result<std::unique_ptr<Writer>> Kafka::write(const std::string& topic) {
  KafkaTopic found = TRY(known(topic));
  return write_kafka(settings_, topic, found.partitions, clock_);
}

Result<std::map<Partition, Record>> Kafka::last_records(const std::string& topic) {
  TopicInfo info = TRY(describe(topic));
  return last_kafka_records(settings_, topic, info.partitions);
}

Result<std::map<Partition, Offset>> Kafka::offsets_at(const std::string& topic,
                                                      int64_t timestamp_ms) {
  KafkaTopic found = TRY(known(topic));
  int64_t since = std::max<int64_t>(timestamp_ms, 0);  // below zero are librdkafka's special values
  std::vector<Offset> at = TRY(list_kafka_offsets(*client_, topic, found.partitions, since));
  std::vector<Offset> ends =
      TRY(list_kafka_offsets(*client_, topic, found.partitions, RD_KAFKA_OFFSET_SPEC_LATEST));
  std::map<Partition, Offset> offsets;
  for (size_t i = 0; i < at.size(); ++i) {
    offsets.emplace(Partition(static_cast<int32_t>(i)), at[i] < Offset(0) ? ends[i] : at[i]);
  }
  return offsets;
}

Result<void> Kafka::publish_offsets(const std::string& group, const std::string& topic,
                                    const std::map<Partition, Offset>& next) {
  return groups_.publish(group, topic, next);
}

Result<std::map<Partition, Offset>> Kafka::group_offsets(const std::string& group,
                                                         const std::string& topic) {
  KafkaTopic found = TRY(known(topic));
  return groups_.offsets(group, topic, found.partitions);
}

}  // namespace

Result<std::unique_ptr<Topics>> open_kafka(const KafkaSettings& settings, const io::Clock& clock) {
  auto client = TRY(KafkaClient::make(RD_KAFKA_PRODUCER, settings, {}));
  auto kafka = std::make_unique<Kafka>(settings, std::move(client), clock);
  TRY(kafka->connect());
  return std::unique_ptr<Topics>(std::move(kafka));
}

}  // namespace ticklake::broker
