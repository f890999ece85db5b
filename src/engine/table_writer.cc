// Invariant: rows and the progress they came from land in one version. Resume depends on it.
#include "table_writer.h"

#include <fmt/format.h>

#include <algorithm>

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

Result<TableWriter> TableWriter::open(const Context& context, const io::Path& root,
                                      const std::string& flow) {
  auto snapshot = delta::open(context.world.files, root);
  if (!snapshot) return prefixed("table " + flow, snapshot.error());
  return TableWriter(context.world.files, context.world.clock, *std::move(snapshot),
                     health_of(context, flow));
}

Result<std::vector<delta::AddFile>> TableWriter::write_in_order(const std::vector<Piece>& pieces,
                                                                const PartitionTag& all) {
  Batches batches;
  for (const auto& piece : pieces) batches.push_back(piece.rows);
  auto added = TRY(delta::write(*files_, *clock_, snapshot_, batches));
  std::vector<PartitionRun> runs = runs_of(pieces);
  for (auto& file : added) {
    PartitionTag tag = all;
    if (!file.records()) {
      return Error{Code::Corrupt, fmt::format("file {} was written without statistics", file.path)};
    }
    // Files of a partitioned table hold the rows of one piece's partition only; see write().
    bool one = runs.size() == 1;
    tag.runs = one ? std::vector<PartitionRun>{{runs[0].partition, *file.records()}}
                   : take_runs(runs, *file.records());
    file.tags[kPartitionsTag] = to_json(tag);
    file.tags[kSequenceTag] = std::to_string(snapshot_.version().value + 1);
  }
  return added;
}

Result<std::vector<delta::AddFile>> TableWriter::write(const std::vector<Piece>& pieces,
                                                       const std::set<Partition>& partitions,
                                                       const std::set<Partition>& idle,
                                                       const std::set<Partition>& ended) {
  PartitionTag all{.runs = {}, .partitions = partitions, .idle = idle, .ended = ended};
  if (pieces.empty()) return std::vector<delta::AddFile>();
  if (snapshot_.metadata().partition_columns.empty()) return write_in_order(pieces, all);
  // A table's own partitioning would mix the topic's partitions: each is written by itself.
  std::map<Partition, std::vector<Piece>> by_partition;
  for (const auto& piece : pieces) by_partition[piece.partition].push_back(piece);
  std::vector<delta::AddFile> out;
  for (const auto& entry : by_partition) {
    for (auto& file : TRY(write_in_order(entry.second, all))) out.push_back(std::move(file));
  }
  return out;
}

Result<Version> TableWriter::commit(delta::Transaction transaction) {
  for (const auto& entry : transaction.txns) {
    transaction.expected_txns[entry.first] = snapshot_.txn(entry.first);
  }
  snapshot_ = TRY(delta::commit(*files_, *clock_, snapshot_, std::move(transaction)));
  return snapshot_.version();
}

Result<std::optional<Version>> TableWriter::keep_healthy(bool busy) {
  auto after = TRY(health_.step(*files_, *clock_, snapshot_, busy));
  if (!after) return std::optional<Version>();
  snapshot_ = *std::move(after);
  return std::optional(snapshot_.version());
}

std::string flow_prefix(const Context& context, const std::string& flow) {
  return fmt::format("ticklake/{}/{}/", context.project.name, flow);
}

std::string generation_id(const Context& context, const std::string& flow) {
  return flow_prefix(context, flow) + "generation";
}

std::string progress_prefix(const Context& context, const std::string& flow,
                            const Progress& stored) {
  auto generation = stored.find(generation_id(context, flow));
  return fmt::format("{}{}/", flow_prefix(context, flow),
                     generation == stored.end() ? 0 : generation->second);
}

}  // namespace ticklake::engine
