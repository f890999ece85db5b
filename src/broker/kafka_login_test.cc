// Profiles, the Java client's spellings, and what is refused before a broker is asked.
#include "broker/kafka_login.h"

#include <gtest/gtest.h>

#include "broker/broker.h"
#include "broker/kafka_problems.h"

namespace ticklake::broker {
namespace {

constexpr const char* kConnection =
    "Endpoint=sb://ns.servicebus.windows.net/"
    ";SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0a2V5";

std::string refusal(const KafkaConfig& user) {
  auto settings = kafka_settings(user);
  return settings ? "accepted" : settings.error().message;
}
void expect_in(const std::string& message, const std::string& words) {
  EXPECT_NE(message.find(words), std::string::npos) << message;
}

TEST(KafkaLogin, ConfluentIsPlainOverTls) {
  auto settings =
      kafka_settings({{"profile", "confluent"}, {"username", "KEY"}, {"password", "s3cr3t"}});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->at("security.protocol"), "sasl_ssl");
  EXPECT_EQ(settings->at("sasl.mechanisms"), "PLAIN");
  EXPECT_EQ(settings->at("sasl.username"), "KEY");
  EXPECT_EQ(settings->at("sasl.password"), "s3cr3t");
  EXPECT_EQ(settings->at("ssl.ca.location"), "probe");
  EXPECT_FALSE(settings->contains("profile"));
}

TEST(KafkaLogin, ScramHasTwoMechanisms) {
  KafkaConfig user = {{"profile", "scram"}, {"username", "u"}, {"password", "pass"}};
  EXPECT_EQ(kafka_settings(user)->at("sasl.mechanisms"), "SCRAM-SHA-256");
  user["mechanism"] = "scram-sha-512";
  EXPECT_EQ(kafka_settings(user)->at("sasl.mechanisms"), "SCRAM-SHA-512");
  user["mechanism"] = "PLAIN";
  expect_in(refusal(user), "SCRAM-SHA-256 or SCRAM-SHA-512");
}

TEST(KafkaLogin, EventHubsHasItsUserAndItsClientSettings) {
  auto settings = kafka_settings({{"profile", "event_hubs"}, {"connection_string", kConnection}});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->at("sasl.username"), "$ConnectionString");
  EXPECT_EQ(settings->at("sasl.password"), kConnection);
  EXPECT_EQ(settings->at("metadata.max.age.ms"), "180000");
  EXPECT_EQ(settings->at("request.timeout.ms"), "60000");
  EXPECT_EQ(settings->at("socket.keepalive.enable"), "true");
  EXPECT_EQ(settings->at("compression.type"), "none");
  expect_in(refusal({{"profile", "event_hubs"}}), "kafka.connection_string");
  expect_in(refusal({{"profile", "event_hubs"}, {"username", "me"}, {"password", "pass"}}),
            "always $ConnectionString");
}

TEST(KafkaLogin, WhatAUserSaysWinsOverItsProfile) {
  auto settings = kafka_settings({{"profile", "confluent"},
                                  {"username", "KEY"},
                                  {"password", "s3cr3t"},
                                  {"session.timeout.ms", "9000"},
                                  {"sasl.mechanism", "SCRAM-SHA-512"}});
  EXPECT_EQ(settings->at("session.timeout.ms"), "9000");
  EXPECT_EQ(settings->at("sasl.mechanisms"), "SCRAM-SHA-512");
}

TEST(KafkaLogin, JavaSpellingsMeanTheSame) {
  std::string jaas = std::string("kafkashaded.org.apache.kafka.common.security.plain.") +
                     "PlainLoginModule required username=\"$ConnectionString\" password=\"" +
                     kConnection + "\";";
  auto settings = kafka_settings({{"security.protocol", "SASL_SSL"},
                                  {"sasl.mechanism", "PLAIN"},
                                  {"sasl.jaas.config", jaas},
                                  {"ssl.truststore.type", "PEM"},
                                  {"ssl.truststore.location", "ca.pem"},
                                  {"ssl.endpoint.identification.algorithm", ""}});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->at("sasl.username"), "$ConnectionString");
  EXPECT_EQ(settings->at("sasl.password"), kConnection);
  EXPECT_EQ(settings->at("ssl.ca.location"), "ca.pem");
  EXPECT_EQ(settings->at("ssl.endpoint.identification.algorithm"), "none");
  EXPECT_FALSE(settings->contains("sasl.jaas.config"));
  expect_in(
      refusal({{"sasl.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required;"}}),
      "ScramLoginModule");
  expect_in(refusal({{"ssl.truststore.location", "trust.jks"}}), "PEM");
}

