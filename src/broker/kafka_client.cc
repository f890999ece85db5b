#include "broker/kafka_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "base/text.h"

namespace ticklake::broker {

void KafkaNews::problem(std::string text, Time now) {
  std::lock_guard lock(mutex_);
  if (text.find("SASL authentication error") != text.npos) {
    if (!refused_since_) refused_since_ = now;
  } else if (text.find("Connect to") != text.npos) {
    refused_since_.reset();  // nobody is there
  }
  trouble_.reason = std::move(text);
}

void KafkaNews::answered() {
  std::lock_guard lock(mutex_);
  refused_since_.reset();
}

bool KafkaNews::is_locked_out(Time now) const {
  constexpr std::chrono::minutes kPatience{1};  // a password may be about to be set
  std::lock_guard lock(mutex_);
  return refused_since_ && now - *refused_since_ >= kPatience;
}

void KafkaNews::certificate_refused(int error) {
  std::lock_guard lock(mutex_);
  trouble_.certificate_error = error;
}

KafkaTrouble KafkaNews::last_trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

void KafkaNews::failed_delivery(Error error) {
  std::lock_guard lock(mutex_);
  if (!failed_delivery_) failed_delivery_ = std::move(error);
}

std::optional<Error> KafkaNews::take_failed_delivery() {
  std::lock_guard lock(mutex_);
  return std::exchange(failed_delivery_, std::nullopt);
}

namespace {

using Config = std::map<std::string, std::string>;

// Quick to connect and to recover; nothing happens behind our back.
const Config& common_settings() {
  static const Config settings{
      {"client.id", "ticklake"},
      {"allow.auto.create.topics", "false"},
      {"enable.metrics.push", "false"},
      {"reconnect.backoff.ms", "20"},
      {"reconnect.backoff.max.ms", "1000"},
      {"retry.backoff.ms", "20"},
      {"socket.nagle.disable", "true"},
      {"socket.connection.setup.timeout.ms", "5000"},
      {"topic.metadata.refresh.fast.interval.ms", "20"},
  };
  return settings;
}

constexpr std::array<std::string_view, 11> kOurs{"bootstrap.servers",        "metadata.broker.list",
                                                 "enable.auto.commit",       "auto.offset.reset",
                                                 "enable.partition.eof",     "enable.idempotence",
                                                 "enable.gapless.guarantee", "acks",
                                                 "request.required.acks",    "transactional.id",
                                                 "allow.auto.create.topics"};

// "127.0.0.1:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms
// ...)" without what
// only the library's authors need.
std::string reason_in(std::string_view text) {
  if (size_t thread = text.find("]: "); text.starts_with("[thrd:") && thread != text.npos) {
    text.remove_prefix(thread + 3);
  }
  return printable(trimmed(text.substr(0, text.find(" (after "))), 200);
}

// OpenSSL has judged already; only why is kept, for librdkafka does not tell.
int check_certificate(rd_kafka_t*, const char*, int32_t, int* error, int, const char*, size_t,
                      char* text, size_t text_bytes, void* news) {
  if (*error == 0) return 1;
  static_cast<KafkaNews*>(news)->certificate_refused(*error);
  *fmt::format_to_n(text, text_bytes - 1, "X509 error {}", *error).out = '\0';
  return 0;
}

void take_log(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  constexpr int kInfo = 6;  // so loud is a broker that hangs up
  auto* news = static_cast<KafkaNews*>(rd_kafka_opaque(handle));
  std::string_view kind = facility;
  if (news == nullptr || level > kInfo || (kind != "FAIL" && kind != "ERROR")) return;
  std::string_view told = text;
  // That what was up has gone is a reason only where there is no better one.
  bool is_farewell = told.find("in state UP") != told.npos;
  if (!is_farewell || news->last_trouble().reason.empty()) news->problem(reason_in(told));
}

}  // namespace

Result<KafkaSettings> make_kafka_settings(const std::string& bootstrap, const Config& user) {
  KafkaSettings settings{bootstrap, TRY(kafka_settings(user)), kafka_secrets(user)};
  settings.secrets.add(kafka_secrets(settings.config));
  for (const auto& [key, value] : settings.config) {
    if (std::find(kOurs.begin(), kOurs.end(), key) == kOurs.end()) continue;
    bool is_address = key == "bootstrap.servers";
    return Error{Code::Invalid,
                 is_address
                     ? "Kafka setting bootstrap.servers: write the address as kafka.bootstrap"
                     : fmt::format("Kafka setting {} is fixed by ticklake, because "
                                   "exactly-once reading and safe writing depend on it: "
                                   "remove it",
                                   key)};
  }
  return settings;
}

namespace {

Error not_accepted(const KafkaSettings& settings, const std::string& key, const std::string& value,
                   const std::string& reason) {
  static const std::vector<std::string> known = {
      "profile",          "username",          "password",         "connection_string",
      "mechanism",        "ca_file",           "certificate_file", "key_file",
      "key_password",     "security.protocol", "sasl.mechanism",   "sasl.username",
      "sasl.password",    "sasl.jaas.config",  "ssl.ca.location",  "ssl.certificate.location",
      "ssl.key.location", "ssl.key.password",  "bootstrap"};
  if (reason.starts_with("No such configuration property")) {
    std::string near = nearest(key, known);
    return {Code::Invalid,
            fmt::format("Kafka setting {} is not known; {}", printable(key),
                        near.empty() ? "it is neither one of ticklake nor of librdkafka"
                                     : "did you mean " + near + "?")};
  }
  return {Code::Invalid, fmt::format("Kafka setting {}={} is not accepted: {}", printable(key),
                                     names_secret(key) ? "***" : printable(value),
                                     settings.secrets.masked(reason))};
}

}  // namespace

KafkaClient::KafkaClient(const KafkaSettings& settings)
    : settings_(settings), name_(settings.name()) {}

Result<std::unique_ptr<KafkaClient>> KafkaClient::make(rd_kafka_type_t type,
                                                       const KafkaSettings& settings,
                                                       const Config& own) {
  std::unique_ptr<KafkaClient> client(new KafkaClient(settings));
  Owned<rd_kafka_conf_t, rd_kafka_conf_destroy> conf(rd_kafka_conf_new());
  char reason[512] = "";
  Config all = settings.config;
  all.insert(own.begin(), own.end());
  // Who is refused should not knock every second: accounts are locked for less.
  if (all.contains("sasl.mechanisms")) all.emplace("reconnect.backoff.max.ms", "10000");
  all.insert(common_settings().begin(), common_settings().end());
  all.insert_or_assign("bootstrap.servers", settings.bootstrap);
  for (const auto& [key, value] : all) {
    if (rd_kafka_conf_set(conf.get(), key.c_str(), value.c_str(), reason, sizeof reason) !=
        RD_KAFKA_CONF_OK) {
      return not_accepted(settings, key, value, reason);
    }
  }
  rd_kafka_conf_set_opaque(conf.get(), &client->news_);
  rd_kafka_conf_set_log_cb(conf.get(), take_log);
  rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t*, int number, const char* text, void* news) {
    if (number == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;
    static_cast<KafkaNews*>(news)->problem(reason_in(text));
  });
  if (settings.config.contains("security.protocol")) {
    rd_kafka_conf_set_ssl_cert_verify_cb(conf.get(), check_certificate);
  }
  rd_kafka_conf_set_dr_msg_cb(conf.get(), [](rd_kafka_t* handle, const rd_kafka_message_t* message,
                                             void* client_news) {
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    bool is_too_big = message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    bool is_final = is_too_big || is_missing_right(message->err);
    (void)handle;
    static_cast<KafkaNews*>(client_news)
        ->failed_delivery(
            {is_final ? Code::Invalid : Code::Unavailable,
             fmt::format(
                 "topic \"{}\", partition {}: a record of {} bytes was not written: {}{}",
                 rd_kafka_topic_name(message->rkt), message->partition,
                 message->len + message->key_len, rd_kafka_err2str(message->err),
                 is_too_big ? "; raise the topic's max.message.bytes" : advice_for(message->err))});
  });
  client->handle_ = rd_kafka_new(type, conf.get(), reason, sizeof reason);
  if (client->handle_ == nullptr) {
    return Error{Code::Invalid,
                 settings.secrets.masked(explained_settings(settings.config, reason))};
  }
  (void)conf.release();  // now the client's
  return client;
}

