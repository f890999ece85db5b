// Optimistic commits: decide, try to take the next version, and where another writer took it, look
// at what it did.
//
// Invariant: an entry is written whole under a version that no one had (put_if_absent), and it is
// known by its ticklakeCommitId. So a commit is in the log once or not at all, whatever replies are
// lost.
#include "delta/commit.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/uuid.h"
#include "delta/log.h"
#include "delta/replay.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

// Lost races after which a commit gives up: a writer that loses so often has to see the table anew.
constexpr int kRacesMax = 200;

// Where the table has no interval of its own, a checkpoint waits for commits in proportion to its
// rows: so its cost for one commit stays the same however large the table. Up to kEntriesMax, the
// rows are few to write and so many entries quick to read; above, it takes longer.
constexpr int64_t kEntriesMin = 10;
constexpr int64_t kEntriesMax = 250;
constexpr int64_t kRowsPerCommit = 100;
constexpr int64_t kRowsPerCommitMax = 2000;

Error conflict(const State& state, const std::string& why) {
  return Error{Code::Conflict, fmt::format("{}: {}", state.root, why)};
}

Result<void> check_txns(const State& state, const Transaction& transaction) {
  for (const auto& [app_id, expected] : transaction.expected_txns) {
    const Txn* found = state.txns.find(app_id);
    bool same = found ? expected && *expected == found->version : !expected;
    if (same) continue;
    std::string want = expected ? fmt::format("{}", *expected) : "none";
    std::string have = found ? fmt::format("{}", found->version) : "none";
    return conflict(state, fmt::format("at version {} the progress of {} is {}, not {}: another "
                                       "writer was here",
                                       state.version.value, app_id, have, want));
  }
  return {};
}

Result<void> check_files(const State& state, const Transaction& transaction) {
  std::set<std::string> seen;
  bool append_only = config_flag(*state.metadata, "delta.appendOnly");
  for (const AddFile& add : transaction.adds) {
    if (add.path.empty() || !seen.insert(add.path).second) {
      return Error{Code::Invalid, fmt::format("{}: the file {} is added twice in one commit",
                                              state.root, add.path)};
    }
  }
  seen.clear();
  for (const RemoveFile& remove : transaction.removes) {
    if (append_only && remove.data_change) {
      return Error{Code::Invalid, state.root +
                                      ": the table is append-only (delta.appendOnly); "
                                      "rows cannot be removed or changed"};
    }
    if (!seen.insert(remove.path).second) {
      return Error{Code::Invalid, fmt::format("{}: the file {} is removed twice in one commit",
                                              state.root, remove.path)};
    }
    if (!state.files.find(remove.path)) {
      return conflict(state, fmt::format("the file {} is no longer in version {}", remove.path,
                                         state.version.value));
    }
  }
  return {};
}

bool is_serializable(const Metadata& metadata) {
  auto found = metadata.configuration.find("delta.isolationLevel");
  return found != metadata.configuration.end() &&
         equal_ignoring_case(found->second, "Serializable");
}

// Whether what `theirs` did at `version` takes away what the transaction relies on.
Result<void> check_race(const State& state, const Transaction& transaction, const Entry& theirs) {
  auto at = [&](const std::string& what) {
    return conflict(
        state, fmt::format("version {}, committed meanwhile, {}", state.version.value + 1, what));
  };
  if (theirs.protocol) return at("changed the table's protocol");
  if (theirs.metadata) return at("changed the table's metadata");
  for (const auto& [app_id, txn] : theirs.txns) {
    if (transaction.txns.contains(app_id)) return at("moved the progress of " + app_id);
  }
  for (const Tombstone& gone : theirs.removes) {
    bool ours = std::any_of(transaction.removes.begin(), transaction.removes.end(),
                            [&](const RemoveFile& remove) { return remove.path == gone.path; });
    if (ours) return at("removed " + gone.path + ", too");
    bool read = transaction.reads_table || transaction.read_files.contains(gone.path);
    if (read && gone.data_change) return at("removed rows that this one read");
  }
  if (transaction.would_read) {
    bool blind = theirs.info && theirs.info->is_blind_append.value_or(false);
    bool counts = !blind || is_serializable(*state.metadata);
    for (const AddFile& file : theirs.adds) {
      if (counts && file.data_change && transaction.would_read(file)) {
        return at("added rows that this one would have read");
      }
    }
  }
  bool grew = std::any_of(theirs.adds.begin(), theirs.adds.end(),
                          [](const AddFile& file) { return file.data_change; });
  if (transaction.reads_table && grew) return at("added rows to the table that this one read");
  return {};
}

