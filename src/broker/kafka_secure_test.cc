// Real logins over TLS on the broker that `tools/kafka.sh secure` started in
// TICKLAKE_TEST_KAFKA_DIR.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "broker/broker.h"
#include "broker/test_topics.h"

namespace ticklake::broker {
namespace {

using Config = std::map<std::string, std::string>;

class SecureKafka : public testing::Test {
 protected:
  void SetUp() override {
    const char* directory = std::getenv("TICKLAKE_TEST_KAFKA_DIR");
    if (directory == nullptr) GTEST_SKIP() << "TICKLAKE_TEST_KAFKA_DIR is not set";
    directory_ = directory;
  }
  std::string text_in(const std::string& name) const {
    std::ifstream file(directory_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string address(const std::string& host, const std::string& port) const {
    std::string number = text_in(port);
    return host + ":" + number.substr(0, number.find('\n'));
  }
  std::string sasl() const { return address("localhost", "sasl_port"); }
  std::string tls(const std::string& name) const { return directory_ + "/tls/" + name; }
  Config with_ca(Config config) const {
    config.emplace("ca_file", tls("ca.pem"));
    return config;
  }
  Config scram(const std::string& user = "ticker") const {
    return with_ca({{"profile", "scram"}, {"username", user}, {"password", user + "-secret"}});
  }
  Config confluent() const {
    return with_ca({{"profile", "confluent"},
                    {"username", "KEY4TICKLAKE"},
                    {"password", "secret-of-the-key"}});
  }

  // Makes a topic, writes to it and reads it back.
  void expect_works(const std::string& bootstrap, const Config& config) {
    auto topics = open(bootstrap, "", config, clock_);
    ASSERT_TRUE(topics) << topics.error().message;
    std::string topic = "secure-" + std::to_string(::getpid());
    ASSERT_OK((*topics)->create(topic, {2, {}}));
    fill(**(*topics)->write(topic), 50, 2);
    auto reader = (*topics)->read(topic, {{Partition(0), Offset(0)}, {Partition(1), Offset(0)}});
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_EQ(read_rows(**reader, 100).size(), 100u);
    EXPECT_EQ((*topics)->last_records(topic)->size(), 2u);
    EXPECT_TRUE((*topics)->publish_offsets("secure", topic, {{Partition(0), Offset(7)}}));
    ASSERT_OK((*topics)->remove(topic));
  }
  void expect_refused(const std::string& bootstrap, const Config& config,
                      const std::string& words) {
    auto topics = open(bootstrap, "", config, clock_);
    ASSERT_FALSE(topics);
    const std::string& message = topics.error().message;
    EXPECT_EQ(topics.error().code, Code::Invalid) << message;
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const auto& [key, value] : config) {
      bool is_secret = key.find("password") != key.npos || key == "connection_string";
      if (!is_secret) continue;
      EXPECT_EQ(message.find(value), std::string::npos) << message;
    }
  }

  std::string directory_;
  io::SystemClock clock_;
};

TEST_F(SecureKafka, ConfluentLogsIn) { expect_works(sasl(), confluent()); }

TEST_F(SecureKafka, BothScramMechanismsLogIn) {
  expect_works(sasl(), scram());
  Config longer = scram();
  longer["mechanism"] = "SCRAM-SHA-512";
  expect_works(sasl(), longer);
}

TEST_F(SecureKafka, EventHubsLogsIn) {
  Config config = with_ca({{"profile", "event_hubs"}});
  config["connection_string"] = text_in("connection_string");
  expect_works(sasl(), config);
}

TEST_F(SecureKafka, TheSettingsOfSparkLogIn) {
  expect_works(sasl(), {{"security.protocol", "SASL_SSL"},
                        {"sasl.mechanism", "PLAIN"},
                        {"sasl.jaas.config",
                         "org.apache.kafka.common.security.plain.PlainLoginModule required "
                         "username=\"$ConnectionString\" password=\"" +
                             text_in("connection_string") + "\";"},
                        {"ssl.truststore.type", "PEM"},
                        {"ssl.truststore.location", tls("ca.pem")}});
}

TEST_F(SecureKafka, AClientsCertificateLogsIn) {
  Config config = with_ca({{"security.protocol", "SSL"},
                           {"certificate_file", tls("client.pem")},
                           {"key_file", tls("client.key")},
                           {"key_password", "client-secret"}});
  std::string bootstrap = address("localhost", "mtls_port");
  expect_works(bootstrap, config);
  config["key_password"] = "wrong-secret";
  expect_refused(bootstrap, config, "kafka.key_password");
  expect_refused(bootstrap, with_ca({{"security.protocol", "SSL"}}),
                 "wants a certificate of its clients: set kafka.certificate_file");
}

TEST_F(SecureKafka, WrongPasswordsAndUsersAreRefusedInASentence) {
  Config plain = confluent();
  plain["password"] = "wrong-secret-of-the-key";
  expect_refused(sasl(), plain, "refused the login of user \"KEY4TICKLAKE\" by PLAIN");
  Config unknown = scram("nobody");
  expect_refused(sasl(), unknown, "check kafka.username and kafka.password");
  Config scram512 = scram();
  scram512["mechanism"] = "SCRAM-SHA-512";
  scram512["password"] = "wrong-secret";
  expect_refused(sasl(), scram512, "refused the login of user \"ticker\" by SCRAM-SHA-512");
  Config hub = with_ca({{"profile", "event_hubs"}, {"connection_string", "Endpoint=sb://wrong/"}});
  expect_refused(sasl(), hub, "check that kafka.connection_string");
}

TEST_F(SecureKafka, WrongCertificatesAreRefusedInASentence) {
  Config config = scram();
  config["ca_file"] = tls("other_ca.pem");
  expect_refused(sasl(), config, "is not signed by the authority in");
  config.erase("ca_file");
  expect_refused(sasl(), config, "set kafka.ca_file");
  config["ca_file"] = tls("nowhere.pem");
  expect_refused(sasl(), config, "kafka.ca_file) cannot be read from");
  expect_refused(address("127.0.0.1", "sasl_port"), scram(), "was made for another host name");
}

TEST_F(SecureKafka, AnotherProtocolIsNamed) {
  expect_refused(sasl(), {}, "it may want TLS there");
  expect_refused(address("127.0.0.1", "port"), scram(), "it may speak no TLS there");
  expect_refused(sasl(), with_ca({{"security.protocol", "SSL"}}), "hung up");
}

TEST_F(SecureKafka, AMissingRightIsNamed) {
  auto admin = open(address("127.0.0.1", "port"), "", {}, clock_);
  ASSERT_TRUE(admin) << admin.error().message;
  std::string topic = "rights-" + std::to_string(::getpid());
  ASSERT_OK((*admin)->create(topic, {1, {}}));
  ASSERT_OK(grant_kafka_topic(address("127.0.0.1", "port"), topic, "ticker"));
  auto allowed = open(sasl(), "", scram(), clock_);
  ASSERT_TRUE(allowed) << allowed.error().message;
  ASSERT_TRUE((*allowed)->describe(topic));
  auto guest = open(sasl(), "", scram("guest"), clock_);
  ASSERT_TRUE(guest) << guest.error().message;
  auto refused = (*guest)->describe(topic);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Invalid);
  EXPECT_NE(refused.error().message.find("grant this login"), std::string::npos)
      << refused.error().message;
  ASSERT_OK((*admin)->remove(topic));
}

TEST_F(SecureKafka, TheNextAddressServesWhereTheFirstIsDown) {
  expect_works("localhost:1," + sasl(), scram());
}

}  // namespace
}  // namespace ticklake::broker
