#include "broker/kafka_login.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/text.h"
#include "broker/broker.h"

namespace ticklake::broker {
namespace {

constexpr std::string_view kEventHubsUser = "$ConnectionString";

struct Profile {
  std::string_view name;
  std::string_view username;  // what the service calls it
  std::string_view password;
  KafkaConfig settings;
};

const std::vector<Profile>& profiles() {
  static const std::vector<Profile> all = {
      {"confluent",
       "the API key",
       "the API secret",
       {{"security.protocol", "sasl_ssl"},
        {"sasl.mechanisms", "PLAIN"},
        {"socket.keepalive.enable", "true"},
        {"session.timeout.ms", "45000"}}},
      {"scram",
       "the user",
       "its password",
       {{"security.protocol", "sasl_ssl"}, {"sasl.mechanisms", "SCRAM-SHA-256"}}},
      // Azure cuts connections that are idle for four minutes, and requests over 1,046,528 bytes.
      {"event_hubs",
       "the user",
       "the connection string of the namespace",
       {{"security.protocol", "sasl_ssl"},
        {"sasl.mechanisms", "PLAIN"},
        {"sasl.username", std::string(kEventHubsUser)},
        {"socket.keepalive.enable", "true"},
        {"metadata.max.age.ms", "180000"},
        {"request.timeout.ms", "60000"},
        {"session.timeout.ms", "30000"},
        {"heartbeat.interval.ms", "3000"},
        {"message.max.bytes", "1046528"},
        {"compression.type", "none"}}},
      {"local", "", "", {{"security.protocol", "plaintext"}}},
  };
  return all;
}

Error invalid(std::string text) { return {Code::Invalid, std::move(text)}; }

// Takes a setting out of the map.
std::optional<std::string> taken(KafkaConfig& config, const std::string& key) {
  auto node = config.extract(key);
  if (node.empty()) return {};
  return std::move(node.mapped());
}

Result<const Profile*> profile_of(KafkaConfig& config) {
  auto name = taken(config, "profile");
  if (!name) return nullptr;
  std::vector<std::string> known;
  for (const Profile& profile : profiles()) {
    if (profile.name == *name) return &profile;
    known.emplace_back(profile.name);
  }
  std::string near = nearest(*name, known);
  return invalid(fmt::format(
      "kafka.profile is \"{}\": {}", printable(*name),
      near.empty() ? "the profiles are " + joined(known, ", ") : "did you mean " + near + "?"));
}

// `name="value"` in the options of a JAAS login module.
std::optional<std::string> jaas_option(const std::string& jaas, const std::string& name) {
  for (size_t at = jaas.find(name); at != std::string::npos; at = jaas.find(name, at + 1)) {
    size_t equals = jaas.find_first_not_of(" \t\n", at + name.size());
    bool starts_word = at > 0 && (jaas[at - 1] == ' ' || jaas[at - 1] == '\t' ||
                                  jaas[at - 1] == '\n' || jaas[at - 1] == ',');
    if (!starts_word || equals == std::string::npos || jaas[equals] != '=') continue;
    size_t quote = jaas.find_first_not_of(" \t\n", equals + 1);
    if (quote == std::string::npos || (jaas[quote] != '"' && jaas[quote] != '\'')) continue;
    std::string value;
    for (size_t i = quote + 1; i < jaas.size() && jaas[i] != jaas[quote]; ++i) {
      if (jaas[i] == '\\' && i + 1 < jaas.size()) ++i;
      value += jaas[i];
    }
    return value;
  }
  return {};
}

Result<void> take_jaas(KafkaConfig& config, KafkaConfig& out) {
  auto jaas = taken(config, "sasl.jaas.config");
  if (!jaas) return {};
  bool is_known = jaas->find(".PlainLoginModule") != std::string::npos ||
                  jaas->find(".ScramLoginModule") != std::string::npos;
  auto username = jaas_option(*jaas, "username");
  auto password = jaas_option(*jaas, "password");
  if (!is_known || !username || !password) {
    return Error{Code::Unsupported,
                 "Kafka setting sasl.jaas.config: PlainLoginModule or ScramLoginModule with "
                 "username=\"..\" and password=\"..\" is understood; set sasl.username and "
                 "sasl.password instead"};
  }
  out["sasl.username"] = *username;
  out["sasl.password"] = *password;
  return {};
}

// The Java client's stores: PEM files and texts are as good here; JKS is Java's alone.
Result<void> take_stores(KafkaConfig& config, KafkaConfig& out) {
  for (const std::string store : {"truststore", "keystore"}) {
    std::string prefix = "ssl." + store + ".";
    std::string type = lowered(taken(config, prefix + "type").value_or(""));
    bool is_key = store == "keystore";
    bool is_named = config.contains(prefix + "location");
    if (type == "pem") {
      auto file = taken(config, prefix + "location");
      if (file && is_key) out["ssl.certificate.location"] = out["ssl.key.location"] = *file;
      if (file && !is_key) out["ssl.ca.location"] = *file;
    } else if (is_named && (!is_key || type != "pkcs12")) {
      return Error{Code::Unsupported,
                   fmt::format("Kafka setting {0}location: only PEM files can be read{1}; export "
                               "it with keytool -exportcert -rfc, and set {0}type to PEM",
                               prefix, is_key ? " (and PKCS12 with that type)" : "")};
    }
  }
  const std::array<std::pair<const char*, const char*>, 3> texts = {{
      {"ssl.truststore.certificates", "ssl.ca.pem"},
      {"ssl.keystore.certificate.chain", "ssl.certificate.pem"},
      {"ssl.keystore.key", "ssl.key.pem"},
  }};
  for (const auto& [java, ours] : texts) {
    if (auto text = taken(config, java)) out[ours] = *text;
  }
  return {};
}

// What the Java client calls otherwise, and what it alone has a use for.
void take_java_names(KafkaConfig& config, KafkaConfig& out) {
  const std::array<std::pair<const char*, const char*>, 3> renamed = {{
      {"sasl.mechanism", "sasl.mechanisms"},
      {"fetch.max.wait.ms", "fetch.wait.max.ms"},
      {"metadata.broker.list", "bootstrap.servers"},
  }};
  for (const auto& [java, ours] : renamed) {
    if (auto value = taken(config, java)) out[ours] = *value;
  }
  for (const char* java : {"default.api.timeout.ms", "max.poll.records"}) taken(config, java);
  auto check = config.find("ssl.endpoint.identification.algorithm");
  if (check != config.end() && check->second.empty()) check->second = "none";
}

Result<void> take_ours(KafkaConfig& config, KafkaConfig& out) {
  const std::array<std::pair<const char*, const char*>, 8> names = {{
      {"username", "sasl.username"},
      {"password", "sasl.password"},
      {"connection_string", "sasl.password"},
      {"mechanism", "sasl.mechanisms"},
      {"ca_file", "ssl.ca.location"},
      {"certificate_file", "ssl.certificate.location"},
      {"key_file", "ssl.key.location"},
      {"key_password", "ssl.key.password"},
  }};
  if (config.contains("connection_string") && config.contains("password")) {
    return invalid("kafka.connection_string and kafka.password say the same: give one of them");
  }
  for (const auto& [ours, theirs] : names) {
    auto value = taken(config, ours);
    if (!value) continue;
    if (trimmed(*value).empty()) {
      return invalid(fmt::format("kafka.{} is empty: give it a value, or remove it", ours));
    }
    out[theirs] = *value;
  }
  return {};
}

Result<void> check_profile(const Profile& profile, const KafkaConfig& settings) {
  bool has_login = settings.contains("sasl.username") || settings.contains("sasl.password");
  if (profile.name == "local") {
    if (!has_login) return {};
    return invalid(
        "kafka.profile is local, which has no login: remove kafka.username and "
        "kafka.password, or choose confluent, scram or event_hubs");
  }
  if (!settings.contains("sasl.username")) {
    return invalid(fmt::format("kafka.profile is {}, but kafka.username ({}) is missing",
                               profile.name, profile.username));
  }
  if (!settings.contains("sasl.password")) {
    bool is_hub = profile.name == "event_hubs";
    return invalid(fmt::format("kafka.profile is {}, but kafka.{} ({}) is missing", profile.name,
                               is_hub ? "connection_string" : "password", profile.password));
  }
  auto mechanism = settings.find("sasl.mechanisms");
  if (profile.name == "scram" && !uppered(mechanism->second).starts_with("SCRAM-SHA-")) {
    return invalid(
        fmt::format("kafka.profile is scram, but the mechanism is {}: SCRAM-SHA-256 or "
                    "SCRAM-SHA-512 is expected",
                    printable(mechanism->second)));
  }
  if (profile.name == "event_hubs" && settings.at("sasl.username") != kEventHubsUser) {
    return invalid(
        "kafka.profile is event_hubs, whose user is always $ConnectionString: remove "
        "kafka.username");
  }
  return {};
}

// TLS or a login that is spoken of where the protocol has none: the user believes in a safety that
// is not there.
Result<void> check_effect(const KafkaConfig& settings) {
  auto given = settings.find("security.protocol");
  std::string protocol = given == settings.end() ? "PLAINTEXT" : uppered(given->second);
  if (!protocol.ends_with("SSL")) {
    for (const char* key :
         {"ssl.ca.location", "ssl.ca.pem", "ssl.certificate.location", "ssl.certificate.pem",
          "ssl.key.location", "ssl.key.pem", "ssl.keystore.location"}) {
      if (!settings.contains(key)) continue;
      return invalid(fmt::format(
          "kafka.{} is given, but the protocol is {}, which has no TLS: set "
          "kafka.security.protocol to SSL (or SASL_SSL with a login), or remove it",
          key, printable(protocol)));
    }
  }
  if (protocol.starts_with("SASL_")) return {};
  for (const char* key : {"sasl.username", "sasl.password", "sasl.mechanisms"}) {
    if (!settings.contains(key)) continue;
    return invalid(
        fmt::format("kafka.{} is given, but kafka.security.protocol is {}, which has no login: "
                    "set it to SASL_SSL (or SASL_PLAINTEXT without TLS), or remove it",
                    key, printable(protocol)));
  }
  return {};
}

Result<void> check_login(const KafkaConfig& settings) {
  auto protocol = settings.find("security.protocol");
  bool has_login = settings.contains("sasl.username") || settings.contains("sasl.password");
  if (protocol == settings.end()) {
    if (!has_login && !settings.contains("sasl.mechanisms")) return check_effect(settings);
    return invalid(
        "the Kafka login says who but not how: set kafka.profile (confluent, scram, "
        "event_hubs) or kafka.security.protocol (SASL_SSL)");
  }
  TRY(check_effect(settings));
  if (!lowered(protocol->second).starts_with("sasl_")) return {};
  auto mechanism = settings.find("sasl.mechanisms");
  std::string name = mechanism == settings.end() ? "" : uppered(mechanism->second);
  if (name.empty()) {
    return invalid(
        "kafka.security.protocol is SASL, but kafka.sasl.mechanism is missing: PLAIN, "
        "SCRAM-SHA-256 or SCRAM-SHA-512");
  }
  if (name != "PLAIN" && name != "SCRAM-SHA-256" && name != "SCRAM-SHA-512") {
    return Error{Code::Unsupported,
                 fmt::format("kafka.sasl.mechanism {} is not offered: use PLAIN, SCRAM-SHA-256 or "
                             "SCRAM-SHA-512",
                             printable(mechanism->second))};
  }
  for (const char* key : {"username", "password"}) {
    auto value = settings.find(std::string("sasl.") + key);
    if (value != settings.end() && !value->second.empty()) continue;
    return invalid(
        fmt::format("kafka.security.protocol is SASL, but kafka.sasl.{} is missing or "
                    "empty",
                    key));
  }
  return {};
}

struct Settings {
  const Profile* profile = nullptr;
  KafkaConfig settings;
};

// A user's settings under librdkafka's names.
Result<Settings> in_their_words(KafkaConfig user) {
  Settings out;
  out.profile = TRY(profile_of(user));
  if (out.profile != nullptr) out.settings = out.profile->settings;
  TRY(take_ours(user, out.settings));
  TRY(take_jaas(user, out.settings));
  TRY(take_stores(user, out.settings));
  take_java_names(user, out.settings);
  for (auto& [key, value] : user) out.settings[key] = value;
  return out;
}

Result<KafkaConfig> checked(const Profile* profile, KafkaConfig settings) {
  if (profile != nullptr) TRY(check_profile(*profile, settings));
  TRY(check_login(settings));
  auto protocol = settings.find("security.protocol");
  if (protocol != settings.end()) {
    protocol->second = lowered(protocol->second);
    bool is_tls = protocol->second.ends_with("ssl");
    // Wherever this system keeps the authorities that it trusts.
    if (is_tls && !settings.contains("ssl.ca.pem")) settings.emplace("ssl.ca.location", "probe");
  }
  auto mechanism = settings.find("sasl.mechanisms");
  if (mechanism != settings.end()) mechanism->second = uppered(mechanism->second);
  return settings;
}

// Leaves of `lower` nothing that says the same as `upper` in another form, and no login or
// certificate for which the protocol of `upper` has no use.
void drop_what_is_replaced(KafkaConfig& lower, const KafkaConfig& upper) {
  for (const std::string kind : {"ssl.ca", "ssl.certificate", "ssl.key"}) {
    if (upper.contains(kind + ".pem")) lower.erase(kind + ".location");
    if (upper.contains(kind + ".location")) lower.erase(kind + ".pem");
  }
  auto protocol = upper.find("security.protocol");
  if (protocol == upper.end()) return;
  std::string name = lowered(protocol->second);
  std::erase_if(lower, [&](const auto& setting) {
    const std::string& key = setting.first;
    return (key.starts_with("sasl.") && !name.starts_with("sasl_")) ||
           (key.starts_with("ssl.") && !name.ends_with("ssl"));
  });
}

}  // namespace

Result<KafkaConfig> kafka_settings(const KafkaConfig& user) {
  auto [profile, settings] = TRY(in_their_words(user));
  return TRY(checked(profile, std::move(settings)));
}

Result<KafkaConfig> kafka_settings_over(KafkaConfig under, const KafkaConfig& over) {
  if (over.contains("profile")) under.erase("profile");
  auto [profile, upper] = TRY(in_their_words(over));
  KafkaConfig lower = TRY(in_their_words(under)).settings;
  drop_what_is_replaced(lower, upper);
  upper.merge(lower);
  return TRY(checked(profile, std::move(upper)));
}

Secrets kafka_secrets(const KafkaConfig& settings) {
  Secrets secrets;
  for (const auto& [key, value] : settings) {
    if (!names_secret(key)) continue;
    secrets.add(value);
    if (key == "sasl.jaas.config") secrets.add(jaas_option(value, "password").value_or(""));
    // Of a connection string the key alone is secret too.
    constexpr std::string_view kPart = "SharedAccessKey=";
    size_t at = value.find(kPart);
    if (at == std::string::npos) continue;
    std::string_view part = std::string_view(value).substr(at + kPart.size());
    secrets.add(part.substr(0, part.find(';')));
  }
  return secrets;
}

std::map<std::string, std::string> kafka_paths_in(const std::string& directory,
                                                  std::map<std::string, std::string> config) {
  for (const char* key :
       {"ca_file", "certificate_file", "key_file", "ssl.ca.location", "ssl.certificate.location",
        "ssl.key.location", "ssl.keystore.location", "ssl.truststore.location"}) {
    auto path = config.find(key);
    if (path == config.end() || path->second.empty() || path->second == "probe") continue;
    if (!path->second.starts_with('/')) path->second = directory + "/" + path->second;
  }
  return config;
}

}  // namespace ticklake::broker