Tombstone tombstone(const State& state, const RemoveFile& remove, int64_t now_ms) {
  Tombstone out;
  out.path = remove.path;
  out.deleted_ms = remove.deleted_ms > 0 ? remove.deleted_ms : now_ms;
  out.data_change = remove.data_change;
  if (const auto* live = state.files.find(remove.path)) {
    out.extended = true;
    out.partition_values = (*live)->partition_values;
    out.size = (*live)->size;
    out.deletion_vector = (*live)->deletion_vector;
  }
  return out;
}

std::map<std::string, std::string> metrics_of(const State& state, const Transaction& transaction) {
  int64_t rows = 0;
  int64_t bytes = 0;
  int64_t removed_bytes = 0;
  for (const AddFile& add : transaction.adds) {
    rows += add.records().value_or(0);
    bytes += add.size;
  }
  for (const RemoveFile& remove : transaction.removes) {
    const auto* live = state.files.find(remove.path);
    if (live) removed_bytes += (*live)->size;
  }
  std::map<std::string, std::string> out = {
      {"numFiles", std::to_string(transaction.adds.size())},
      {"numOutputRows", std::to_string(rows)},
      {"numOutputBytes", std::to_string(bytes)},
  };
  if (!transaction.removes.empty()) {
    out["numRemovedFiles"] = std::to_string(transaction.removes.size());
    out["numRemovedBytes"] = std::to_string(removed_bytes);
  }
  for (const auto& [name, value] : transaction.metrics) out[name] = value;
  return out;
}

// Above the time of the version before, whatever that was taken from.
int64_t in_commit_ms(const State& state, int64_t now_ms) {
  return std::max(now_ms, state.timestamp_ms + 1);
}

CommitInfo info_of(const State& state, const Transaction& transaction, const Metadata& metadata,
                   int64_t now_ms) {
  CommitInfo info;
  info.timestamp_ms = now_ms;
  if (has_in_commit_timestamps(metadata)) {
    info.in_commit_timestamp_ms = in_commit_ms(state, now_ms);
  }
  info.read_version = state.version.value;
  info.operation = transaction.operation;
  info.parameters = transaction.parameters;
  info.metrics = metrics_of(state, transaction);
  info.engine_info = kEngineInfo;
  bool serializable = transaction.reads_table || is_serializable(metadata);
  info.isolation_level = serializable ? "Serializable" : "WriteSerializable";
  info.is_blind_append = transaction.removes.empty() && !transaction.reads_table &&
                         !transaction.would_read && !transaction.metadata;
  info.commit_id = new_uuid();
  return info;
}

// "Writer Requirements for In-Commit Timestamps": a table that had commits before they were
// switched on says since when it has them. Whoever hands in new metadata need not know.
void note_in_commit_since(const State& state, Metadata& metadata, int64_t now_ms) {
  constexpr const char* kVersion = "delta.inCommitTimestampEnablementVersion";
  constexpr const char* kTime = "delta.inCommitTimestampEnablementTimestamp";
  auto& now = metadata.configuration;
  now.erase(kVersion);
  now.erase(kTime);
  if (!has_in_commit_timestamps(metadata)) return;
  const auto& before = state.metadata->configuration;
  if (!has_in_commit_timestamps(*state.metadata)) {
    now[kVersion] = std::to_string(state.version.value + 1);
    now[kTime] = std::to_string(in_commit_ms(state, now_ms));
  } else if (before.contains(kVersion) && before.contains(kTime)) {
    now[kVersion] = before.at(kVersion);
    now[kTime] = before.at(kTime);
  }
}

Result<void> add_metadata(const State& state, const Transaction& transaction, int64_t now_ms,
                          Entry& entry) {
  if (!transaction.metadata) return {};
  Metadata metadata = *transaction.metadata;
  if (metadata.id.empty()) metadata.id = state.metadata->id;
  if (metadata.created_ms == 0) metadata.created_ms = state.metadata->created_ms;
  if (auto checked = check_metadata(metadata); !checked) {
    return prefixed(state.root, std::move(checked).error());
  }
  note_in_commit_since(state, metadata, now_ms);
  Protocol protocol = protocol_for(metadata, *state.protocol);
  if (!(protocol == *state.protocol)) entry.protocol = std::move(protocol);
  entry.metadata = std::move(metadata);
  return {};
}

