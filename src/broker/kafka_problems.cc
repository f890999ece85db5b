#include "broker/kafka_problems.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace ticklake::broker {
namespace {

// Of OpenSSL's X509_V_ERR_*, whose numbers never change.
constexpr int kCertificateExpired = 10;
constexpr int kHostnameMismatch = 62;
constexpr int kAddressMismatch = 64;

std::string setting(const KafkaConfig& settings, const std::string& key) {
  auto found = settings.find(key);
  return found == settings.end() ? "" : found->second;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string refused_login(const std::string& bootstrap, const KafkaConfig& settings,
                          const std::string& reason) {
  std::string mechanism = setting(settings, "sasl.mechanisms");
  if (has(reason, "nsupported SASL mechanism")) {
    return fmt::format(
        "the broker at {} has no login by {} ({}): choose another kafka.profile or "
        "kafka.mechanism",
        bootstrap, mechanism, reason);
  }
  if (setting(settings, "sasl.username") == "$ConnectionString") {
    return fmt::format(
        "the broker at {} refused the login of $ConnectionString: check that "
        "kafka.connection_string is the whole connection string of a policy of "
        "this namespace and that its key was not renewed",
        bootstrap);
  }
  return fmt::format(
      "the broker at {} refused the login of user \"{}\" by {}: the user is unknown "
      "there or the password is wrong; check kafka.username and kafka.password",
      bootstrap, setting(settings, "sasl.username"), mechanism);
}

std::string refused_certificate(const std::string& bootstrap, const KafkaConfig& settings,
                                int certificate_error) {
  if (certificate_error == kHostnameMismatch || certificate_error == kAddressMismatch) {
    return fmt::format(
        "the certificate of the broker at {} was made for another host name: reach "
        "it by the name that is in the certificate",
        bootstrap);
  }
  if (certificate_error == kCertificateExpired) {
    return fmt::format(
        "the certificate of the broker at {} has expired (or the clock of this "
        "machine is wrong): renew it",
        bootstrap);
  }
  std::string authority = setting(settings, "ssl.ca.location");
  bool is_given = !authority.empty() && authority != "probe";
  return fmt::format(
      "the certificate of the broker at {} is not signed by {}: set kafka.ca_file to the "
      "PEM file of the authority that signed it",
      bootstrap,
      is_given ? "the authority in " + authority : "an authority that this system trusts");
}

// The broker hung up at once, as those do that expect another protocol.
std::string other_protocol(const std::string& bootstrap, const KafkaConfig& settings,
                           const std::string& reason) {
  std::string protocol = setting(settings, "security.protocol");
  bool is_tls = protocol.ends_with("ssl");
  std::string wish =
      is_tls ? "it may speak no TLS there, or want a login" : "it may want TLS there, or a login";
  return fmt::format(
      "the broker at {} hung up when spoken to by {} ({}): {}; check the port and "
      "set kafka.profile (confluent, scram, event_hubs, local) or "
      "kafka.security.protocol",
      bootstrap, protocol.empty() ? "plaintext" : protocol, reason, wish);
}

bool wants_client_certificate(const std::string& reason) {
  return has(reason, "alert bad certificate") || has(reason, "certificate required") ||
         has(reason, "alert certificate unknown") || has(reason, "alert unknown ca");
}

bool is_hung_up(const std::string& reason) {
  return has(reason, "Disconnected") || has(reason, "wrong version number") ||
         has(reason, "unexpected eof") || has(reason, "Invalid response size") ||
         has(reason, "Broken pipe") || has(reason, "reset by peer");
}

}  // namespace

KafkaProblem explained(const std::string& bootstrap, const KafkaConfig& settings,
                       const KafkaTrouble& trouble) {
  const std::string& reason = trouble.reason;
  if (has(reason, "SASL authentication error") || has(reason, "SASL mechanism")) {
    return {refused_login(bootstrap, settings, reason), true};
  }
  if (has(reason, "certificate verify failed")) {
    return {refused_certificate(bootstrap, settings, trouble.certificate_error), true};
  }
  if (wants_client_certificate(reason)) {
    bool is_given =
        settings.contains("ssl.certificate.location") || settings.contains("ssl.certificate.pem");
    return {
        fmt::format("the broker at {} {}", bootstrap,
                    is_given ? "does not accept our certificate: check that kafka.certificate_file "
                               "is signed by an authority that it trusts"
                             : "wants a certificate of its clients: set kafka.certificate_file and "
                               "kafka.key_file to its PEM files"),
        true};
  }
  if (has(reason, "Failed to resolve")) {
    return {
        fmt::format("no Kafka broker answers at {}: its host name cannot be resolved ({}); "
                    "check kafka.bootstrap",
                    bootstrap, reason)};
  }
  if (is_hung_up(reason)) return {other_protocol(bootstrap, settings, reason), true};
  return {
      fmt::format("no Kafka broker answers at {} ({}); check that it runs, that the address is "
                  "right, and that its advertised listeners can be reached from here",
                  bootstrap, reason.empty() ? "no answer in time" : reason)};
}

std::string explained_settings(const KafkaConfig& settings, const std::string& reason) {
  struct File {
    std::string_view key, ours, what;
  };
  constexpr std::array<File, 4> files = {{
      {"ssl.ca.location", "kafka.ca_file", "the certificates of authorities"},
      {"ssl.certificate.location", "kafka.certificate_file", "the client's certificate"},
      {"ssl.key.location", "kafka.key_file", "the client's private key"},
      {"ssl.keystore.location", "kafka.ssl.keystore.location", "the key store"},
  }};
  for (const File& file : files) {
    if (!reason.starts_with(std::string(file.key) + " failed")) continue;
    bool is_key = file.key == "ssl.key.location";
    return fmt::format(
        "{} ({}) cannot be read from {}: check that the file is there and in PEM "
        "form{}",
        file.what, file.ours, setting(settings, std::string(file.key)),
        is_key ? ", and kafka.key_password" : "");
  }
  return fmt::format("the settings of Kafka do not fit together: {}", reason);
}

bool is_missing_right(rd_kafka_resp_err_t number) { return !advice_for(number).empty(); }

std::string advice_for(rd_kafka_resp_err_t number) {
  switch (number) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return "; grant this login Describe and Read on the topic, and Write to send to it";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return "; grant this login Read on the groups whose names begin with ticklake-";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "; grant this login Create on the cluster, or let an administrator make the topic";
    case RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return "; ask an administrator for the right";
    default: return "";
  }
}

}  // namespace ticklake::broker