TEST(KafkaLogin, WhatIsReadWinsOverTheProjectInWhicheverWords) {
  KafkaConfig project = {{"security.protocol", "SASL_SSL"},
                         {"sasl.mechanism", "SCRAM-SHA-512"},
                         {"sasl.username", "ticks"},
                         {"sasl.password", "of the project"},
                         {"ssl.ca.location", "/p/ca.pem"},
                         {"client.rack", "a"}};
  KafkaConfig read = {{"username", "reader"}, {"password", "of the reader"}};
  auto settings = kafka_settings_over(project, read);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->at("sasl.username"), "reader");
  EXPECT_EQ(settings->at("sasl.password"), "of the reader");
  EXPECT_EQ(settings->at("sasl.mechanisms"), "SCRAM-SHA-512");
  EXPECT_EQ(settings->at("ssl.ca.location"), "/p/ca.pem");
  EXPECT_EQ(*kafka_settings(*settings), *settings);
  KafkaConfig jaas = {{"sasl.mechanism", "PLAIN"},
                      {"sasl.jaas.config",
                       "o.a.PlainLoginModule required username=\"k\" password=\"of k\";"}};
  KafkaConfig scram = {{"profile", "scram"}, {"username", "ticks"}, {"password", "theirs"}};
  settings = kafka_settings_over(scram, jaas);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->at("sasl.mechanisms"), "PLAIN");
  EXPECT_EQ(settings->at("sasl.password"), "of k");
  settings = kafka_settings_over(project, {{"security.protocol", "PLAINTEXT"}});
  EXPECT_EQ(*settings,
            (KafkaConfig{{"security.protocol", "plaintext"}, {"client.rack", "a"}}));
  settings = kafka_settings_over({{"profile", "event_hubs"}, {"connection_string", kConnection}},
                                 {{"profile", "local"}});
  EXPECT_EQ(*settings, (KafkaConfig{{"security.protocol", "plaintext"}}));
}

TEST(KafkaLogin, HalfALoginIsRefusedWithWhatIsMissing) {
  expect_in(refusal({{"profile", "confluent"}, {"password", "s3cr3t"}}), "the API key");
  expect_in(refusal({{"profile", "confluent"}, {"username", "KEY"}}), "the API secret");
  expect_in(refusal({{"profile", "confluent"}, {"username", "KEY"}, {"password", ""}}),
            "kafka.password is empty");
  expect_in(refusal({{"profile", "conflunt"}}), "did you mean confluent?");
  expect_in(refusal({{"profile", "local"}, {"username", "u"}}), "which has no login");
  expect_in(refusal({{"username", "u"}, {"password", "pass"}}), "set kafka.profile");
  expect_in(refusal({{"security.protocol", "SASL_SSL"}}), "kafka.sasl.mechanism is missing");
  expect_in(refusal({{"security.protocol", "SASL_SSL"}, {"sasl.mechanism", "GSSAPI"}}),
            "GSSAPI is not offered");
}

TEST(KafkaLogin, WhatWouldHaveNoEffectIsRefused) {
  for (const char* protocol : {"PLAINTEXT", "SSL"}) {
    expect_in(refusal({{"security.protocol", protocol}, {"username", "u"}, {"password", "pass"}}),
              "has no login");
    expect_in(refusal({{"security.protocol", protocol}, {"sasl.mechanism", "PLAIN"}}),
              "has no login");
  }
  expect_in(refusal({{"ca_file", "ca.pem"}}), "ssl.ca.location is given, but");
  expect_in(refusal({{"profile", "local"}, {"ca_file", "ca.pem"}}), "SASL_SSL");
  expect_in(refusal({{"security.protocol", "SASL_PLAINTEXT"},
                     {"mechanism", "PLAIN"},
                     {"username", "u"},
                     {"password", "pass"},
                     {"certificate_file", "c.pem"}}),
            "ssl.certificate.location is given, but");
  EXPECT_EQ(refusal({{"security.protocol", "SSL"}, {"ca_file", "ca.pem"}}), "accepted");
}

TEST(KafkaLogin, SecretsAreKnownAndNoErrorShowsThem) {
  Secrets secrets =
      kafka_secrets({{"connection_string", kConnection}, {"ssl.key.location", "k.pem"}});
  EXPECT_EQ(secrets.masked("x c2VjcmV0a2V5 y"), "x *** y");
  EXPECT_EQ(secrets.masked(std::string("<") + kConnection + ">"), "<***>");
  EXPECT_EQ(secrets.masked("k.pem"), "k.pem");
  io::SystemClock clock;
  auto opened =
      open("127.0.0.1:1", "", {{"ssl.key.password", "hunter22"}, {"acks", "hunter22"}}, clock);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message.find("hunter22"), std::string::npos) << opened.error().message;
}

TEST(KafkaLogin, PathsAreTakenFromTheProjectsFolder) {
  auto config =
      kafka_paths_in("/p", {{"ca_file", "ca.pem"}, {"key_file", "/k"}, {"ssl.ca.pem", "x"}});
  EXPECT_EQ(config["ca_file"], "/p/ca.pem");
  EXPECT_EQ(config["key_file"], "/k");
  EXPECT_EQ(config["ssl.ca.pem"], "x");
}

TEST(KafkaProblems, SayWhatToDo) {
  KafkaConfig scram = {{"security.protocol", "sasl_ssl"},
                       {"sasl.mechanisms", "SCRAM-SHA-256"},
                       {"sasl.username", "u"}};
  auto sentence = [&](const std::string& reason, int certificate_error = 0) {
    return explained("b:1", scram, {reason, certificate_error}).sentence;
  };
  expect_in(sentence("SASL mechanism handshake failed: Broker: Unsupported SASL mechanism: PLAIN"),
            "no login by SCRAM-SHA-256");
  expect_in(sentence("SSL handshake failed: certificate verify failed", 10), "has expired");
  expect_in(sentence("Receive failed: sslv3 alert bad certificate"), "kafka.certificate_file");
  expect_in(sentence("Failed to resolve 'b:1'"), "cannot be resolved");
  expect_in(sentence(""), "no answer in time");
  expect_in(advice_for(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), "grant");
}

}  // namespace
}  // namespace ticklake::broker
