#include "delta/actions.h"

#include <limits>

#include "delta/json.h"
#include "delta/paths.h"

namespace ticklake::delta {
namespace {

Result<Values> values(const Json& object, const char* name) {
  Values out;
  const Json* value = member(object, name);
  if (!value) return out;
  if (!value->is_object()) return wrong_member(name, "an object");
  for (const auto& [key, item] : value->items()) {
    if (!item.is_string() && !item.is_null()) return wrong_member(name, "a map of strings");
    out[key] = item.is_null() ? std::nullopt : std::optional(item.get<std::string>());
  }
  return out;
}

Result<std::optional<DeletionVector>> deletion_vector(const Json& action) {
  const Json* vector = member(action, "deletionVector");
  if (!vector) return std::optional<DeletionVector>();
  if (!vector->is_object()) return wrong_member("deletionVector", "an object");
  VectorFields fields;
  fields.storage = TRY(text(*vector, "storageType"));
  fields.place = TRY(text(*vector, "pathOrInlineDv"));
  fields.offset = TRY(optional_number(*vector, "offset"));
  fields.size_bytes = TRY(number(*vector, "sizeInBytes"));
  fields.cardinality = TRY(number(*vector, "cardinality"));
  DeletionVector out = TRY(checked_vector(std::move(fields)));
  return std::optional(std::move(out));
}

Result<AddFile> parse_add(const Json& action) {
  AddFile out;
  out.path = uri_decoded(TRY(text(action, "path")));
  out.partition_values = TRY(values(action, "partitionValues"));
  out.size = TRY(number(action, "size"));
  std::optional<int64_t> modified = TRY(optional_number(action, "modificationTime"));
  out.modified_ms = modified.value_or(0);
  out.data_change = TRY(boolean_or(action, "dataChange", true));
  out.stats = TRY(text_or_empty(action, "stats"));
  out.tags = TRY(text_map(action, "tags"));
  out.deletion_vector = TRY(deletion_vector(action));
  return out;
}

Result<ChangeFile> parse_change(const Json& action) {
  ChangeFile out;
  out.path = uri_decoded(TRY(text(action, "path")));
  out.partition_values = TRY(values(action, "partitionValues"));
  out.size = TRY(number(action, "size"));
  return out;
}

Result<Tombstone> parse_remove(const Json& action) {
  Tombstone out;
  out.path = uri_decoded(TRY(text(action, "path")));
  out.deleted_ms = TRY(optional_number(action, "deletionTimestamp"));
  out.data_change = TRY(boolean_or(action, "dataChange", true));
  out.extended = TRY(boolean_or(action, "extendedFileMetadata", false));
  out.partition_values = TRY(values(action, "partitionValues"));
  out.size = TRY(optional_number(action, "size"));
  out.deletion_vector = TRY(deletion_vector(action));
  return out;
}

Result<int32_t> protocol_version(const Json& action, const char* name) {
  int64_t value = TRY(number(action, name));
  if (value < 1 || value > std::numeric_limits<int32_t>::max()) {
    return wrong_member(name, "a protocol version");
  }
  return static_cast<int32_t>(value);
}

Result<Protocol> parse_protocol(const Json& action) {
  Protocol out;
  out.min_reader = TRY(protocol_version(action, "minReaderVersion"));
  out.min_writer = TRY(protocol_version(action, "minWriterVersion"));
  out.reader_features = TRY(texts(action, "readerFeatures"));
  out.writer_features = TRY(texts(action, "writerFeatures"));
  return out;
}

Result<Metadata> parse_metadata(const Json& action) {
  Metadata out;
  out.id = TRY(text(action, "id"));
  out.name = TRY(text_or_empty(action, "name"));
  out.description = TRY(text_or_empty(action, "description"));
  out.partition_columns = TRY(texts(action, "partitionColumns"));
  out.configuration = TRY(text_map(action, "configuration"));
  std::optional<int64_t> created = TRY(optional_number(action, "createdTime"));
  out.created_ms = created.value_or(0);
  if (const Json* format = member(action, "format"); format && format->is_object()) {
    std::string provider = TRY(text_or_empty(*format, "provider"));
    if (!provider.empty() && provider != "parquet") {
      return Error{Code::Unsupported, "the table's files are " + provider + ", not parquet"};
    }
  }
  std::string schema = TRY(text(action, "schemaString"));
  return make_metadata(std::move(out), schema);
}

Result<CommitInfo> parse_info(const Json& action) {
  CommitInfo out;
  out.timestamp_ms = TRY(optional_number(action, "timestamp"));
  out.in_commit_timestamp_ms = TRY(optional_number(action, "inCommitTimestamp"));
  out.operation = TRY(text_or_empty(action, "operation"));
  out.engine_info = TRY(text_or_empty(action, "engineInfo"));
  out.commit_id = TRY(text_or_empty(action, "ticklakeCommitId"));
  const Json* blind = member(action, "isBlindAppend");
  if (blind && blind->is_boolean()) out.is_blind_append = blind->get<bool>();
  out.parameters = TRY(text_map(action, "operationParameters"));
  out.metrics = TRY(text_map(action, "operationMetrics"));
  if (const Json* user = member(action, "userMetadata")) {
    out.user_metadata = user->is_string() ? user->get<std::string>() : user->dump();
  }
  return out;
}

Result<void> parse_action(const std::string& name, const Json& action, Entry& entry) {
  if (name == "add") {
    entry.adds.push_back(TRY(parse_add(action)));
  } else if (name == "remove") {
    entry.removes.push_back(TRY(parse_remove(action)));
  } else if (name == "cdc") {
    entry.changes.push_back(TRY(parse_change(action)));
  } else if (name == "txn") {
    Txn txn;
    txn.version = TRY(number(action, "version"));
    txn.last_updated_ms = TRY(optional_number(action, "lastUpdated"));
    entry.txns.emplace_back(TRY(text(action, "appId")), txn);
  } else if (name == "commitInfo") {
    // Free-form by the protocol: what cannot be read says less of the history and harms nothing.
    auto info = parse_info(action);
    entry.info = info ? *std::move(info) : CommitInfo();
  } else if (name == "metaData") {
    entry.metadata = TRY(parse_metadata(action));
  } else if (name == "protocol") {
    entry.protocol = TRY(parse_protocol(action));
  } else if (name == "domainMetadata") {
    Domain domain;
    domain.name = TRY(text(action, "domain"));
    domain.configuration = TRY(text_or_empty(action, "configuration"));
    domain.removed = TRY(boolean_or(action, "removed", false));
    entry.domains.push_back(std::move(domain));
  } else if (name == "sidecar") {
    entry.sidecars.push_back(Sidecar{uri_decoded(TRY(text(action, "path")))});
  }
  return {};
}

Result<void> parse_line(std::string_view line, Entry& entry) {
  Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return Error{Code::Corrupt, "not JSON"};
  if (!json.is_object()) return Error{Code::Corrupt, "not a JSON object"};
  for (const auto& [name, action] : json.items()) {
    if (action.is_null()) continue;
    if (!action.is_object()) return wrong_member(name.c_str(), "an object");
    if (auto parsed = parse_action(name, action, entry); !parsed) {
      return prefixed(name, std::move(parsed).error());
    }
  }
  return {};
}

}  // namespace

std::string key_of(const std::string& path, const std::optional<DeletionVector>& vector) {
  return vector ? path + '\0' + vector->id() : path;
}

Result<DeletionVector> checked_vector(VectorFields fields) {
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  bool known = fields.storage == "u" || fields.storage == "p" || fields.storage == "i";
  bool good = known && fields.size_bytes >= 0 && fields.size_bytes <= kMax &&
              fields.cardinality >= 0 && fields.offset.value_or(0) >= 0 &&
              fields.offset.value_or(0) <= kMax;
  if (!good) return wrong_member("deletionVector", "a deletion vector that ticklake knows");
  DeletionVector out{.storage = fields.storage[0], .place = std::move(fields.place)};
  if (fields.offset) out.offset = static_cast<int32_t>(*fields.offset);
  out.size_bytes = static_cast<int32_t>(fields.size_bytes);
  out.cardinality = fields.cardinality;
  return out;
}

Result<Metadata> make_metadata(Metadata base, const std::string& schema_string) {
  auto schema = schema_from_delta_json(schema_string);
  if (!schema) {
    Error error = std::move(schema).error();
    if (error.code != Code::Unsupported) error.code = Code::Corrupt;
    return prefixed("schemaString", std::move(error));
  }
  base.schema = *std::move(schema);
  return base;
}

Result<Entry> parse_entry(std::string_view bytes) {
  Entry entry;
  int64_t number_of_line = 0;
  bool any = false;
  while (!bytes.empty()) {
    size_t end = std::min(bytes.find('\n'), bytes.size());
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    ++number_of_line;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    any = true;
    if (auto parsed = parse_line(line, entry); !parsed) {
      return prefixed(fmt::format("line {}", number_of_line), std::move(parsed).error());
    }
  }
  if (!any) return Error{Code::Corrupt, "the file is empty"};
  return entry;
}

}  // namespace ticklake::delta
