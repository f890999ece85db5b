#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "feed.h"

namespace ticklake::engine {
namespace {

Error refused(Code code, std::string message) { return {code, "read_kafka: " + message}; }

Error unknown_option(const std::string& name) {
  static const std::vector<std::string> known = {"bootstrapServers", "subscribe", "startingOffsets",
                                                 "failOnDataLoss", "maxOffsetsPerTrigger"};
  static const std::vector<std::string> later = {"subscribePattern",
                                                 "assign",
                                                 "endingOffsets",
                                                 "startingOffsetsByTimestamp",
                                                 "endingOffsetsByTimestamp",
                                                 "startingTimestamp",
                                                 "minPartitions",
                                                 "groupIdPrefix",
                                                 "includeHeaders",
                                                 "minOffsetsPerTrigger",
                                                 "maxTriggerDelay",
                                                 "maxRecordsPerPartition",
                                                 "serviceCredential",
                                                 "fetchOffset.numRetries",
                                                 "kafkaConsumer.pollTimeoutMs"};
  for (const auto& option : later) {
    if (equal_ignoring_case(option, name)) {
      return refused(Code::Unsupported, fmt::format("option {} is not available; known: {}", name,
                                                    joined(known, ", ")));
    }
  }
  std::string near = nearest(name, known);
  return refused(Code::Invalid, fmt::format("unknown option {}; {}", name,
                                            near.empty() ? "known: " + joined(known, ", ")
                                                         : fmt::format("did you mean {}?", near)));
}

Result<bool> flag(const std::string& name, const std::string& value) {
  if (equal_ignoring_case(value, "true")) return true;
  if (equal_ignoring_case(value, "false")) return false;
  return refused(Code::Invalid, fmt::format("{} is '{}'; true or false is expected", name, value));
}

Result<int64_t> count(const std::string& name, const std::string& value) {
  int64_t number = 0;
  auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc() || end != value.data() + value.size() || number < 1) {
    return refused(Code::Invalid,
                   fmt::format("{} is '{}'; a number of at least 1 is expected", name, value));
  }
  return number;
}

Result<std::string> starting_offsets(const std::string& name, const std::string& value) {
  for (std::string_view word : {"earliest", "latest"}) {
    if (equal_ignoring_case(value, word)) return std::string(word);
  }
  if (nlohmann::json::parse(value, nullptr, false).is_object()) return value;
  return refused(Code::Invalid,
                 fmt::format("{} is '{}'; 'earliest', 'latest' or an offset a partition, "
                             "{{\"topic\":{{\"0\":23,\"1\":-2}}}}, is expected",
                             name, printable(value)));
}

}  // namespace

Result<KafkaArguments> kafka_arguments(const std::map<std::string, std::string>& arguments) {
  KafkaArguments out;
  for (const auto& [name, value] : arguments) {
    std::string key = lowered(name);
    if (key == "bootstrapservers" || key == "kafka.bootstrap.servers") {
      out.bootstrap = value;
    } else if (key == "subscribe") {
      out.topic = value;
    } else if (key == "startingoffsets") {
      out.starting_offsets = TRY(starting_offsets(name, value));
    } else if (key == "failondataloss") {
      out.fail_on_data_loss = TRY(flag(name, value));
    } else if (key == "maxoffsetspertrigger") {
      out.rows_max = TRY(count(name, value));
    } else if (key.starts_with("kafka.")) {
      out.config[name.substr(6)] = value;
    } else if (key.find('.') != std::string::npos && !key.starts_with("fetchoffset.") &&
               !key.starts_with("kafkaconsumer.")) {
      out.config[name] = value;
    } else {
      return unknown_option(name);
    }
  }
  if (out.bootstrap.empty()) {
    return refused(Code::Invalid,
                   "bootstrapServers is missing; give 'host:port', or 'embedded' for "
                   "the log in the project's storage");
  }
  if (out.topic.empty()) return refused(Code::Invalid, "subscribe is missing: the topic's name");
  if (out.topic.find(',') != std::string::npos) {
    return refused(Code::Unsupported, "subscribe names several topics; make one flow for each");
  }
  return out;
}

}  // namespace ticklake::engine
