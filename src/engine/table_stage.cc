#include "table_stage.h"

#include <fmt/format.h>

#include "base/hash.h"

namespace ticklake::engine {
namespace {

// A flow is idle for readers of the table when it was at its end and stayed there for so many
// commits of the others.
constexpr int kSilentCommits = 3;

}  // namespace

TableStage::TableStage(delta::Snapshot newest, delta::Health its_health,
                       const std::set<std::string>& flows)
    : snapshot(std::move(newest)), health(std::move(its_health)) {
  for (const auto& flow : flows) sources_[flow];
  // Until a flow tells its partitions, one stands for them: its rows are waited for.
  for (auto& [flow, source] : sources_) source.known.all = {partition_of(flow, Partition(0))};
}

Partition TableStage::partition_of(const std::string& flow, Partition own) const {
  if (sources_.size() < 2) return own;
  constexpr uint32_t kBeyondOwn = 1u << 30;
  auto hash = static_cast<uint32_t>(fnv1a(fmt::format("{}/{}", flow, own.value)) >> 16);
  return Partition(static_cast<int32_t>(hash % kBeyondOwn + kBeyondOwn));
}

KnownPartitions TableStage::tell(const std::string& flow, const KnownPartitions& own) {
  Source source;
  for (Partition partition : own.all) source.known.all.insert(partition_of(flow, partition));
  for (Partition partition : own.idle) source.known.idle.insert(partition_of(flow, partition));
  for (Partition partition : own.ended) source.known.ended.insert(partition_of(flow, partition));
  KnownPartitions out = source.known;
  sources_[flow] = std::move(source);
  for (auto& [name, other] : sources_) {
    if (name == flow) continue;
    if (other.rests && other.silent < kSilentCommits) ++other.silent;
    bool silent = other.rests && other.silent >= kSilentCommits;
    const auto& idle = silent ? other.known.all : other.known.idle;
    const auto& ended = other.rests ? other.known.all : other.known.ended;
    out.all.insert(other.known.all.begin(), other.known.all.end());
    out.idle.insert(idle.begin(), idle.end());
    out.ended.insert(ended.begin(), ended.end());
  }
  return out;
}

void TableStage::rests(const std::string& flow) { sources_[flow].rests = true; }

void TableStage::finished(const std::string& flow) {
  auto& source = sources_[flow];
  source.rests = true;
  source.silent = kSilentCommits;
}

}  // namespace ticklake::engine
