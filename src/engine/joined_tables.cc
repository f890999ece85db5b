#include "joined_tables.h"

#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "file_flow.h"
#include "rows.h"
#include "whole_query.h"

namespace ticklake::engine {
namespace {

// The rows of the input in memory; the input itself where they are too many.
Result<query::Input> kept(query::Input stored, const std::vector<std::string>& columns,
                          int64_t bytes_max) {
  Schema schema = with_columns(stored.schema, columns);
  auto rows = std::make_shared<Batches>();
  int64_t bytes = 0;
  for (const auto& open : TRY(stored.parts(names_of(schema)))) {
    auto reader = TRY(open());
    for (BatchPtr batch;;) {
      TRY_STATUS(reader->ReadNext(&batch));
      if (!batch) break;
      bytes += TRY_ARROW(arrow::util::ReferencedBufferSize(*batch));
      if (bytes > bytes_max) return stored;
      rows->push_back(std::move(batch));
    }
  }
  int64_t count = row_count(*rows);
  return query::held_input(schema, std::move(rows), count);
}

}  // namespace

std::string to_json(const JoinedVersions& versions) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [table, one] : versions) out[table] = one.version.value;
  return out.dump();
}

// Maintenance commits, too, and programs of others: files of an older version may be gone.
Result<delta::Snapshot> JoinedTables::newest(const std::string& table) {
  auto& files = context_->world.files;
  auto seen = snapshots_.find(table);
  if (seen != snapshots_.end()) {
    seen->second = TRY(delta::refresh(files, seen->second));
    return seen->second;
  }
  auto snapshot = delta::open(files, context_->project.table_path(table));
  if (!snapshot) return prefixed("table " + table, snapshot.error());
  return snapshots_.emplace(table, *std::move(snapshot)).first->second;
}

Result<delta::Snapshot> JoinedTables::snapshot_of(const sql::PlanInput& input,
                                                  const JoinedVersions& wanted) {
  if (input.version || input.timestamp) return open_snapshot(*context_, input);
  auto snapshot = TRY(newest(input.table));
  auto version = wanted.find(input.table);
  bool older = version != wanted.end() && version->second.id == snapshot.metadata().id &&
               version->second.version < snapshot.version();
  if (older) {
    auto as_met = delta::open_version(context_->world.files, snapshot.root(),
                                      version->second.version);
    if (!as_met) {
      return prefixed(fmt::format("version {} of table {}, which the bad rows of this batch have "
                                  "met, is there no more; rebuild with --full-refresh the table "
                                  "that the stream goes to",
                                  version->second.version.value, input.table),
                      as_met.error());
    }
    snapshot = *std::move(as_met);
  }
  versions_.insert_or_assign(input.table,
                             JoinedVersion{snapshot.metadata().id, snapshot.version()});
  return snapshot;
}

Result<query::Input> JoinedTables::stored(const sql::PlanInput& input, const JoinedVersions& wanted,
                                          std::string& key) {
  auto& files = context_->world.files;
  if (!input.files.empty()) {
    key += fmt::format(" {}", TRY(file_fingerprint(files, context_->project, input)));
    return file_input(files, context_->project, input);
  }
  auto snapshot = TRY(snapshot_of(input, wanted));
  key += fmt::format(" {}@{}", snapshot.metadata().id, snapshot.version().value);
  for (const auto& column : input.columns) {
    if (snapshot.schema().find(column) >= 0) continue;
    return Error{Code::Invalid, fmt::format("table {} has no column {} at version {}", input.table,
                                            column, snapshot.version().value)};
  }
  return query::snapshot_input(files, snapshot, query::conditions(input.conjuncts));
}

Result<query::Input> JoinedTables::worked_out(const sql::Plan& plan, const sql::PlanInput& input,
                                              std::map<std::string, query::Input> below) {
  auto statement = TRY(context_->database->prepare({.sql = input.query,
                                                    .output = input.schema,
                                                    .payload_functions = plan.payload_functions,
                                                    .inputs = std::move(below),
                                                    .answer_bytes_max = bytes_max_}));
  auto answer = statement->run({});
  if (!answer) {
    return prefixed("the subquery that the stream is joined with (where its rows are too many for "
                    "the memory, make it a materialized view, which is read from its files)",
                    answer.error());
  }
  int64_t count = row_count(answer->batches);
  return query::held_input(input.schema, std::make_shared<Batches>(std::move(answer->batches)),
                           count);
}

Result<bool> JoinedTables::pin(const sql::Plan& plan, const JoinedVersions& wanted,
                               const std::function<void()>& let_go) {
  versions_.clear();
  std::map<std::string, std::string> keys;
  std::map<std::string, query::Input> sources;
  for (const auto& input : plan.inputs) {
    if (input.streaming || !input.query.empty()) continue;
    std::string& key = keys[input.within.empty() ? input.id : input.within];
    sources[input.id] = TRY(stored(input, wanted, key));
  }
  bool changed = false;
  for (const auto& input : plan.inputs) {
    if (input.streaming || !input.within.empty()) continue;
    std::string key = keys[input.id] + " " + input.query;
    if (inputs_.contains(input.id) && keys_[input.id] == key) continue;
    changed = true;
    // Before its successor takes memory.
    let_go();
    inputs_.erase(input.id);
    if (input.query.empty()) {
      inputs_[input.id] = TRY(kept(std::move(sources[input.id]), input.columns, bytes_max_));
    } else {
      std::map<std::string, query::Input> below;
      for (const auto& one : plan.inputs) {
        if (one.within == input.id) below[one.id] = std::move(sources[one.id]);
      }
      inputs_[input.id] = TRY(worked_out(plan, input, std::move(below)));
    }
    keys_[input.id] = key;
  }
  return changed;
}

}  // namespace ticklake::engine
