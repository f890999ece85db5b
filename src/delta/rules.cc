#include "delta/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "delta/json.h"

namespace ticklake::delta {
namespace {

constexpr std::array kReaderFeatures = {"timestampNtz",  "v2Checkpoint",    "vacuumProtocolCheck",
                                        "columnMapping", "deletionVectors", "typeWidening",
                                        "typeWidening-preview"};
constexpr std::array kWriterFeatures = {
    "appendOnly",       "invariants",          "checkConstraints", "changeDataFeed",
    "generatedColumns", "columnMapping",       "identityColumns",  "timestampNtz",
    "v2Checkpoint",     "vacuumProtocolCheck", "domainMetadata",   "inCommitTimestamp",
    "deletionVectors",  "typeWidening"};

template <typename List>
void append_unknown(const std::vector<std::string>& features, const List& known,
                    std::vector<std::string>& out) {
  for (const std::string& feature : features) {
    if (std::find(known.begin(), known.end(), feature) == known.end()) out.push_back(feature);
  }
}

std::string column_mapping(const Metadata& metadata) {
  auto found = metadata.configuration.find("delta.columnMapping.mode");
  return found == metadata.configuration.end() ? "none" : lowered(found->second);
}

Error unsupported(const State& state, const std::string& deed,
                  const std::vector<std::string>& features) {
  return Error{
      Code::Unsupported,
      fmt::format("{}: to {} this table, ticklake would have to know its feature{} {}; "
                  "it does not",
                  state.root, deed, features.size() == 1 ? "" : "s", joined(features, ", "))};
}

// Field metadata that makes values depend on more than the batch.
void append_computed(const std::vector<Field>& fields, std::set<std::string>& out) {
  for (const Field& field : fields) {
    if (field.type.children) append_computed(*field.type.children, out);
    Json json = Json::parse(field.metadata.empty() ? "{}" : field.metadata, nullptr, false);
    if (!json.is_object()) continue;
    for (const auto& [name, value] : json.items()) {
      std::string where = " of column `" + field.name + "`";
      if (name == "delta.generationExpression") out.insert("generatedColumns" + where);
      if (name.starts_with("delta.identity.")) out.insert("identityColumns" + where);
    }
  }
}

// Of columns, nested ones too.
void append_invariants(const std::vector<Field>& fields, std::vector<Constraint>& out) {
  for (const Field& field : fields) {
    if (field.type.children) append_invariants(*field.type.children, out);
    Json json = Json::parse(field.metadata.empty() ? "{}" : field.metadata, nullptr, false);
    auto text = json.is_object() ? text_or_empty(json, "delta.invariants") : std::string();
    if (!text || text->empty()) continue;
    Json rule = Json::parse(*text, nullptr, false);
    Json::json_pointer place("/expression/expression");
    bool known = rule.is_object() && rule.contains(place) && rule[place].is_string();
    // One that cannot be read is met by no row.
    std::string condition = known ? rule[place].get<std::string>() : std::string("false");
    out.push_back({"invariant of column " + field.name, std::move(condition)});
  }
}

}  // namespace

std::vector<Constraint> constraints(const Metadata& metadata) {
  constexpr std::string_view kPrefix = "delta.constraints.";
  std::vector<Constraint> out;
  for (const auto& [name, value] : metadata.configuration) {
    if (name.starts_with(kPrefix)) out.push_back({name.substr(kPrefix.size()), value});
  }
  append_invariants(metadata.schema.fields, out);
  return out;
}

bool operator==(const Protocol& a, const Protocol& b) {
  return a.min_reader == b.min_reader && a.min_writer == b.min_writer &&
         a.reader_features == b.reader_features && a.writer_features == b.writer_features;
}

Result<void> check_readable(const State& state) {
  const Protocol& protocol = *state.protocol;
  std::vector<std::string> unknown;
  if (protocol.min_reader > 3) {
    unknown.push_back(fmt::format("minReaderVersion {}", protocol.min_reader));
  }
  append_unknown(protocol.reader_features, kReaderFeatures, unknown);
  if (std::string mode = column_mapping(*state.metadata); mode != "none") {
    unknown.push_back("columnMapping (mode " + mode + ")");
  }
  if (!unknown.empty()) return unsupported(state, "read", unknown);
  return {};
}

Result<void> check_writable(const State& state) {
  const Protocol& protocol = *state.protocol;
  std::vector<std::string> unknown;
  if (protocol.min_writer > 7) {
    unknown.push_back(fmt::format("minWriterVersion {}", protocol.min_writer));
  }
  append_unknown(protocol.writer_features, kWriterFeatures, unknown);
  std::set<std::string> computed;
  append_computed(state.metadata->schema.fields, computed);
  unknown.insert(unknown.end(), computed.begin(), computed.end());
  if (!unknown.empty()) return unsupported(state, "write to", unknown);
  return {};
}

Protocol protocol_for(const Metadata& metadata, const Protocol& current) {
  std::vector<std::string> readers;
  std::vector<std::string> writers;
  auto contains_ntz = [](auto&& self, const std::vector<Field>& fields) -> bool {
    return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
      return field.type.kind == Kind::TimestampNtz ||
             (field.type.children && self(self, *field.type.children));
    });
  };
  if (contains_ntz(contains_ntz, metadata.schema.fields)) {
    readers.push_back("timestampNtz");
    writers.push_back("timestampNtz");
  }
  if (config_flag(metadata, "delta.enableDeletionVectors")) {
    readers.push_back("deletionVectors");
    writers.push_back("deletionVectors");
  }
  if (config_flag(metadata, "delta.enableTypeWidening")) {
    readers.push_back("typeWidening");
    writers.push_back("typeWidening");
  }
  if (has_in_commit_timestamps(metadata)) writers.push_back("inCommitTimestamp");
  bool feed = config_flag(metadata, "delta.enableChangeDataFeed");

  const auto& configuration = metadata.configuration;
  bool checks = std::any_of(configuration.begin(), configuration.end(), [](const auto& property) {
    return property.first.starts_with("delta.constraints.");
  });

  Protocol out = current;
  if (writers.empty() && out.min_writer < 7) {
    if (checks) out.min_writer = std::max(out.min_writer, 3);
    if (feed) out.min_writer = std::max(out.min_writer, 4);
    return out;
  }
  // From versions to features: what the version stood for is now named ("Supported Features").
  constexpr std::array legacy = {std::pair(2, "appendOnly"),       std::pair(2, "invariants"),
                                 std::pair(3, "checkConstraints"), std::pair(4, "changeDataFeed"),
                                 std::pair(4, "generatedColumns"), std::pair(5, "columnMapping"),
                                 std::pair(6, "identityColumns")};
  auto add = [](std::vector<std::string>& list, const std::string& feature) {
    if (std::find(list.begin(), list.end(), feature) == list.end()) list.push_back(feature);
  };
  for (const auto& [version, feature] : legacy) {
    if (current.min_writer < 7 && current.min_writer >= version) add(out.writer_features, feature);
  }
  if (checks) add(out.writer_features, "checkConstraints");
  if (feed) add(out.writer_features, "changeDataFeed");
  if (current.min_reader == 2 && !readers.empty()) add(out.reader_features, "columnMapping");
  for (const std::string& feature : readers) add(out.reader_features, feature);
  for (const std::string& feature : writers) add(out.writer_features, feature);
  out.min_writer = 7;
  if (!readers.empty()) out.min_reader = 3;
  return out;
}

}  // namespace ticklake::delta
