// Small files into larger ones. Which: runs of neighbours in the order of their rows, so that a
// table read from its start gives its rows in the order in which they came.
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/text.h"
#include "delta/data_file.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kTargetBytes = 128 << 20;
// Of files that are merged bit by bit: those of like size, between two steps of the stair, wait
// until they are many. So a row is rewritten once for each step, whatever the table's size. The
// middle one is where catching up writes: enough of them to come near the target at once.
struct Step {
  int64_t limit;  // bytes of a file
  size_t halves;  // of the least number of files that is worth a commit
};
constexpr std::array kStair = {Step{int64_t{64} << 10, 2}, Step{int64_t{4} << 20, 4},
                               Step{INT64_MAX, 1}};
constexpr size_t kTagBytesMax = 32 << 10;  // tags add up; they are in each entry and checkpoint

using Run = std::vector<AddFile>;

size_t tag_bytes(const AddFile& file) {
  size_t out = 0;
  for (const auto& [name, value] : file.tags) out += value.size();
  return out;
}

int64_t bytes_of(const Run& run) {
  return std::accumulate(run.begin(), run.end(), int64_t{0},
                         [](int64_t sum, const AddFile& file) { return sum + file.size; });
}

// Which neighbours are merged: those below `limit` bytes where `files_min` of them have at least
// `floor` bytes.
struct Rule {
  int64_t floor;
  int64_t limit;
  size_t files_min;

  bool worth(const Run& run) const {
    auto large = [&](const AddFile& file) { return file.size >= floor; };
    auto count = static_cast<size_t>(std::count_if(run.begin(), run.end(), large));
    return run.size() >= 2 && count >= files_min;
  }
};

// Cut near the target.
std::vector<Run> runs_of(const std::vector<AddFile>& files, const Rule& rule, int64_t target) {
  std::vector<Run> out;
  Run run;
  int64_t bytes = 0;
  size_t tags = 0;
  auto finish = [&] {
    if (rule.worth(run)) out.push_back(std::move(run));
    run.clear();
    bytes = 0;
    tags = 0;
  };
  for (const AddFile& file : files) {
    size_t own = tag_bytes(file);
    bool done = file.size >= rule.limit || own >= kTagBytesMax / 2;
    if (done || bytes >= target || tags + own > kTagBytesMax) finish();
    if (done) continue;
    run.push_back(file);
    bytes += file.size;
    tags += own;
  }
  finish();
  return out;
}

std::vector<std::vector<AddFile>> by_partition_values(std::vector<AddFile> files) {
  std::map<Values, std::vector<AddFile>> groups;
  for (AddFile& file : files) groups[file.partition_values].push_back(std::move(file));
  std::vector<std::vector<AddFile>> out;
  for (auto& [values, group] : groups) out.push_back(std::move(group));
  return out;
}

std::vector<Run> worth_merging(const std::vector<AddFile>& files, const CompactOptions& options,
                               int64_t target) {
  auto files_min = static_cast<size_t>(std::max<int64_t>(options.files_min, 2));
  int64_t large = target / 4 * 3;
  if (files_min == 2) return runs_of(files, {0, large, 2}, target);
  int64_t floor = 0;
  for (const Step& step : kStair) {
    size_t enough = std::max<size_t>(files_min * step.halves / 2, 2);
    auto runs = runs_of(files, {floor, std::min(step.limit, large), enough}, target);
    if (!runs.empty()) return runs;
    floor = step.limit;
  }
  return {};
}

std::vector<AddFile> in_order(const Snapshot& snapshot, const FileOrder& order) {
  std::vector<AddFile> files = snapshot.files();
  if (order.sorted) return order.sorted(std::move(files));
  std::stable_sort(files.begin(), files.end(), [](const AddFile& a, const AddFile& b) {
    return a.modified_ms < b.modified_ms;
  });
  return files;
}

