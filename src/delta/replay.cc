// Reads a table: the newest whole checkpoint, then every entry after it. A checkpoint only saves
// time, so one that turns out to be damaged is passed over for an older one as long as the log
// still reaches back to that.
#include "delta/replay.h"

#include <fmt/format.h>

#include <algorithm>

#include "delta/json.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

Error no_table(const io::Path& root) {
  return Error{Code::NotFound, root + ": there is no Delta table here (no _delta_log)"};
}

Error no_version(const io::Path& root, Version version, const Listing& listing) {
  std::string have;
  if (!listing.entries.empty()) {
    have = fmt::format("; the log holds versions {} to {}", listing.entries.begin()->first,
                       listing.entries.rbegin()->first);
  }
  return Error{Code::NotFound,
               fmt::format("{}: version {} is not there{}", root, version.value, have)};
}

// The entries after the state's version up to `last`, in order; Corrupt at a gap.
Result<State> replayed(io::FileStore& files, State state, const Listing& listing, Version last,
                       const std::map<int64_t, int64_t>& times) {
  while (state.version < last) {
    Version next = state.version + 1;
    auto file = listing.entries.find(next.value);
    if (file == listing.entries.end()) {
      return Error{Code::Corrupt,
                   fmt::format("{}: version {} is missing from the log, which goes on to {}",
                               state.root, next.value, last.value)};
    }
    Entry entry = TRY(read_entry(files, state.root, next));
    state = advanced(std::move(state), entry, times.at(next.value));
  }
  return state;
}

// The time of a checkpoint's version: of its entry where that is still there.
Result<int64_t> checkpoint_time(io::FileStore& files, const State& state,
                                const std::map<int64_t, int64_t>& times) {
  auto file = times.find(state.version.value);
  if (file == times.end()) return int64_t{0};
  if (!has_in_commit_timestamps(*state.metadata)) return file->second;
  Entry entry = TRY(read_entry(files, state.root, state.version));
  bool in_commit = entry.info && entry.info->in_commit_timestamp_ms;
  return in_commit ? *entry.info->in_commit_timestamp_ms : file->second;
}

Result<State> from_checkpoint(io::FileStore& files, const io::Path& root,
                              const CheckpointFiles& checkpoint,
                              const std::map<int64_t, int64_t>& times) {
  State state = TRY(read_checkpoint(files, root, checkpoint));
  state.timestamp_ms = TRY(checkpoint_time(files, state, times));
  return state;
}

Result<void> check_whole(const State& state) {
  if (!state.protocol || !state.metadata) {
    return Error{Code::Corrupt,
                 fmt::format("{}: the log up to version {} has no {}", state.root,
                             state.version.value, state.protocol ? "metaData" : "protocol")};
  }
  return check_readable(state);
}

Result<State> state_at(io::FileStore& files, const io::Path& root, const Listing& listing,
                       Version last) {
  std::map<int64_t, int64_t> times = commit_times(listing);
  std::optional<Error> first_error;
  for (auto c = listing.checkpoints.rbegin(); c != listing.checkpoints.rend(); ++c) {
    if (c->version > last) continue;
    auto start = from_checkpoint(files, root, *c, times);
    if (start) return replayed(files, *std::move(start), listing, last, times);
    Error error = std::move(start).error();
    if (error.code != Code::Corrupt && error.code != Code::NotFound) return error;
    if (!first_error) first_error = std::move(error);
  }
  if (!listing.entries.contains(0)) {
    if (first_error) return *std::move(first_error);
    int64_t first = listing.entries.empty() ? last.value : listing.entries.begin()->first;
    return Error{Code::Corrupt, fmt::format("{}: the log begins at version {} and has no "
                                            "checkpoint to begin with",
                                            root, first)};
  }
  State empty;
  empty.root = root;
  return replayed(files, std::move(empty), listing, last, times);
}

std::optional<Version> newest(const Listing& listing) {
  int64_t version = -1;
  if (!listing.entries.empty()) version = listing.entries.rbegin()->first;
  if (!listing.checkpoints.empty()) {
    version = std::max(version, listing.checkpoints.back().version.value);
  }
  return version < 0 ? std::nullopt : std::optional(Version(version));
}

Result<Snapshot> snapshot_at(io::FileStore& files, const io::Path& root, const Listing& listing,
                             Version version) {
  State state = TRY(state_at(files, root, listing, version));
  TRY(check_whole(state));
  return to_snapshot(std::move(state));
}

bool gone_or_damaged(const Error& error) {
  return error.code == Code::Corrupt || error.code == Code::NotFound;
}

