// How to reach and log in to a Kafka broker: from profiles and the Java client's settings to those
// of librdkafka. Pure.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "base/secrets.h"

namespace ticklake::broker {

using KafkaConfig = std::map<std::string, std::string>;

// librdkafka's settings for those of a user: ours (profile, username, password, connection_string,
// mechanism, ca_file, certificate_file, key_file, key_password), those of the Java client that mean
// the same under another name (sasl.jaas.config, PEM stores), and librdkafka's own, which win.
// Invalid or Unsupported: a login that is not whole, contradicts itself, or is of a kind that is
// not offered; says what to set.
Result<KafkaConfig> kafka_settings(const KafkaConfig& user);

// What of the settings must not be shown.
Secrets kafka_secrets(const KafkaConfig& settings);

}  // namespace ticklake::broker