Result<Entry> entry_of(const State& state, const Transaction& transaction, int64_t now_ms) {
  Entry entry;
  TRY(add_metadata(state, transaction, now_ms, entry));
  const Metadata& metadata = entry.metadata ? *entry.metadata : *state.metadata;
  entry.info = info_of(state, transaction, metadata, now_ms);
  for (const auto& [app_id, version] : transaction.txns) {
    entry.txns.emplace_back(app_id, Txn{version, now_ms});
  }
  for (const RemoveFile& remove : transaction.removes) {
    entry.removes.push_back(tombstone(state, remove, now_ms));
  }
  entry.adds = transaction.adds;
  entry.changes = transaction.changes;
  return entry;
}

// Another writer's entry, taken in: the state to try on top of.
Result<State> after_lost_race(io::FileStore& files, const State& state,
                              const Transaction& transaction) {
  Entry theirs = TRY(read_entry(files, state.root, state.version + 1));
  TRY(check_race(state, transaction, theirs));
  auto file = TRY(files.info(entry_path(state.root, state.version + 1)));
  return advanced(state, theirs, file.modified_ms);
}

}  // namespace

Result<Written> write_entry(io::FileStore& files, const io::Path& root, Version version,
                            const Entry& entry) {
  auto put = files.put_if_absent(entry_path(root, version), to_text(entry));
  if (put) return Written::Ours;
  // Conflict is no proof either: a store's client may have retried a write that had taken effect.
  if (put.error().code != Code::Conflict && put.error().code != Code::Unavailable) {
    return std::move(put).error();
  }
  auto back = read_entry(files, root, version);
  if (back) {
    bool ours = back->info && back->info->commit_id == entry.info->commit_id;
    return ours ? Written::Ours : Written::Theirs;
  }
  if (back.error().code != Code::NotFound) {
    Error error = std::move(back).error();
    if (put.error().code == Code::Unavailable) error.code = Code::Unavailable;
    return prefixed(
        fmt::format("{}: whether version {} was written is not known", root, version.value),
        std::move(error));
  }
  Error error = std::move(put).error();
  error.code = Code::Unavailable;
  return error;
}

State after_own(io::FileStore& files, const State& before, const Entry& entry) {
  // The file's time, as readers of the log see it. The commit stands even if that cannot be had
  // now.
  auto file = files.info(entry_path(before.root, before.version + 1));
  return advanced(before, entry, file ? file->modified_ms : entry.info->timestamp_ms.value_or(0));
}

State with_checkpoint_if_due(io::FileStore& files, const io::Clock& clock, State state) {
  auto rows =
      static_cast<int64_t>(state.files.size() + state.tombstones.size() + state.txns.size()) +
      state.base_tombstones;
  int64_t usual = std::max(std::clamp(rows / kRowsPerCommit, kEntriesMin, kEntriesMax),
                           rows / kRowsPerCommitMax);
  int64_t interval = config_count(*state.metadata, "delta.checkpointInterval", usual);
  if (state.version.value - state.checkpoint_version < std::max<int64_t>(interval, 1)) {
    return state;
  }
  auto done = checkpointed(files, clock, state);
  if (done) return *std::move(done);
  // A checkpoint only saves readers time; one that fails is due again an interval later.
  if (done.error().code == Code::NotFound) {
    // Another writer made a newer checkpoint and cleaned up the one that this state began with.
    auto again = open(files, state.root);
    if (again) state = again->state();
  }
  state.checkpoint_version = state.version.value;
  return state;
}

Result<Snapshot> commit(io::FileStore& files, const io::Clock& clock, const Snapshot& base,
                        Transaction transaction) {
  TRY(check_writable(base.state()));
  State state = base.state();
  for (int lost = 0; lost <= kRacesMax; ++lost) {
    TRY(check_txns(state, transaction));
    TRY(check_files(state, transaction));
    Entry entry = TRY(entry_of(state, transaction, clock.now_ms()));
    Written written = TRY(write_entry(files, state.root, state.version + 1, entry));
    if (written == Written::Ours) {
      State next = after_own(files, state, entry);
      return to_snapshot(with_checkpoint_if_due(files, clock, std::move(next)));
    }
    state = TRY(after_lost_race(files, state, transaction));
  }
  return conflict(state, fmt::format("lost the race for a version {} times; other writers are too "
                                     "busy, try again later",
                                     kRacesMax));
}

}  // namespace ticklake::delta
