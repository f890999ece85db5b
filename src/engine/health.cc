#include "health.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "partition_tag.h"
#include "quarantine.h"
#include "table_reader.h"
#include "table_writer.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kTryAgainUs = 600'000'000;

class KeptHealthy final : public Flow {
 public:
  KeptHealthy(std::unique_ptr<Flow> flow, const io::Clock& clock, FlowStatus& status)
      : flow_(std::move(flow)), clock_(clock), status_(status) {}

  Result<FlowOutcome> step(bool upstream_done) override {
    if (std::exchange(worked_, false)) {
      if (auto kept = keep(true)) return *kept;
    }
    FlowOutcome outcome = TRY(flow_->step(upstream_done));
    worked_ = outcome.worked;
    auto kept = worked_ ? std::nullopt : keep(false);
    settled_ = !worked_ && !kept;
    return kept.value_or(outcome);
  }
  bool done() const override { return flow_->done() && settled_; }
  Result<std::optional<Version>> keep_healthy(bool busy) override {
    return flow_->keep_healthy(busy);
  }

 private:
  // Nothing where nothing was committed.
  std::optional<FlowOutcome> keep(bool busy) {
    if (clock_.now_us() < try_again_us_) return {};
    auto version = flow_->keep_healthy(busy);
    if (!version) {
      status_.problem = fmt::format("maintenance is put off: {}", version.error().message);
      try_again_us_ = clock_.now_us() + kTryAgainUs;
      return {};
    }
    if (!*version) return {};
    status_.version = **version;
    return FlowOutcome{.worked = true, .version = **version};
  }

  std::unique_ptr<Flow> flow_;
  const io::Clock& clock_;
  FlowStatus& status_;
  bool worked_ = false;   // the last step did: more rows may wait
  bool settled_ = false;  // neither rows nor maintenance came of it
  int64_t try_again_us_ = 0;
};

// Rows of one partition after the other, in the order of the files.
PartitionTag joined(const std::vector<PartitionTag>& tags) {
  PartitionTag out;
  for (const auto& tag : tags) {
    for (const auto& run : tag.runs) {
      bool same = !out.runs.empty() && out.runs.back().partition == run.partition;
      if (same) {
        out.runs.back().rows += run.rows;
      } else {
        out.runs.push_back(run);
      }
    }
    out.partitions.insert(tag.partitions.begin(), tag.partitions.end());
    out.idle = tag.idle;
    out.ended = tag.ended;
  }
  return out;
}

Result<std::map<std::string, std::string>> merged_tags(const std::vector<delta::AddFile>& files) {
  std::map<std::string, std::string> out;
  std::vector<PartitionTag> tags;
  bool ours = std::any_of(files.begin(), files.end(),
                          [](const auto& file) { return file.tags.contains(kPartitionsTag); });
  if (!ours) return out;
  for (const auto& file : files) {
    PartitionTag tag = TRY(partition_tag_of(file));
    // Rows that someone appended by hand: of no partition of a topic.
    bool foreign = !file.tags.contains(kPartitionsTag);
    if (foreign) tag.runs[0].rows = TRY(rows_told_by(file));
    tags.push_back(std::move(tag));
  }
  out[kPartitionsTag] = to_json(joined(tags));
  bool in_sequence = std::all_of(files.begin(), files.end(),
                                 [](const auto& file) { return file.tags.contains(kSequenceTag); });
  if (in_sequence) out[kSequenceTag] = files.front().tags.at(kSequenceTag);
  return out;
}

}  // namespace

delta::FileOrder file_order() {
  return {
      .sorted =
          [](std::vector<delta::AddFile> files) {
            // Merged with others, the rows of a replay could not be told from those that stay.
            std::erase_if(files, [](const auto& file) { return file.tags.contains(kReplayTag); });
            return TableReader::in_order(std::move(files));
          },
      .merged_tags = merged_tags};
}

Result<std::optional<Version>> needed_from(const Context& context, const std::string& table,
                                           const delta::Snapshot& snapshot) {
  std::optional<Version> out;
  const std::string& id = snapshot.metadata().id;
  for (const auto& dataset : context.graph.datasets) {
    const auto& inputs = dataset.inputs;
    bool reads = std::find(inputs.begin(), inputs.end(), table) != inputs.end();
    if (!reads || !dataset.plan.streaming) continue;
    auto own = delta::open(context.world.files, dataset.path);
    if (!own && own.error().code == Code::NotFound) continue;
    if (!own) return own.error();
    Progress txns = own->txns();
    std::string place = progress_prefix(context, dataset, txns) + id + dataset.turn;
    // Open sessions that are kept in a file are brought up to date from its version on.
    for (const char* from : {"/version", "/state/version"}) {
      auto entry = txns.find(place + from);
      if (entry == txns.end()) continue;
      Version version(entry->second);
      out = out ? std::min(*out, version) : version;
    }
  }
  return out;
}

delta::Health health_of(const Context& context, const std::string& table) {
  return delta::Health(
      {.order = file_order(), .needed_from = [&context, table](const delta::Snapshot& snapshot) {
         return needed_from(context, table, snapshot);
       }});
}

std::unique_ptr<Flow> kept_healthy(std::unique_ptr<Flow> flow, const io::Clock& clock,
                                   FlowStatus& status) {
  return std::make_unique<KeptHealthy>(std::move(flow), clock, status);
}

}  // namespace ticklake::engine
