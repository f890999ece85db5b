#include <fmt/format.h>

#include "base/uuid.h"
#include "delta/commit.h"
#include "delta/log.h"
#include "delta/replay.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

Error taken(const io::Path& root) {
  return Error{Code::Conflict, root + ": there is a Delta table here already"};
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    out += (out.empty() ? "\"" : ",\"") + name + '"';
  }
  return "[" + out + "]";
}

Entry first_entry(Metadata metadata, int64_t now_ms) {
  Entry entry;
  CommitInfo info;
  info.timestamp_ms = now_ms;
  if (has_in_commit_timestamps(metadata)) info.in_commit_timestamp_ms = now_ms;
  info.operation = "CREATE TABLE";
  info.parameters = {{"isManaged", "false"},
                     {"description", metadata.description},
                     {"partitionBy", quoted_list(metadata.partition_columns)}};
  info.engine_info = kEngineInfo;
  info.isolation_level = "Serializable";
  info.is_blind_append = true;
  info.commit_id = new_uuid();
  entry.info = std::move(info);
  entry.protocol = protocol_for(metadata, Protocol{});
  entry.metadata = std::move(metadata);
  return entry;
}

}  // namespace

Result<Snapshot> create(io::FileStore& files, const io::Clock& clock, const io::Path& root,
                        Metadata metadata) {
  if (auto checked = check_metadata(metadata); !checked) {
    return prefixed(root, std::move(checked).error());
  }
  // A log whose first versions were cleaned up has no version 0 either.
  Listing listing = TRY(list_log(files, root));
  if (!listing.entries.empty() || !listing.checkpoints.empty()) return taken(root);
  if (metadata.id.empty()) metadata.id = new_uuid();
  metadata.created_ms = clock.now_ms();
  // They tell of versions without times of their own, of which this table has none.
  metadata.configuration.erase("delta.inCommitTimestampEnablementVersion");
  metadata.configuration.erase("delta.inCommitTimestampEnablementTimestamp");
  Entry entry = first_entry(std::move(metadata), clock.now_ms());
  Written written = TRY(write_entry(files, root, Version(0), entry));
  if (written == Written::Theirs) return taken(root);
  State empty;
  empty.root = root;
  return to_snapshot(after_own(files, empty, entry));
}

}  // namespace ticklake::delta
