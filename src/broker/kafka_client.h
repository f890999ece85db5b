// librdkafka behind our Result: a client, its settings and its administrative calls. The only place
// that includes it.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/secrets.h"
#include "broker/broker.h"
#include "broker/kafka_login.h"
#include "broker/kafka_problems.h"

namespace ticklake::broker {

template <typename T, void (*destroy)(T*)>
struct Destroy {
  void operator()(T* object) const { destroy(object); }
};
template <typename T, void (*destroy)(T*)>
using Owned = std::unique_ptr<T, Destroy<T, destroy>>;

using OwnedQueue = Owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using OwnedTopic = Owned<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using OwnedEvent = Owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using OwnedOptions = Owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using OwnedList = Owned<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

struct KafkaSettings {
  std::string bootstrap;
  KafkaConfig config;    // the user's, as librdkafka spells them
  Secrets secrets = {};  // among them
  std::string name() const { return "Kafka at " + bootstrap; }
};
// Of what a user configures. Invalid, Unsupported: see kafka_settings().
Result<KafkaSettings> make_kafka_settings(const std::string& bootstrap, const KafkaConfig& user);

// What librdkafka's threads have to tell; it outlives them.
class KafkaNews {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void problem(std::string text, Time now = std::chrono::steady_clock::now());  // of a connection
  void answered();  // a broker did, so it knows us
  // For so long nothing came of connecting but refusals of our login: it will not pass by itself.
  bool is_locked_out(Time now = std::chrono::steady_clock::now()) const;
  void certificate_refused(int error);
  KafkaTrouble last_trouble() const;
  void failed_delivery(Error error);  // the first is kept
  std::optional<Error> take_failed_delivery();

 private:
  mutable std::mutex mutex_;
  KafkaTrouble trouble_;
  std::optional<Time> refused_since_;
  std::optional<Error> failed_delivery_;
};

class KafkaClient {
 public:
  // `settings` over our defaults, the user's over both. Does not wait for a connection.
  static Result<std::unique_ptr<KafkaClient>> make(rd_kafka_type_t type,
                                                   const KafkaSettings& settings,
                                                   const std::map<std::string, std::string>& own);
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  rd_kafka_t* handle() const { return handle_; }
  KafkaNews& news() const { return news_; }
  const std::string& name() const { return name_; }

  // "no Kafka broker answers at HOST:PORT (reason); ...", or why it lets us not in. Invalid: for a
  // while it was nothing but that.
  Error unreachable() const;
  // The broker answers, but not to us: only other settings help.
  bool is_refused_login() const { return explain().is_login; }
  // Our error for librdkafka's, while doing `action` ("create topic \"x\"").
  Error error(rd_kafka_resp_err_t number, const char* detail, const std::string& action) const;

 private:
  explicit KafkaClient(const KafkaSettings& settings);
  KafkaProblem explain() const;

  KafkaSettings settings_;
  std::string name_;
  mutable KafkaNews news_;  // librdkafka's threads write to it all the time
  rd_kafka_t* handle_ = nullptr;
};

// Waits for the answer to one administrative request that `start` sends. Any thread.
template <typename Start>
Result<OwnedEvent> admin_call(const KafkaClient& client, rd_kafka_admin_op_t operation,
                              const std::string& action, int timeout_ms, Start&& start) {
  OwnedQueue queue(rd_kafka_queue_new(client.handle()));
  OwnedOptions options(rd_kafka_AdminOptions_new(client.handle(), operation));
  char unused[1];
  rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, unused, 0);
  start(options.get(), queue.get());
  OwnedEvent event(rd_kafka_queue_poll(queue.get(), timeout_ms + 1000));
  if (!event) return client.unreachable();
  if (rd_kafka_resp_err_t number = rd_kafka_event_error(event.get())) {
    return client.error(number, rd_kafka_event_error_string(event.get()), action);
  }
  client.news().answered();
  return event;
}

struct KafkaTopic {
  std::string id;
  int32_t partitions = 0;
  bool has_leaders = false;  // of all partitions
};
inline constexpr int kAdminTimeoutMs = 5000;

// NotFound (without advice) where there is none.
Result<KafkaTopic> describe_kafka_topic(const KafkaClient& client, const std::string& topic,
                                        int timeout_ms = kAdminTimeoutMs);
// One offset a partition; `spec` is librdkafka's: a timestamp, or RD_KAFKA_OFFSET_SPEC_*. -1: none.
Result<std::vector<Offset>> list_kafka_offsets(const KafkaClient& client, const std::string& topic,
                                               int32_t partitions, int64_t spec);
Result<std::vector<OffsetRange>> kafka_ranges(const KafkaClient& client, const std::string& topic,
                                              int32_t partitions);

Result<std::unique_ptr<Topics>> open_kafka(const KafkaSettings& settings, const io::Clock& clock);
Result<std::unique_ptr<Reader>> read_kafka(const KafkaSettings& settings, const std::string& topic,
                                           const KafkaTopic& described,
                                           const std::map<Partition, Offset>& from);
Result<std::unique_ptr<Writer>> write_kafka(const KafkaSettings& settings, const std::string& topic,
                                            int32_t partitions, const io::Clock& clock);
// The last record of each partition of `ranges` that has one.
Result<std::map<Partition, Record>> last_kafka_records(const KafkaSettings& settings,
                                                       const std::string& topic,
                                                       const std::vector<OffsetRange>& ranges);

}  // namespace ticklake::broker
