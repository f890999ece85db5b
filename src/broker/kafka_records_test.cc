#include "broker/kafka_client.h"
#include "broker/test_topics.h"

namespace ticklake::broker {

Result<void> grant_kafka_topic(const std::string& bootstrap, const std::string& topic,
                               const std::string& user) {
  auto client = TRY(KafkaClient::make(RD_KAFKA_PRODUCER, {bootstrap, {}}, {}));
  char reason[512] = "";
  Owned<rd_kafka_AclBinding_t, rd_kafka_AclBinding_destroy> rule(rd_kafka_AclBinding_new(
      RD_KAFKA_RESOURCE_TOPIC, topic.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL,
      ("User:" + user).c_str(), "*", RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
      reason, sizeof reason));
  rd_kafka_AclBinding_t* rules[] = {rule.get()};
  TRY(admin_call(*client, RD_KAFKA_ADMIN_OP_CREATEACLS, "grant a right", kAdminTimeoutMs,
                 [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                   rd_kafka_CreateAcls(client->handle(), rules, 1, options, queue);
                 }));
  return {};
}

Result<void> delete_kafka_records(const std::string& bootstrap, const std::string& topic,
                                  Partition partition, Offset before) {
  auto client = TRY(KafkaClient::make(RD_KAFKA_PRODUCER, {bootstrap, {}}, {}));
  OwnedList offsets(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(offsets.get(), topic.c_str(), partition.value)->offset =
      before.value;
  Owned<rd_kafka_DeleteRecords_t, rd_kafka_DeleteRecords_destroy> request(
      rd_kafka_DeleteRecords_new(offsets.get()));
  rd_kafka_DeleteRecords_t* requests[] = {request.get()};
  TRY(admin_call(*client, RD_KAFKA_ADMIN_OP_DELETERECORDS, "delete records", kAdminTimeoutMs,
                 [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                   rd_kafka_DeleteRecords(client->handle(), requests, 1, options, queue);
                 }));
  return {};
}

}  // namespace ticklake::broker