KafkaClient::~KafkaClient() {
  if (handle_ == nullptr) return;
  rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

KafkaProblem KafkaClient::explain() const {
  KafkaProblem problem = explained(settings_.bootstrap, settings_.config, news_.last_trouble());
  problem.sentence = settings_.secrets.masked(std::move(problem.sentence));
  return problem;
}

Error KafkaClient::unreachable() const {
  return {news_.is_locked_out() ? Code::Invalid : Code::Unavailable, explain().sentence};
}

Error KafkaClient::error(rd_kafka_resp_err_t number, const char* detail,
                         const std::string& action) const {
  Code code = Code::Unavailable;
  switch (number) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__RESOLVE: return unreachable();
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: code = Code::NotFound; break;
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: code = Code::Conflict; break;
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: code = Code::Invalid; break;
    default:
      if (is_missing_right(number)) code = Code::Invalid;
      break;
  }
  const char* text = detail != nullptr ? detail : rd_kafka_err2str(number);
  return {code, settings_.secrets.masked(
                    fmt::format("cannot {} in {}: {}{}", action, name_, text, advice_for(number)))};
}

Result<KafkaTopic> describe_kafka_topic(const KafkaClient& client, const std::string& topic,
                                        int timeout_ms) {
  std::string action = fmt::format("describe topic \"{}\"", topic);
  const char* name = topic.c_str();
  Owned<rd_kafka_TopicCollection_t, rd_kafka_TopicCollection_destroy> names(
      rd_kafka_TopicCollection_of_topic_names(&name, 1));
  OwnedEvent event =
      TRY(admin_call(client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, action, timeout_ms,
                     [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                       rd_kafka_DescribeTopics(client.handle(), names.get(), options, queue);
                     }));
  size_t count = 0;
  const auto* result = rd_kafka_event_DescribeTopics_result(event.get());
  const auto** topics = rd_kafka_DescribeTopics_result_topics(result, &count);
  CHECK(count == 1, "one topic asked for");
  const rd_kafka_error_t* failed = rd_kafka_TopicDescription_error(topics[0]);
  if (failed != nullptr && rd_kafka_error_code(failed) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return client.error(rd_kafka_error_code(failed), rd_kafka_error_string(failed), action);
  }
  KafkaTopic found;
  found.id = rd_kafka_Uuid_base64str(rd_kafka_TopicDescription_topic_id(topics[0]));
  const auto** partitions = rd_kafka_TopicDescription_partitions(topics[0], &count);
  found.partitions = static_cast<int32_t>(count);
  found.has_leaders = std::all_of(partitions, partitions + count, [](const auto* partition) {
    const rd_kafka_Node_t* leader = rd_kafka_TopicPartitionInfo_leader(partition);
    return leader != nullptr && rd_kafka_Node_id(leader) >= 0;
  });
  return found;
}

