// What went wrong with a connection, in a sentence that says what to do.
#pragma once

#include <librdkafka/rdkafka.h>

#include <string>

#include "broker/kafka_login.h"

namespace ticklake::broker {

// The last that librdkafka's threads had to tell of a connection.
struct KafkaTrouble {
  std::string reason;         // "": nothing
  int certificate_error = 0;  // OpenSSL's X509_V_ERR_*, why the broker's certificate was refused
};

struct KafkaProblem {
  std::string sentence;
  bool is_login = false;  // the broker is there, but refuses us or is refused by us
};

KafkaProblem explained(const std::string& bootstrap, const KafkaConfig& settings,
                       const KafkaTrouble& trouble);

// For settings that cannot even make a client, such as a key file that is not there.
std::string explained_settings(const KafkaConfig& settings, const std::string& reason);

// "" or "; grant ..", for an answer of the broker that names a missing right.
std::string advice_for(rd_kafka_resp_err_t number);
bool is_missing_right(rd_kafka_resp_err_t number);

}  // namespace ticklake::broker
