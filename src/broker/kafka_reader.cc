// Invariant: the rows of a partition that poll() gives have rising offsets from the one sought on,
// and `next` never
// moves back but by seek().
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "broker/even_reading.h"
#include "broker/kafka_client.h"
#include "broker/record_rows.h"
#include "broker/topic_rules.h"

namespace ticklake::broker {
namespace {

using std::chrono::steady_clock;

constexpr int64_t kQueuedBytesMax = 32 << 20;  // fetched ahead, of all partitions together
constexpr int64_t kQueuedRecordsMin = 50'000;  // below it, more is fetched
constexpr size_t kTakeMax = 4096;              // records taken from a queue at once
constexpr std::chrono::seconds kRefreshEvery{1};

std::map<std::string, std::string> reader_settings(int32_t partitions) {
  int64_t kilobytes = std::max<int64_t>(kQueuedBytesMax / 1024 / std::max(partitions, 1), 256);
  int64_t records = std::max<int64_t>(kQueuedRecordsMin / std::max(partitions, 1), 2000);
  return {
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"enable.partition.eof", "true"},  // tells how far gaps at the end reach
      {"auto.offset.reset", "error"},
      {"isolation.level", "read_committed"},
      {"check.crcs", "true"},
      {"fetch.wait.max.ms", "10"},
      {"fetch.error.backoff.ms", "20"},
      {"fetch.queue.backoff.ms", "2"},
      {"fetch.message.max.bytes", "1048576"},
      {"fetch.max.bytes", "8388608"},
      {"message.max.bytes", "8388608"},
      {"queued.max.messages.kbytes", std::to_string(kilobytes)},
      {"queued.min.messages", std::to_string(records)},
  };
}

// A descriptor that becomes readable when a queue gets its first record.
class Bell {
 public:
  Bell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~Bell() {
    if (fd_ >= 0) ::close(fd_);
  }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void rung_by(rd_kafka_queue_t* queue) const {
    const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, fd_, &one, sizeof one);
  }
  void silence() const {
    uint64_t count;
    while (::read(fd_, &count, sizeof count) > 0) {
    }
  }
  void wait(int64_t ms) const {
    struct pollfd watched {
      fd_, POLLIN, 0
    };
    ::poll(&watched, 1, static_cast<int>(ms));
  }

 private:
  int fd_;
};

struct DestroyMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using OwnedMessage = std::unique_ptr<rd_kafka_message_t, DestroyMessage>;

RecordView view_of(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  int64_t timestamp_ms = rd_kafka_message_timestamp(&message, &type);
  return {.offset = Offset(message.offset),
          .timestamp_ms = timestamp_ms,
          .timestamp_type = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? 1 : 0,
          .key = static_cast<const char*>(message.key),
          .key_bytes = message.key_len,
          .value = static_cast<const char*>(message.payload),
          .value_bytes = message.len};
}

template <typename Take>  // Result<void> take(key, value or null, size of the value)
Result<void> each_header(const rd_kafka_message_t& message, Take&& take) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  const char* key = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0;
       rd_kafka_header_get_all(headers, i, &key, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    TRY(take(std::string_view(key), static_cast<const char*>(value), size));
  }
  return {};
}

// One partition that is being fetched. Fetching ends with it.
struct Fetching {
  Fetching(rd_kafka_topic_t* topic, const std::string& name, Partition number)
      : handle(topic), partition(number), built(name, number) {}
  ~Fetching() {
    stop();
    if (queue) rd_kafka_queue_io_event_enable(queue.get(), -1, nullptr, 0);
  }
  Fetching(const Fetching&) = delete;
  Fetching& operator=(const Fetching&) = delete;

  RowBuilder& rows() { return built; }
  void stop() {
    taken.clear();
    at = 0;
    if (is_started) rd_kafka_consume_stop(handle, partition.value);
    is_started = false;
  }

  rd_kafka_topic_t* handle;
  Partition partition;
  Offset next;
  Offset told;  // the `next` of the last chunk
  OwnedQueue queue;
  RowBuilder built;
  std::vector<OwnedMessage> taken;  // from the queue, used up to `at`
  size_t at = 0;
  bool is_started = false;
};

class KafkaReader final : public Reader {
 public:
  KafkaReader(std::unique_ptr<KafkaClient> client, OwnedTopic handle, std::string topic,
              std::string id)
      : client_(std::move(client)),
        handle_(std::move(handle)),
        topic_(std::move(topic)),
        id_(std::move(id)) {}

  Result<std::vector<Chunk>> poll(const PollLimits& limits) override;
  Result<std::vector<OffsetRange>> ranges() override;
  Result<void> seek(Partition partition, Offset next) override;
  Result<void> refresh();

 private:
  Result<bool> read_evenly(const PollLimits& limits);
  Result<bool> read(Fetching& from, int64_t rows_max, int64_t bytes_max);
  bool take_more(Fetching& from, int64_t wanted);
  Result<void> take(Fetching& from, const rd_kafka_message_t& message);
  Error failure(const Fetching& from, const rd_kafka_message_t& message);