namespace {

bool is_leader_moving(rd_kafka_resp_err_t number) {
  return number == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
         number == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
         number == RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH ||
         number == RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH;
}

// Conflict: a partition is without a leader for the moment, or its leader went away meanwhile:
// then the client tells no error, and an offset that cannot be.
Result<std::vector<Offset>> ask_offsets(const KafkaClient& client, const std::string& topic,
                                        int32_t partitions, int64_t spec) {
  std::string action = fmt::format("ask for the offsets of topic \"{}\"", topic);
  OwnedList asked(rd_kafka_topic_partition_list_new(partitions));
  for (int32_t i = 0; i < partitions; ++i) {
    rd_kafka_topic_partition_list_add(asked.get(), topic.c_str(), i)->offset = spec;
  }
  OwnedEvent event =
      TRY(admin_call(client, RD_KAFKA_ADMIN_OP_LISTOFFSETS, action, kAdminTimeoutMs,
                     [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                       Owned<rd_kafka_error_t, rd_kafka_error_destroy> ignored(
                           rd_kafka_AdminOptions_set_isolation_level(
                               options, RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED));
                       rd_kafka_ListOffsets(client.handle(), asked.get(), options, queue);
                     }));
  size_t count = 0;
  const auto** infos =
      rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event.get()), &count);
  std::vector<Offset> offsets(static_cast<size_t>(partitions), Offset(RD_KAFKA_OFFSET_INVALID));
  for (size_t i = 0; i < count; ++i) {
    const auto* told = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
    if (told->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      Error error = client.error(told->err, nullptr, action);
      if (is_leader_moving(told->err)) error.code = Code::Conflict;
      return error;
    }
    if (told->partition >= 0 && told->partition < partitions) {
      offsets[static_cast<size_t>(told->partition)] = Offset(told->offset);
    }
  }
  bool is_time = spec >= 0;  // of which there may be no record: -1
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i].value >= (is_time ? -1 : 0)) continue;
    return Error{Code::Conflict, fmt::format("{}: no answer for partition {}", action, i)};
  }
  return offsets;
}

}  // namespace

Result<std::vector<Offset>> list_kafka_offsets(const KafkaClient& client, const std::string& topic,
                                               int32_t partitions, int64_t spec) {
  constexpr int kTriesMax = 40;
  for (int tries = 1;; ++tries) {
    Result<std::vector<Offset>> offsets = ask_offsets(client, topic, partitions, spec);
    if (offsets || offsets.error().code != Code::Conflict) return offsets;
    if (tries == kTriesMax) return Error{Code::Unavailable, offsets.error().message};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

Result<std::vector<OffsetRange>> kafka_ranges(const KafkaClient& client, const std::string& topic,
                                              int32_t partitions) {
  std::vector<Offset> begins =
      TRY(list_kafka_offsets(client, topic, partitions, RD_KAFKA_OFFSET_SPEC_EARLIEST));
  std::vector<Offset> ends =
      TRY(list_kafka_offsets(client, topic, partitions, RD_KAFKA_OFFSET_SPEC_LATEST));
  std::vector<OffsetRange> ranges;
  for (size_t i = 0; i < begins.size(); ++i) ranges.push_back({begins[i], ends[i]});
  return ranges;
}

}  // namespace ticklake::broker
