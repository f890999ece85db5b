#include "delta/state.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "delta/json.h"

namespace ticklake::delta {
namespace {

void remove_file(State& state, const Tombstone& remove) {
  std::string key = key_of(remove.path, remove.deletion_vector);
  const auto* live = state.files.find(remove.path);
  if (live && key_of(remove.path, (*live)->deletion_vector) == key) {
    state.files = state.files.without(remove.path);
  }
  state.tombstones = state.tombstones.with(key, std::make_shared<const Tombstone>(remove));
}

void add_file(State& state, const AddFile& file) {
  state.tombstones = state.tombstones.without(key_of(file.path, file.deletion_vector));
  state.files = state.files.with(file.path, std::make_shared<const AddFile>(file));
}

}  // namespace

State advanced(State state, const Entry& entry, int64_t file_ms) {
  if (entry.protocol) state.protocol = std::make_shared<const Protocol>(*entry.protocol);
  if (entry.metadata) state.metadata = std::make_shared<const Metadata>(*entry.metadata);
  for (const Tombstone& remove : entry.removes) remove_file(state, remove);
  for (const AddFile& file : entry.adds) add_file(state, file);
  for (const auto& [app_id, txn] : entry.txns) state.txns = state.txns.with(app_id, txn);
  for (const Domain& domain : entry.domains) {
    state.domains = domain.removed ? state.domains.without(domain.name)
                                   : state.domains.with(domain.name, domain.configuration);
  }
  bool in_commit = entry.info && entry.info->in_commit_timestamp_ms && state.metadata &&
                   has_in_commit_timestamps(*state.metadata);
  if (in_commit) {
    state.timestamp_ms = *entry.info->in_commit_timestamp_ms;
  } else {
    bool first = state.version < Version(0);
    state.timestamp_ms = first ? file_ms : std::max(file_ms, state.timestamp_ms + 1);
  }
  ++state.version;
  return state;
}

bool config_flag(const Metadata& metadata, const std::string& name) {
  auto found = metadata.configuration.find(name);
  return found != metadata.configuration.end() && equal_ignoring_case(found->second, "true");
}

int64_t config_count(const Metadata& metadata, const std::string& name, int64_t otherwise) {
  auto found = metadata.configuration.find(name);
  if (found == metadata.configuration.end()) return otherwise;
  const std::string& text = found->second;
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : otherwise;
}

bool has_in_commit_timestamps(const Metadata& metadata) {
  return config_flag(metadata, "delta.enableInCommitTimestamps");
}

int64_t total_bytes(const State& state) {
  int64_t out = 0;
  state.files.for_each([&](const std::string&, const auto& file) { out += file->size; });
  return out;
}

Snapshot to_snapshot(State state) {
  return Snapshot(std::make_shared<const State>(std::move(state)));
}

std::optional<int64_t> AddFile::records() const {
  if (stats.empty()) return std::nullopt;
  Json json = Json::parse(stats, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  auto count = optional_number(json, "numRecords");
  if (!count || !*count) return std::nullopt;
  return **count - (deletion_vector ? deletion_vector->cardinality : 0);
}

std::string DeletionVector::id() const {
  std::string out = storage + place;
  return offset ? fmt::format("{}@{}", out, *offset) : out;
}

const io::Path& Snapshot::root() const { return state_->root; }
Version Snapshot::version() const { return state_->version; }
int64_t Snapshot::timestamp_ms() const { return state_->timestamp_ms; }
const Protocol& Snapshot::protocol() const { return *state_->protocol; }
const Metadata& Snapshot::metadata() const { return *state_->metadata; }
int64_t Snapshot::file_count() const { return static_cast<int64_t>(state_->files.size()); }

std::vector<AddFile> Snapshot::files() const {
  std::vector<AddFile> out;
  out.reserve(state_->files.size());
  state_->files.for_each([&](const std::string&, const auto& file) { out.push_back(*file); });
  std::stable_sort(out.begin(), out.end(), [](const AddFile& a, const AddFile& b) {
    return a.partition_values < b.partition_values;  // equal ones stay in the order of paths
  });
  return out;
}

std::optional<int64_t> Snapshot::txn(const std::string& app_id) const {
  const Txn* found = state_->txns.find(app_id);
  return found ? std::optional(found->version) : std::nullopt;
}

std::map<std::string, int64_t> Snapshot::txns() const {
  std::map<std::string, int64_t> out;
  state_->txns.for_each([&](const std::string& id, const Txn& txn) { out[id] = txn.version; });
  return out;
}

std::map<std::string, std::string> Snapshot::domains() const {
  std::map<std::string, std::string> out;
  state_->domains.for_each([&](const std::string& name, const std::string& c) { out[name] = c; });
  return out;
}

}  // namespace ticklake::delta
