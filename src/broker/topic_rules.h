// What both kinds of broker hold to: names of topics, the choice of a partition, the words of
// common errors.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "broker/broker.h"

namespace ticklake::broker {

// Kafka's rules: 1 to 249 of [a-zA-Z0-9._-], and neither "." nor "..".
Result<void> check_topic_name(std::string_view name);

// By the key's hash; without a key in turn.
class PartitionChoice {
 public:
  // Invalid where `wanted` is not a partition of the topic.
  Result<Partition> choose(std::string_view topic, const std::optional<std::string>& key,
                           std::optional<Partition> wanted, int32_t partitions);

 private:
  uint32_t turn_ = 0;
};

Error unknown_topic(const std::string& topic, const std::vector<std::string>& topics,
                    std::string_view broker);
Error unknown_partition(std::string_view topic, Partition partition, size_t partitions);
Error topic_gone(std::string_view topic);

// Why an offset outside of [begin, end] cannot be read.
Error offset_not_held(std::string_view topic, Partition partition, Offset sought, OffsetRange held);

}  // namespace ticklake::broker
