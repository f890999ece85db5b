#include "delta/actions.h"
#include "delta/json.h"
#include "delta/paths.h"

namespace ticklake::delta {
namespace {

Json values_json(const Values& values) {
  Json out = Json::object();
  for (const auto& [name, value] : values) out[name] = value ? Json(*value) : Json();
  return out;
}

Json info_json(const CommitInfo& info) {
  Json out = Json::object();
  if (info.in_commit_timestamp_ms) out["inCommitTimestamp"] = *info.in_commit_timestamp_ms;
  if (info.timestamp_ms) out["timestamp"] = *info.timestamp_ms;
  out["operation"] = info.operation;
  out["operationParameters"] = info.parameters;
  out["operationMetrics"] = info.metrics;
  out["engineInfo"] = info.engine_info;
  out["isolationLevel"] = info.isolation_level;
  if (info.is_blind_append) out["isBlindAppend"] = *info.is_blind_append;
  if (info.read_version) out["readVersion"] = *info.read_version;
  out["ticklakeCommitId"] = info.commit_id;
  return out;
}

Json protocol_json(const Protocol& protocol) {
  Json out = {{"minReaderVersion", protocol.min_reader}, {"minWriterVersion", protocol.min_writer}};
  if (protocol.min_reader >= 3) out["readerFeatures"] = protocol.reader_features;
  if (protocol.min_writer >= 7) out["writerFeatures"] = protocol.writer_features;
  return out;
}

Json metadata_json(const Metadata& metadata) {
  Json out = {{"id", metadata.id},
              {"format", {{"provider", "parquet"}, {"options", Json::object()}}},
              {"schemaString", to_delta_json(metadata.schema)},
              {"partitionColumns", metadata.partition_columns},
              {"configuration", metadata.configuration},
              {"createdTime", metadata.created_ms}};
  if (!metadata.name.empty()) out["name"] = metadata.name;
  if (!metadata.description.empty()) out["description"] = metadata.description;
  return out;
}

Json vector_json(const DeletionVector& vector) {
  Json out = {{"storageType", std::string(1, vector.storage)},
              {"pathOrInlineDv", vector.place},
              {"sizeInBytes", vector.size_bytes},
              {"cardinality", vector.cardinality}};
  if (vector.offset) out["offset"] = *vector.offset;
  return out;
}

Json change_json(const ChangeFile& change) {
  return {{"path", uri_encoded(change.path)},
          {"partitionValues", values_json(change.partition_values)},
          {"size", change.size},
          {"dataChange", false}};
}

Json add_json(const AddFile& add) {
  Json out = {{"path", uri_encoded(add.path)},
              {"partitionValues", values_json(add.partition_values)},
              {"size", add.size},
              {"modificationTime", add.modified_ms},
              {"dataChange", add.data_change}};
  if (!add.stats.empty()) out["stats"] = add.stats;
  if (!add.tags.empty()) out["tags"] = add.tags;
  if (add.deletion_vector) out["deletionVector"] = vector_json(*add.deletion_vector);
  return out;
}

Json remove_json(const Tombstone& remove) {
  Json out = {{"path", uri_encoded(remove.path)}, {"dataChange", remove.data_change}};
  if (remove.deleted_ms) out["deletionTimestamp"] = *remove.deleted_ms;
  if (remove.extended) {
    out["extendedFileMetadata"] = true;
    out["partitionValues"] = values_json(remove.partition_values);
    if (remove.size) out["size"] = *remove.size;
  }
  if (remove.deletion_vector) out["deletionVector"] = vector_json(*remove.deletion_vector);
  return out;
}

void append_line(std::string& out, const char* name, Json action) {
  out += dumped(Json{{name, std::move(action)}});
  out += '\n';
}

}  // namespace

std::string to_text(const Entry& entry) {
  std::string out;
  // First, as "In-Commit Timestamps" demands.
  if (entry.info) append_line(out, "commitInfo", info_json(*entry.info));
  if (entry.protocol) append_line(out, "protocol", protocol_json(*entry.protocol));
  if (entry.metadata) append_line(out, "metaData", metadata_json(*entry.metadata));
  for (const auto& [app_id, txn] : entry.txns) {
    Json action = {{"appId", app_id}, {"version", txn.version}};
    if (txn.last_updated_ms) action["lastUpdated"] = *txn.last_updated_ms;
    append_line(out, "txn", std::move(action));
  }
  for (const Domain& domain : entry.domains) {
    append_line(out, "domainMetadata",
                Json{{"domain", domain.name},
                     {"configuration", domain.configuration},
                     {"removed", domain.removed}});
  }
  for (const Tombstone& remove : entry.removes) append_line(out, "remove", remove_json(remove));
  for (const AddFile& file : entry.adds) append_line(out, "add", add_json(file));
  for (const ChangeFile& file : entry.changes) append_line(out, "cdc", change_json(file));
  return out;
}

}  // namespace ticklake::delta
