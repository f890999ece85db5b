#include <fmt/format.h>

#include <chrono>

#include "broker/kafka_client.h"
#include "broker/topic_rules.h"

namespace ticklake::broker {
namespace {

constexpr int kDeliveryMs = 60'000;

// Idempotent: a retry after a lost answer writes nothing twice.
const std::map<std::string, std::string>& writer_settings() {
  static const std::map<std::string, std::string> settings{
      {"enable.idempotence", "true"},
      // A failed record is never followed by later ones of its partition: who resumes after the
      // last record of a partition relies on all before it being there.
      {"enable.gapless.guarantee", "true"},
      {"acks", "all"},
      {"compression.type", "lz4"},
      {"linger.ms", "5"},
      {"message.timeout.ms", std::to_string(kDeliveryMs)},
      {"message.max.bytes", "67108864"},  // the topic's own limit decides
      {"queue.buffering.max.messages", "200000"},
      {"queue.buffering.max.kbytes", "65536"},
      {"delivery.report.only.error", "true"},
  };
  return settings;
}

class KafkaWriter final : public Writer {
 public:
  KafkaWriter(std::unique_ptr<KafkaClient> client, OwnedTopic topic, int32_t partitions,
              const io::Clock& clock)
      : client_(std::move(client)),
        topic_(std::move(topic)),
        partitions_(partitions),
        clock_(clock) {}

  Result<void> append(Record record, std::optional<Partition> partition) override;
  Result<void> flush() override;

 private:
  rd_kafka_resp_err_t produce(const Record& record, Partition partition);
  std::string topic_name() const { return rd_kafka_topic_name(topic_.get()); }
  Result<void> failures();

  std::unique_ptr<KafkaClient> client_;  // outlives the topic
  OwnedTopic topic_;
  int32_t partitions_;
  const io::Clock& clock_;
  PartitionChoice choice_;
  int unserved_ = 0;  // appends since the client's callbacks were served
};

Result<void> KafkaWriter::append(Record record, std::optional<Partition> partition) {
  constexpr int kServeEvery = 1000;
  Partition chosen = TRY(choice_.choose(topic_name(), record.key, partition, partitions_));
  if (++unserved_ >= kServeEvery) TRY(failures());
  auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kDeliveryMs);
  while (true) {
    rd_kafka_resp_err_t number = produce(record, chosen);
    if (number == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    if (number != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      Error error = client_->error(number, nullptr, fmt::format("write to \"{}\"", topic_name()));
      if (number == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        error.code = Code::Invalid;
        error.message += "; raise the topic's max.message.bytes";
      }
      return error;
    }
    if (std::chrono::steady_clock::now() > until) return client_->unreachable();
    constexpr int kRoomMs = 10;
    rd_kafka_poll(client_->handle(), kRoomMs);
    TRY(failures());
  }
}

rd_kafka_resp_err_t KafkaWriter::produce(const Record& record, Partition partition) {
  rd_kafka_headers_t* headers = nullptr;
  if (!record.headers.empty()) {
    headers = rd_kafka_headers_new(record.headers.size());
    for (const Header& header : record.headers) {
      rd_kafka_header_add(headers, header.key.data(), static_cast<ssize_t>(header.key.size()),
                          header.value ? header.value->data() : nullptr,
                          header.value ? static_cast<ssize_t>(header.value->size()) : 0);
    }
  }
  int64_t timestamp_ms = record.timestamp_ms < 0 ? clock_.now_ms() : record.timestamp_ms;
  rd_kafka_vu_t fields[7];
  size_t count = 0;
  fields[count].vtype = RD_KAFKA_VTYPE_RKT;
  fields[count++].u.rkt = topic_.get();
  fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[count++].u.i32 = partition.value;
  fields[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  fields[count++].u.i = RD_KAFKA_MSG_F_COPY;
  fields[count].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  fields[count++].u.i64 = timestamp_ms;
  fields[count].vtype = RD_KAFKA_VTYPE_KEY;
  fields[count].u.mem.ptr = record.key ? const_cast<char*>(record.key->data()) : nullptr;
  fields[count++].u.mem.size = record.key ? record.key->size() : 0;
  fields[count].vtype = RD_KAFKA_VTYPE_VALUE;
  fields[count].u.mem.ptr = record.value ? const_cast<char*>(record.value->data()) : nullptr;
  fields[count++].u.mem.size = record.value ? record.value->size() : 0;
  if (headers != nullptr) {
    fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[count++].u.headers = headers;
  }
  Owned<rd_kafka_error_t, rd_kafka_error_destroy> failed(
      rd_kafka_produceva(client_->handle(), fields, count));
  if (!failed) return RD_KAFKA_RESP_ERR_NO_ERROR;  // the headers are the message's now
  if (headers != nullptr) rd_kafka_headers_destroy(headers);
  return rd_kafka_error_code(failed.get());
}

Result<void> KafkaWriter::failures() {
  unserved_ = 0;
  rd_kafka_poll(client_->handle(), 0);
  std::optional<Error> failed = client_->news().take_failed_delivery();
  if (failed) return *std::move(failed);
  char reason[512] = "";
  if (rd_kafka_fatal_error(client_->handle(), reason, sizeof reason) != 0) {
    return Error{
        Code::Unavailable,
        fmt::format("writing to topic \"{}\" stopped: {}; open it again", topic_name(), reason)};
  }
  return {};
}

Result<void> KafkaWriter::flush() {
  rd_kafka_resp_err_t number = rd_kafka_flush(client_->handle(), kDeliveryMs);
  TRY(failures());
  if (number != RD_KAFKA_RESP_ERR_NO_ERROR) return client_->unreachable();
  client_->news().answered();
  return {};
}

}  // namespace

Result<std::unique_ptr<Writer>> write_kafka(const KafkaSettings& settings, const std::string& topic,
                                            int32_t partitions, const io::Clock& clock) {
  auto client = TRY(KafkaClient::make(RD_KAFKA_PRODUCER, settings, writer_settings()));
  OwnedTopic handle(rd_kafka_topic_new(client->handle(), topic.c_str(), nullptr));
  if (!handle) return client->error(rd_kafka_last_error(), nullptr, "open topic " + topic);
  return std::unique_ptr<Writer>(
      std::make_unique<KafkaWriter>(std::move(client), std::move(handle), partitions, clock));
}

}  // namespace ticklake::broker