// The newest version without listing the log, which may hold months of entries: the checkpoint of
// that version, then entry after entry by name. Nothing where the log is not as expected, or may
// have been cleaned up meanwhile: entries go in their order, so the last one found must be there
// still.
Result<std::optional<Snapshot>> open_by_names(io::FileStore& files, const io::Path& root,
                                              Version version) {
  std::optional<Snapshot> nothing;
  auto own = files.info(entry_path(root, version));
  if (!own) return own.error().code == Code::NotFound ? Result(nothing) : own.error();
  CheckpointFiles checkpoint{version, {checkpoint_path(root, version)}};
  auto start = from_checkpoint(files, root, checkpoint, {{version.value, own->modified_ms}});
  auto state = start ? caught_up(files, *std::move(start)) : std::move(start);
  if (!state) return gone_or_damaged(state.error()) ? Result(nothing) : state.error();
  TRY(check_whole(*state));
  auto last = files.info(entry_path(root, state->version));
  if (!last) return last.error().code == Code::NotFound ? Result(nothing) : last.error();
  return std::optional(to_snapshot(*std::move(state)));
}

}  // namespace

std::map<int64_t, int64_t> commit_times(const Listing& listing) {
  std::map<int64_t, int64_t> times;
  int64_t before = std::numeric_limits<int64_t>::min();
  for (const auto& [version, file] : listing.entries) {
    int64_t time = times.empty() ? file.modified_ms : std::max(file.modified_ms, before + 1);
    times[version] = before = time;
  }
  return times;
}

std::optional<Hint> checkpoint_hint(io::FileStore& files, const io::Path& root) {
  auto bytes = files.read(hint_path(root));
  if (!bytes) return std::nullopt;
  Json json = Json::parse(*bytes, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  auto version = number(json, "version");
  if (!version || *version < 0) return std::nullopt;
  return Hint{Version(*version), !json.contains("parts") && !json.contains("v2Checkpoint")};
}

Result<State> caught_up(io::FileStore& files, State state) {
  bool any = false;
  while (true) {
    Version next = state.version + 1;
    auto entry = read_entry(files, state.root, next);
    if (!entry && entry.error().code == Code::NotFound) break;
    if (!entry) return std::move(entry).error();
    auto file = TRY(files.info(entry_path(state.root, next)));
    state = advanced(std::move(state), *entry, file.modified_ms);
    any = true;
  }
  if (any) TRY(check_whole(state));
  return state;
}

Result<Snapshot> open(io::FileStore& files, const io::Path& root) {
  auto hint = checkpoint_hint(files, root);
  if (hint && hint->single) {
    if (auto snapshot = TRY(open_by_names(files, root, hint->version))) return *snapshot;
  }
  if (hint) {
    Listing recent = TRY(list_log(files, root, hint->version));
    auto last = newest(recent);
    if (last && !recent.checkpoints.empty()) {
      auto snapshot = snapshot_at(files, root, recent, *last);
      if (snapshot) return snapshot;
      if (!gone_or_damaged(snapshot.error())) return snapshot;
    }
  }
  Listing all = TRY(list_log(files, root));
  auto last = newest(all);
  if (!last) return no_table(root);
  return snapshot_at(files, root, all, *last);
}

Result<Snapshot> open_version(io::FileStore& files, const io::Path& root, Version version) {
  Listing all = TRY(list_log(files, root));
  auto last = newest(all);
  if (!last) return no_table(root);
  bool there = all.entries.contains(version.value) ||
               std::any_of(all.checkpoints.begin(), all.checkpoints.end(),
                           [&](const auto& c) { return c.version == version; });
  if (!there) {
    bool gap = version >= Version(0) && version < *last && !all.entries.empty() &&
               version.value > all.entries.begin()->first;
    if (!gap) return no_version(root, version, all);
  }
  auto snapshot = snapshot_at(files, root, all, version);
  bool cleaned = !snapshot && snapshot.error().code == Code::Corrupt && !all.entries.contains(0) &&
                 std::none_of(all.checkpoints.begin(), all.checkpoints.end(),
                              [&](const auto& c) { return c.version <= version; });
  if (cleaned) return no_version(root, version, all);
  return snapshot;
}

Result<Snapshot> refresh(io::FileStore& files, const Snapshot& snapshot) {
  State state = TRY(caught_up(files, snapshot.state()));
  if (state.version > snapshot.version()) return to_snapshot(std::move(state));
  // No news, or a log that was cleaned up past what this snapshot knows: then its own entry is
  // gone, too.
  auto own = files.info(entry_path(snapshot.root(), snapshot.version()));
  if (own) return snapshot;
  if (own.error().code != Code::NotFound) return std::move(own).error();
  return open(files, snapshot.root());
}

}  // namespace ticklake::delta
