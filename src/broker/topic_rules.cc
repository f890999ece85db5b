#include "broker/topic_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"

namespace ticklake::broker {

Result<void> check_topic_name(std::string_view name) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  constexpr size_t kNameBytesMax = 249;
  if (name.empty() || name == "." || name == ".." || name.size() > kNameBytesMax ||
      !std::all_of(name.begin(), name.end(), allowed)) {
    return Error{Code::Invalid,
                 fmt::format("\"{}\" cannot name a topic: use 1 to {} of the characters a-z, A-Z, "
                             "0-9, '.', '_' and '-' (\".\" and \"..\" are taken)",
                             printable(name), kNameBytesMax)};
  }
  return {};
}

Result<Partition> PartitionChoice::choose(std::string_view topic,
                                          const std::optional<std::string>& key,
                                          std::optional<Partition> wanted, int32_t partitions) {
  if (wanted) {
    if (wanted->value < 0 || wanted->value >= partitions) {
      return unknown_partition(topic, *wanted, static_cast<size_t>(partitions));
    }
    return *wanted;
  }
  auto count = static_cast<uint32_t>(partitions);
  uint32_t chosen = key ? (murmur2(*key) & 0x7fffffff) % count : turn_++ % count;
  return Partition(static_cast<int32_t>(chosen));
}

Error unknown_topic(const std::string& topic, const std::vector<std::string>& topics,
                    std::string_view broker) {
  std::string near = nearest(topic, topics);
  std::string advice = near.empty() ? "create it first (ticklake topic create)"
                                    : fmt::format("did you mean \"{}\"?", near);
  return {Code::NotFound,
          fmt::format("there is no topic \"{}\" in the {}: {}", printable(topic), broker, advice)};
}

Error unknown_partition(std::string_view topic, Partition partition, size_t partitions) {
  return {Code::Invalid, fmt::format("topic \"{}\" has no partition {}: it has {} (0 to {})", topic,
                                     partition.value, partitions, partitions - 1)};
}

Error topic_gone(std::string_view topic) {
  return {Code::NotFound,
          fmt::format("topic \"{}\" was deleted (or deleted and created again) while it was in "
                      "use: open it again",
                      topic)};
}

Error offset_not_held(std::string_view topic, Partition partition, Offset sought,
                      OffsetRange held) {
  if (sought < held.begin) {
    return {Code::Corrupt,
            fmt::format("topic \"{}\", partition {}: log start {} beyond the stored offset {}: "
                        "data was deleted before it was read; lengthen the topic's retention, and "
                        "accept the loss (--accept-loss) to go on from {}",
                        topic, partition.value, held.begin.value, sought.value, held.begin.value)};
  }
  return {
      Code::Corrupt,
      fmt::format("topic \"{}\", partition {}: stored offset {} beyond the end {}: the topic "
                  "was created again (or lost its tail); refresh the tables that read it in full, "
                  "or restore the topic",
                  topic, partition.value, sought.value, held.end.value)};
}

}  // namespace ticklake::broker
