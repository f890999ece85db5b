// The actions of the log (PROTOCOL.md, "Actions") and their JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "delta/delta.h"

namespace ticklake::delta {

using Values = std::map<std::string, std::optional<std::string>>;

struct Txn {
  int64_t version = 0;
  std::optional<int64_t> last_updated_ms = {};
};

// "Remove File" with the extended metadata that the log may carry.
struct Tombstone {
  std::string path;
  std::optional<int64_t> deleted_ms = {};
  bool data_change = true;
  bool extended = false;  // partition_values and size are known
  Values partition_values = {};
  std::optional<int64_t> size = {};
  std::optional<DeletionVector> deletion_vector = {};
};

struct Domain {
  std::string name;
  std::string configuration;
  bool removed = false;
};

struct CommitInfo {
  std::optional<int64_t> timestamp_ms = {};
  std::optional<int64_t> in_commit_timestamp_ms = {};
  std::optional<int64_t> read_version = {};
  std::string operation = {};
  std::map<std::string, std::string> parameters = {};
  std::map<std::string, std::string> metrics = {};
  std::string engine_info = {};
  std::string user_metadata = {};
  std::string isolation_level = {};
  std::optional<bool> is_blind_append = {};
  std::string commit_id =
      {};  // of ours: tells whether an entry that was written without a reply is this one
};

// Of V2 checkpoints.
struct Sidecar {
  std::string path;
};

// One entry of the log, or a run of a checkpoint's rows.
struct Entry {
  std::optional<CommitInfo> info = {};
  std::optional<Protocol> protocol = {};
  std::optional<Metadata> metadata = {};
  std::vector<AddFile> adds = {};
  std::vector<Tombstone> removes = {};
  std::vector<ChangeFile> changes = {};
  std::vector<std::pair<std::string, Txn>> txns = {};
  std::vector<Domain> domains = {};
  std::vector<Sidecar> sidecars = {};
};

// What tells tombstones apart: the path and the deletion vector.
std::string key_of(const std::string& path, const std::optional<DeletionVector>& vector);

// A descriptor as the log or a checkpoint has it, and as one that makes sense; else Corrupt.
struct VectorFields {
  std::string storage;
  std::string place;
  std::optional<int64_t> offset;
  int64_t size_bytes = 0;
  int64_t cardinality = 0;
};
Result<DeletionVector> checked_vector(VectorFields fields);

// Newline-delimited JSON. Corrupt: says which line and what is wrong with it. Actions of unknown
// names are skipped, as the protocol demands.
Result<Entry> parse_entry(std::string_view text);

std::string to_text(const Entry& entry);

// A schema that ticklake cannot hold is an error of the table's feature, not of its log:
// Unsupported stays so.
Result<Metadata> make_metadata(Metadata base, const std::string& schema_string);

}  // namespace ticklake::delta