  std::unique_ptr<KafkaClient> client_;  // outlives all below
  OwnedTopic handle_;
  std::string topic_;
  std::string id_;
  Bell bell_;
  std::map<Partition, Fetching> partitions_;
  std::vector<OffsetRange> ranges_;
  steady_clock::time_point refreshed_ = {};
  EvenReading even_;
};

Result<void> KafkaReader::refresh() {
  if (!ranges_.empty() && steady_clock::now() - refreshed_ < kRefreshEvery) return {};
  constexpr int kAgainMs = 1'000;  // a poll does not wait long for a broker that went away
  int timeout_ms = ranges_.empty() ? kAdminTimeoutMs : kAgainMs;
  Result<KafkaTopic> described = describe_kafka_topic(*client_, topic_, timeout_ms);
  if (!described && described.error().code == Code::NotFound) return topic_gone(topic_);
  if (!described) return std::move(described).error();
  if (described->id != id_) return topic_gone(topic_);
  ranges_ = TRY(kafka_ranges(*client_, topic_, described->partitions));
  refreshed_ = steady_clock::now();
  return {};
}

Result<std::vector<OffsetRange>> KafkaReader::ranges() {
  TRY(refresh());
  return ranges_;
}

Result<void> KafkaReader::seek(Partition partition, Offset next) {
  auto index = static_cast<size_t>(partition.value);
  if (partition.value < 0 || index >= ranges_.size()) {
    return unknown_partition(topic_, partition, ranges_.size());
  }
  if (next > ranges_[index].end) {  // it may have grown since
    refreshed_ = {};
    TRY(refresh());
  }
  OffsetRange held = ranges_[index];
  if (next < held.begin || next > held.end) return offset_not_held(topic_, partition, next, held);
  auto made = partitions_.try_emplace(partition, handle_.get(), topic_, partition);
  Fetching& place = made.first->second;
  place.stop();
  if (place.built.rows() > 0) TRY(place.built.finish());
  place.next = place.told = next;
  if (!place.queue) {
    place.queue.reset(
        rd_kafka_queue_get_partition(client_->handle(), topic_.c_str(), partition.value));
    bell_.rung_by(place.queue.get());
  }
  if (rd_kafka_consume_start(handle_.get(), partition.value, next.value) != 0) {
    return client_->error(rd_kafka_last_error(), nullptr, fmt::format("read topic \"{}\"", topic_));
  }
  place.is_started = true;
  return {};
}

Result<std::vector<Chunk>> KafkaReader::poll(const PollLimits& limits) {
  auto until = steady_clock::now() + std::chrono::milliseconds(limits.wait_ms_max);
  TRY(refresh());
  while (true) {
    bell_.silence();
    rd_kafka_poll(client_->handle(), 0);
    bool any = TRY(read_evenly(limits));
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now());
    if (any || left.count() <= 0) break;
    bell_.wait(left.count());
  }
  std::vector<Chunk> chunks;
  for (auto& [partition, from] : partitions_) {
    if (from.built.rows() == 0 && from.next == from.told) continue;
    chunks.push_back({partition, from.next, TRY(from.built.finish())});
    from.told = from.next;
  }
  return chunks;
}

// True: there is something to tell.
Result<bool> KafkaReader::read_evenly(const PollLimits& limits) {
  std::vector<Fetching*> all;
  for (auto& [partition, from] : partitions_) all.push_back(&from);
  TRY(even_.read(all, limits, [this](Fetching& from, int64_t rows_max, int64_t bytes_max) {
    return read(from, rows_max, bytes_max);
  }));
  return std::any_of(all.begin(), all.end(), [](Fetching* from) {
    return from->built.rows() > 0 || from->next != from->told;
  });
}

// True: a limit stopped it.
Result<bool> KafkaReader::read(Fetching& from, int64_t rows_max, int64_t bytes_max) {
  while (from.built.rows() < rows_max && from.built.bytes() < bytes_max) {
    bool is_used_up = from.at == from.taken.size();
    if (is_used_up && !take_more(from, rows_max - from.built.rows())) return false;
    const rd_kafka_message_t& message = *from.taken[from.at];
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      from.next = std::max(from.next, Offset(message.offset));
    } else if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (from.built.rows() > 0) return false;  // first what was read before it
      return failure(from, message);
    } else {
      TRY(take(from, message));
    }
    from.taken[from.at++].reset();
  }
  return true;
}

bool KafkaReader::take_more(Fetching& from, int64_t wanted) {
  rd_kafka_message_t* messages[kTakeMax];
  size_t most = std::min<size_t>(static_cast<size_t>(wanted), kTakeMax);
  ssize_t count = rd_kafka_consume_batch_queue(from.queue.get(), 0, messages, most);
  from.taken.clear();
  from.at = 0;
  for (ssize_t i = 0; i < count; ++i) from.taken.emplace_back(messages[i]);
  return count > 0;
}

