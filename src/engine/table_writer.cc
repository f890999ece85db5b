// Invariant: rows and the progress they came from land in one version. Resume depends on it.
#include "table_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "health.h"

namespace ticklake::engine {
namespace {

// The part of the runs that the next `rows` rows are; removed from `runs`.
std::vector<PartitionRun> take_runs(std::vector<PartitionRun>& runs, int64_t rows) {
  std::vector<PartitionRun> out;
  while (rows > 0 && !runs.empty()) {
    int64_t count = std::min(rows, runs.front().rows);
    out.push_back({runs.front().partition, count});
    runs.front().rows -= count;
    rows -= count;
    if (runs.front().rows == 0) runs.erase(runs.begin());
  }
  return out;
}

std::vector<PartitionRun> runs_of(const std::vector<Piece>& pieces) {
  std::vector<PartitionRun> out;
  for (const auto& piece : pieces) {
    if (out.empty() || out.back().partition != piece.partition) out.push_back({piece.partition, 0});
    out.back().rows += piece.rows->num_rows();
  }
  return out;
}

}  // namespace

std::vector<Piece> pieces_of(const Batches& rows) {
  std::vector<Piece> out;
  for (const auto& batch : rows) {
    if (batch->num_rows() > 0) out.push_back({Partition(0), batch});
  }
  return out;
}

Result<TableWriter> TableWriter::open(Context& context, const io::Path& root,
                                      const std::string& table, const std::string& flow) {
  auto snapshot = delta::open(context.world.files, root);
  if (!snapshot) return prefixed("table " + table, snapshot.error());
  auto stage = context.stage(table);
  if (stage == nullptr) {
    std::set<std::string> flows;
    for (const auto& dataset : context.graph.datasets) {
      if (dataset.table == table) flows.insert(dataset.name);
    }
    stage = std::make_shared<TableStage>(*std::move(snapshot), health_of(context, table), flows);
    context.keep_stage(table, stage);
  } else {
    stage->snapshot = *std::move(snapshot);
  }
  return TableWriter(context, table, flow, std::move(stage));
}

Result<std::vector<delta::AddFile>> TableWriter::write_in_order(const std::vector<Piece>& pieces,
                                                                const PartitionTag& all) {
  Batches batches;
  for (const auto& piece : pieces) batches.push_back(piece.rows);
  delta::WriteOptions how;
  how.check = TRY(query::constraint_check(snapshot(), context_->world.clock.now_us()));
  auto written =
      delta::write(context_->world.files, context_->world.clock, snapshot(), batches, how);
  if (!written && written.error().code == Code::Invalid && how.check) {
    Error error = std::move(written).error();
    error.message += "; to leave such rows out, give the table an expectation: CONSTRAINT .. "
                     "EXPECT (..) ON VIOLATION DROP ROW";
    return error;
  }
  auto added = TRY(std::move(written));
  std::vector<PartitionRun> runs = runs_of(pieces);
  for (auto& file : added) {
    PartitionTag tag = all;
    CHECK(file.records(), "what is written has statistics");
    // Files of a partitioned table hold the rows of one piece's partition only; see write().
    bool one = runs.size() == 1;
    tag.runs = one ? std::vector<PartitionRun>{{runs[0].partition, *file.records()}}
                   : take_runs(runs, *file.records());
    file.tags[kPartitionsTag] = to_json(tag);
    file.tags[kSequenceTag] = std::to_string(snapshot().version().value + 1);
  }
  return added;
}

Result<std::vector<delta::AddFile>> TableWriter::write(const std::vector<Piece>& pieces,
                                                       const KnownPartitions& partitions) {
  PartitionTag all{.runs = {},
                   .partitions = partitions.all,
                   .idle = partitions.idle,
                   .ended = partitions.ended};
  if (pieces.empty()) return std::vector<delta::AddFile>();
  if (snapshot().metadata().partition_columns.empty()) return write_in_order(pieces, all);
  // A table's own partitioning would mix the topic's partitions: each is written by itself.
  std::map<Partition, std::vector<Piece>> by_partition;
  for (const auto& piece : pieces) by_partition[piece.partition].push_back(piece);
  std::vector<delta::AddFile> out;
  for (const auto& entry : by_partition) {
    for (auto& file : TRY(write_in_order(entry.second, all))) out.push_back(std::move(file));
  }
  return out;
}

Result<Version> TableWriter::append(std::vector<Piece> pieces, const KnownPartitions& own,
                                    delta::Transaction transaction, Timings& timings) {
  for (auto& piece : pieces) piece.partition = stage_->partition_of(flow_, piece.partition);
  KnownPartitions known = stage_->tell(flow_, own);
  transaction.adds = TRY(timed(timings.parquet_ns, [&] { return write(pieces, known); }));
  Version version =
      TRY(timed(timings.commit_ns, [&] { return commit(std::move(transaction)); }));
  VersionRows rows{.version = version, .pieces = std::move(pieces), .partitions = {}, .idle = {}};
  if (!rows.pieces.empty()) {
    rows.partitions = std::move(known.all);
    rows.idle = std::move(known.idle);
    rows.ended = std::move(known.ended);
  }
  context_->hub.publish(table_, std::make_shared<const VersionRows>(std::move(rows)));
  return version;
}

Result<Version> TableWriter::commit(delta::Transaction transaction, delta::RowChange* change) {
  Progress set = transaction.txns;
  for (const auto& entry : set) {
    auto seen = seen_.find(entry.first);
    transaction.expected_txns[entry.first] =
        seen == seen_.end() ? std::nullopt : std::optional(seen->second);
  }
  auto committed = change ? change->commit(std::move(transaction))
                          : delta::commit(context_->world.files, context_->world.clock,
                                          stage_->snapshot, std::move(transaction));
  stage_->snapshot = TRY(std::move(committed));
  for (const auto& [id, value] : set) seen_[id] = value;
  return snapshot().version();
}

Result<std::optional<Version>> TableWriter::keep_healthy(bool busy) {
  auto after = TRY(
      stage_->health.step(context_->world.files, context_->world.clock, stage_->snapshot, busy));
  if (!after) return std::optional<Version>();
  stage_->snapshot = *std::move(after);
  return std::optional(snapshot().version());
}

std::string generation_id(const Context& context, const std::string& table) {
  return fmt::format("ticklake/{}/{}/generation", context.project.name, table);
}

int64_t generation_of(const Context& context, const std::string& table, const Progress& stored) {
  auto generation = stored.find(generation_id(context, table));
  return generation == stored.end() ? 0 : generation->second;
}

std::string progress_prefix(const Context& context, const Dataset& dataset,
                            const Progress& stored) {
  return fmt::format("ticklake/{}/{}/{}/", context.project.name, dataset.flow,
                     generation_of(context, dataset.table, stored));
}

ProgressPlace progress_place(const Context& context, const Dataset& dataset,
                             const Progress& stored) {
  return {.prefix = progress_prefix(context, dataset, stored),
          .turn = dataset.turn,
          .sources = dataset.sources};
}

}  // namespace ticklake::engine