Result<AddFile> merged(const DataFilePlan& plan, const Run& run) {
  std::optional<DataFile> open;
  for (const AddFile& file : run) {
    auto rows = TRY(read(plan.files, plan.snapshot, file, plan.names()));
    while (true) {
      auto next = rows->Next();
      if (!next.ok()) return Error{Code::Corrupt, next.status().message()};
      BatchPtr batch = *std::move(next);
      if (!batch) break;
      if (!open) open = TRY(open_data_file(plan, run.front().partition_values, batch));
      TRY(open->file.write(*batch));
    }
  }
  if (!open) {
    auto none = TRY_ARROW(arrow::RecordBatch::MakeEmpty(to_arrow(plan.schema)));
    open = TRY(open_data_file(plan, run.front().partition_values, none));
  }
  return closed_data_file(plan, run.front().partition_values, *std::move(open));
}

Result<void> merge_all(const DataFilePlan& plan, const std::vector<Run>& runs,
                       const FileOrder& order, Transaction& out) {
  int64_t now_ms = plan.clock.now_ms();
  for (const Run& run : runs) {
    AddFile file = TRY(merged(plan, run));
    file.data_change = false;
    out.adds.push_back(std::move(file));
    if (order.merged_tags) out.adds.back().tags = TRY(order.merged_tags(run));
    for (const AddFile& gone : run) {
      out.removes.push_back({.path = gone.path, .deleted_ms = now_ms, .data_change = false});
    }
  }
  return {};
}

void forget(io::FileStore& files, const Snapshot& snapshot, const Transaction& transaction) {
  for (const AddFile& add : transaction.adds) {
    (void)files.remove(io::join(snapshot.root(), add.path));
  }
}

int64_t target_bytes(const Snapshot& snapshot, const CompactOptions& options) {
  if (options.target_file_bytes > 0) return options.target_file_bytes;
  const auto& configuration = snapshot.metadata().configuration;
  auto found = configuration.find("delta.targetFileSize");
  auto own = found == configuration.end() ? std::nullopt : byte_count(found->second);
  return own.value_or(kTargetBytes);
}

Compaction nothing(const Snapshot& snapshot) { return Compaction{.snapshot = snapshot}; }

}  // namespace

Result<Compaction> compact(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                           const CompactOptions& options) {
  TRY(check_writable(snapshot.state()));
  int64_t target = target_bytes(snapshot, options);
  std::vector<Run> runs;
  int64_t bytes = 0;
  for (const auto& group : by_partition_values(in_order(snapshot, options.order))) {
    for (Run& run : worth_merging(group, options, target)) {
      if (bytes > 0 && bytes + bytes_of(run) > options.input_bytes_max) break;
      bytes += bytes_of(run);
      runs.push_back(std::move(run));
    }
  }
  if (runs.empty()) return nothing(snapshot);
  DataFilePlan plan = data_file_plan(files, clock, snapshot, {.target_file_bytes = target});
  Transaction transaction{.operation = "OPTIMIZE",
                          .parameters = {{"predicate", "[]"},
                                         {"zOrderBy", "[]"},
                                         {"auto", options.files_min > 2 ? "true" : "false"}}};
  auto done = merge_all(plan, runs, options.order, transaction);
  if (!done) {
    forget(files, snapshot, transaction);
    return prefixed(snapshot.root(), std::move(done).error());
  }
  Compaction out = nothing(snapshot);
  out.files_removed = static_cast<int64_t>(transaction.removes.size());
  out.bytes_removed = bytes;
  out.files_added = static_cast<int64_t>(transaction.adds.size());
  out.bytes_added = bytes_of(transaction.adds);
  transaction.metrics = {{"numAddedFiles", std::to_string(out.files_added)},
                         {"numAddedBytes", std::to_string(out.bytes_added)}};
  auto committed = commit(files, clock, snapshot, transaction);
  if (!committed && committed.error().code == Code::Conflict) forget(files, snapshot, transaction);
  out.snapshot = TRY(std::move(committed));
  return out;
}

}  // namespace ticklake::delta