Result<void> KafkaReader::take(Fetching& from, const rd_kafka_message_t& message) {
  if (message.offset < from.next.value) {
    return Error{Code::Corrupt,
                 fmt::format("topic \"{}\", partition {}: the broker sent offset {} where {} or "
                             "later was asked for: check the broker's log",
                             topic_, from.partition.value, message.offset, from.next.value)};
  }
  TRY(from.built.append(view_of(message)));
  from.next = Offset(message.offset) + 1;
  if (!from.built.wants_headers()) return {};
  return each_header(message, [&](std::string_view key, const char* value, size_t size) {
    return from.built.append_header(key, value, size);
  });
}

Error KafkaReader::failure(const Fetching& from, const rd_kafka_message_t& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: {
      refreshed_ = {};
      Result<void> told = refresh();
      if (!told) return std::move(told).error();
      OffsetRange held = ranges_[static_cast<size_t>(from.partition.value)];
      return offset_not_held(topic_, from.partition, from.next, held);
    }
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return topic_gone(topic_);
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return {Code::Corrupt,
              fmt::format("topic \"{}\", partition {}, from offset {} on: a stored record is "
                          "damaged ({})",
                          topic_, from.partition.value, from.next.value,
                          rd_kafka_message_errstr(&message))};
    default:
      return client_->error(
          message.err, rd_kafka_message_errstr(&message),
          fmt::format("read topic \"{}\", partition {}", topic_, from.partition.value));
  }
}

Record record_of(const rd_kafka_message_t& message) {
  Record record;
  RecordView view = view_of(message);
  if (view.key != nullptr) record.key.emplace(view.key, view.key_bytes);
  if (view.value != nullptr) record.value.emplace(view.value, view.value_bytes);
  record.timestamp_ms = view.timestamp_ms;
  (void)each_header(message, [&](std::string_view key, const char* value, size_t size) {
    Header& header = record.headers.emplace_back();
    header.key = key;
    if (value != nullptr) header.value.emplace(value, size);
    return Result<void>();
  });
  return record;
}

// The last record in [from, end), read from `from` on.
Result<std::optional<Record>> last_in(const KafkaClient& client, rd_kafka_topic_t* topic,
                                      int32_t partition, Offset from, Offset end) {
  std::optional<Record> last;
  if (rd_kafka_consume_start(topic, partition, from.value) != 0) {
    return client.error(rd_kafka_last_error(), nullptr, "read the last records");
  }
  std::optional<Error> failed;
  while (!failed) {
    OwnedMessage message(rd_kafka_consume(topic, partition, kAdminTimeoutMs));
    if (!message) {
      failed = client.unreachable();
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      break;
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      failed = client.error(message->err, nullptr, "read the last records");
    } else if (message->offset < end.value) {
      last = record_of(*message);
      if (message->offset + 1 == end.value) break;
    } else {
      break;
    }
  }
  rd_kafka_consume_stop(topic, partition);
  if (failed) return *std::move(failed);
  return last;
}

}  // namespace

Result<std::unique_ptr<Reader>> read_kafka(const KafkaSettings& settings, const std::string& topic,
                                           const KafkaTopic& described,
                                           const std::map<Partition, Offset>& from) {
  auto client =
      TRY(KafkaClient::make(RD_KAFKA_CONSUMER, settings, reader_settings(described.partitions)));
  OwnedTopic handle(rd_kafka_topic_new(client->handle(), topic.c_str(), nullptr));
  if (!handle) return client->error(rd_kafka_last_error(), nullptr, "open topic " + topic);
  auto reader =
      std::make_unique<KafkaReader>(std::move(client), std::move(handle), topic, described.id);
  TRY(reader->refresh());
  for (const auto& [partition, next] : from) TRY(reader->seek(partition, next));
  return std::unique_ptr<Reader>(std::move(reader));
}

// Offsets without a record (compaction, transaction markers) may lie at the end: look back twice as
// far each time.
Result<std::map<Partition, Record>> last_kafka_records(const KafkaSettings& settings,
                                                       const std::string& topic,
                                                       const std::vector<OffsetRange>& ranges) {
  auto count = static_cast<int32_t>(ranges.size());
  auto client = TRY(KafkaClient::make(RD_KAFKA_CONSUMER, settings, reader_settings(count)));
  OwnedTopic handle(rd_kafka_topic_new(client->handle(), topic.c_str(), nullptr));
  if (!handle) return client->error(rd_kafka_last_error(), nullptr, "open topic " + topic);
  std::map<Partition, Record> records;
  for (int32_t partition = 0; partition < count; ++partition) {
    OffsetRange held = ranges[static_cast<size_t>(partition)];
    Offset end = held.end;
    while (end > held.begin) {
      Offset from = std::max(held.begin, end - (held.end - end + 1));
      std::optional<Record> last = TRY(last_in(*client, handle.get(), partition, from, end));
      if (last) records.emplace(Partition(partition), *std::move(last));
      if (last) break;
      end = from;
    }
  }
  return records;
}

}  // namespace ticklake::broker
