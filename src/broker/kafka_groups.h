// The offsets that flows publish for lag tools.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "broker/broker.h"
#include "broker/kafka_client.h"

namespace ticklake::broker {

// Commits as a consumer that is no member of the group, one client a group. librdkafka has requests
// for the same that need no client of their own (AlterConsumerGroupOffsets and
// ListConsumerGroupOffsets); up to 2.15 at least they abort the process where the broker goes away
// in the midst of one.
class KafkaGroups {
 public:
  explicit KafkaGroups(const KafkaSettings& settings) : settings_(settings) {}

  // Any thread; waits for a while.
  Result<void> publish(const std::string& group, const std::string& topic,
                       const std::map<Partition, Offset>& next);
  Result<std::map<Partition, Offset>> offsets(const std::string& group, const std::string& topic,
                                              int32_t partitions);

 private:
  // Kept while all goes well: a new one has to find the group's coordinator first.
  Result<std::unique_ptr<KafkaClient>> take(const std::string& group);
  void keep(const std::string& group, std::unique_ptr<KafkaClient> client);

  const KafkaSettings& settings_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<KafkaClient>> idle_;
};

}  // namespace ticklake::broker
