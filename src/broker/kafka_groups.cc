#include "broker/kafka_groups.h"

#include <fmt/format.h>

namespace ticklake::broker {
namespace {

Result<std::unique_ptr<KafkaClient>> consumer_of(const KafkaSettings& settings,
                                                 const std::string& group) {
  auto client = TRY(KafkaClient::make(RD_KAFKA_CONSUMER, settings,
                                      {{"group.id", group},
                                       {"enable.auto.commit", "false"},
                                       {"enable.auto.offset.store", "false"}}));
  rd_kafka_poll_set_consumer(client->handle());
  return client;
}

// Why the group gave no answer: what its coordinator refuses is told to the consumer only.
Error no_answer(const KafkaClient& client, const std::string& action) {
  Owned<rd_kafka_message_t, rd_kafka_message_destroy> told(
      rd_kafka_consumer_poll(client.handle(), 0));
  bool is_refusal = told && is_missing_right(told->err);
  return is_refusal ? client.error(told->err, nullptr, action) : client.unreachable();
}

Result<void> check_all(const KafkaClient& client, const rd_kafka_topic_partition_list_t* told,
                       const std::string& action) {
  for (int i = 0; told != nullptr && i < told->cnt; ++i) {
    rd_kafka_resp_err_t number = told->elems[i].err;
    if (number != RD_KAFKA_RESP_ERR_NO_ERROR) return client.error(number, nullptr, action);
  }
  return {};
}

Result<void> commit(const KafkaClient& client, const rd_kafka_topic_partition_list_t* offsets,
                    const std::string& action) {
  OwnedQueue queue(rd_kafka_queue_new(client.handle()));
  rd_kafka_resp_err_t number =
      rd_kafka_commit_queue(client.handle(), offsets, queue.get(), nullptr, nullptr);
  if (number != RD_KAFKA_RESP_ERR_NO_ERROR) return client.error(number, nullptr, action);
  OwnedEvent event(rd_kafka_queue_poll(queue.get(), kAdminTimeoutMs));
  if (!event) return no_answer(client, action);
  number = rd_kafka_event_error(event.get());
  if (number != RD_KAFKA_RESP_ERR_NO_ERROR) return client.error(number, nullptr, action);
  return check_all(client, rd_kafka_event_topic_partition_list(event.get()), action);
}

}  // namespace

Result<std::unique_ptr<KafkaClient>> KafkaGroups::take(const std::string& group) {
  {
    std::scoped_lock lock(mutex_);
    auto found = idle_.find(group);
    if (found != idle_.end() && found->second) return std::move(found->second);
  }
  return consumer_of(settings_, group);
}

void KafkaGroups::keep(const std::string& group, std::unique_ptr<KafkaClient> client) {
  std::scoped_lock lock(mutex_);
  idle_[group] = std::move(client);
}

Result<void> KafkaGroups::publish(const std::string& group, const std::string& topic,
                                  const std::map<Partition, Offset>& next) {
  if (next.empty()) return {};
  std::string action = fmt::format("publish the offsets of group \"{}\"", group);
  OwnedList offsets(rd_kafka_topic_partition_list_new(static_cast<int>(next.size())));
  for (const auto& [partition, offset] : next) {
    rd_kafka_topic_partition_list_add(offsets.get(), topic.c_str(), partition.value)->offset =
        offset.value;
  }
  auto client = TRY(take(group));
  TRY(commit(*client, offsets.get(), action));
  keep(group, std::move(client));
  return {};
}

Result<std::map<Partition, Offset>> KafkaGroups::offsets(const std::string& group,
                                                         const std::string& topic,
                                                         int32_t partitions) {
  std::string action = fmt::format("read the offsets of group \"{}\"", group);
  auto client = TRY(take(group));
  OwnedList asked(rd_kafka_topic_partition_list_new(partitions));
  rd_kafka_topic_partition_list_add_range(asked.get(), topic.c_str(), 0, partitions - 1);
  rd_kafka_resp_err_t number = rd_kafka_committed(client->handle(), asked.get(), kAdminTimeoutMs);
  if (number == RD_KAFKA_RESP_ERR__WAIT_COORD || number == RD_KAFKA_RESP_ERR__TIMED_OUT) {
    return no_answer(*client, action);
  }
  if (number != RD_KAFKA_RESP_ERR_NO_ERROR) return client->error(number, nullptr, action);
  TRY(check_all(*client, asked.get(), action));
  std::map<Partition, Offset> found;
  for (int i = 0; i < asked->cnt; ++i) {
    if (asked->elems[i].offset < 0) continue;  // none was published
    found[Partition(asked->elems[i].partition)] = Offset(asked->elems[i].offset);
  }
  keep(group, std::move(client));
  return found;
}

}  // namespace ticklake::broker
