// Sends the records of one source to one topic, each exactly once.
//
// Each record has a place; a source gives its records in the order of their places, always the same
// record at the same place. It sends them in batches and flushes each before it begins the next. A
// record's headers tell its place and where its batch began, so after a crash the source reads the
// last place of each partition, begins that batch again, and the outbox drops what is there.
// Invariant: all records before the batch of the newest place are durable.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "broker/broker.h"

namespace ticklake::sources {

// Synthetic ticks: (0, number). CSV: (number of the file, byte at which the line starts).
struct Place {
  int64_t major = -1;
  int64_t minor = -1;
  auto operator<=>(const Place&) const = default;
};

// What the header "resume" says: words "key=value", separated by blanks.
using ResumeState = std::map<std::string, std::string>;

class Outbox {
 public:
  // Makes the topic where it is missing. The options are those of a new topic.
  static Result<Outbox> open(broker::Topics& topics, const std::string& topic,
                             const broker::TopicOptions& options, const std::string& source);

  // The newest place sent before this outbox was opened, and what its record's headers say.
  const std::optional<Place>& newest() const { return newest_; }
  const ResumeState& resume_state() const { return state_; }
  const std::string& topic_id() const { return topic_id_; }

  // Begins a batch; `state` is written with each of its records.
  void begin_batch(const ResumeState& state);
  // Sends the record, unless the topic has it from before; says which. Adds the headers "source"
  // and "resume".
  Result<bool> send(broker::Record record, Place place);
  Result<void> flush();

 private:
  Outbox() = default;
  Result<void> read_back(broker::Topics& topics, const std::vector<broker::OffsetRange>& ranges);
  void note(Partition partition, Place place, ResumeState state);
  Partition partition_of(const broker::Record& record, Place place, int32_t partitions) const;

  std::string topic_, source_, topic_id_;
  std::unique_ptr<broker::Writer> writer_;
  int32_t partitions_ = 0;
  int32_t partitions_before_ = 0;  // when the newest place was sent: a topic may have grown since
  std::map<Partition, Place> last_;
  std::optional<Place> newest_;
  ResumeState state_;
  std::string batch_state_;
};

// Makes the topic where it is missing, with these options.
Result<broker::TopicInfo> describe_or_create(broker::Topics& topics, const std::string& topic,
                                             const broker::TopicOptions& options);

// The header's value, or nothing.
std::optional<std::string> header_of(const broker::Record& record, std::string_view key);

// All records of a topic from each partition's offset to its present end, in the order of offsets.
// Calls visit(partition, record); the records have key, value and headers.
Result<void> read_records(broker::Topics& topics, const std::string& topic,
                          const std::map<Partition, broker::OffsetRange>& ranges,
                          const std::function<void(Partition, const broker::Record&)>& visit);

std::string to_text(const ResumeState& state);
ResumeState to_state(std::string_view text);

}  // namespace ticklake::sources
