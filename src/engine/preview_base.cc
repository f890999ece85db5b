#include "preview_base.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "table_writer.h"

namespace ticklake::engine {
namespace {

Error no_chain(const Dataset& dataset, std::string_view reason) {
  return {Code::Unsupported, fmt::format("{} {}, so its rows are shown when they are committed",
                                         dataset.table, reason)};
}

Error not_now(const std::string& table) {
  return {Code::Unavailable, fmt::format("table {} is still taking in its first rows", table)};
}

// What alone fills the table, or nullptr.
const Dataset* only_dataset(const Graph& graph, const std::string& table) {
  const Dataset* found = nullptr;
  for (const auto& dataset : graph.datasets) {
    if (dataset.table != table) continue;
    if (found != nullptr) return nullptr;
    found = &dataset;
  }
  return found;
}

std::optional<int64_t> found_in(const Progress& stored, const std::string& id) {
  auto entry = stored.find(id);
  if (entry == stored.end()) return {};
  return entry->second;
}

// The table that `dataset` reads, as it was when the last row that `dataset` has of it was new.
Result<delta::Snapshot> consumed(Context& context, const Dataset& dataset, const Progress& stored) {
  const std::string& input = dataset.plan.inputs[0].table;
  io::Path root = context.project.table_path(input);
  auto newest = TRY(delta::open(context.world.files, root));
  auto source = TRY(SourceProgress::open(progress_place(context, dataset, stored), stored,
                                         newest.metadata().id, "table " + input));
  auto ids = delta_progress_ids(source.prefix());
  auto version = found_in(stored, ids.version);
  if (!version) return not_now(dataset.name);
  int64_t file = found_in(stored, ids.file).value_or(0);
  if (found_in(stored, ids.snapshot).value_or(0) != 0) {
    auto first = TRY(delta::open_version(context.world.files, root, Version(*version)));
    if (file < first.file_count()) return not_now(dataset.name);
    return first;
  }
  Version last(*version - 1);
  if (last == newest.version()) return newest;
  return delta::open_version(context.world.files, root, last);
}

Result<void> find_offsets(Context& context, const Chain& chain, const Progress& stored,
                          broker::Topics& topics, Base& base) {
  auto info = TRY(topics.describe(chain.kafka.topic));
  const Dataset& first = *chain.stages.front();
  auto source = TRY(SourceProgress::open(progress_place(context, first, stored), stored, info.id,
                                         "topic " + chain.kafka.topic));
  if (source.first() && !equal_ignoring_case(chain.kafka.starting_offsets, "earliest")) {
    return not_now(first.name);
  }
  for (size_t i = 0; i < info.partitions.size(); ++i) {
    const auto& range = info.partitions[i];
    auto next = found_in(stored, source.prefix() + std::to_string(i));
    Offset from = next ? std::max(Offset(*next), range.begin) : range.begin;
    base.next[Partition(static_cast<int32_t>(i))] = from;
    base.gap_rows += std::max<int64_t>(0, range.end - from);
  }
  return {};
}

}  // namespace

Result<Chain> find_chain(const Graph& graph, const Dataset& target) {
  if (!target.plan.windowed) return no_chain(target, "has no windows");
  if (target.plan.windowed->window_us == 0) return no_chain(target, "has sessions");
  if (only_dataset(graph, target.table) == nullptr) {
    return no_chain(target, "is filled by several flows");
  }
  Chain chain{.target = &target};
  for (const Dataset* at = &target;;) {
    if (at->plan.inputs.size() != 1) {
      return no_chain(target, "comes from " + at->table + ", whose stream is joined with tables");
    }
    const std::string& input = at->plan.inputs[0].table;
    if (input.empty()) break;
    at = only_dataset(graph, input);
    if (at == nullptr || !at->plan.has_row || at->plan.windowed) {
      return no_chain(target, "reads " + input +
                                  ", which is not a streaming table of single rows with one flow");
    }
    chain.stages.push_back(at);
  }
  if (chain.stages.empty()) return no_chain(target, "reads a topic itself");
  if (!chain.stages.back()->plan.inputs[0].files.empty()) {
    return no_chain(target, "comes from files, not from a topic");
  }
  std::reverse(chain.stages.begin(), chain.stages.end());
  chain.kafka = TRY(kafka_arguments(chain.stages.front()->plan.inputs[0].kafka));
  return chain;
}

std::optional<EventTime> stored_watermark(const Context& context, const Dataset& target,
                                          const Progress& stored, const std::string& input_id) {
  std::string prefix = progress_prefix(context, target, stored) + input_id + "/";
  auto value = found_in(stored, prefix + "watermark");
  if (!value) return {};
  return EventTime(*value);
}

Result<Base> find_base(Context& context, const Chain& chain, broker::Topics& topics) {
  // The target first: what is in it came from versions that are there by now.
  auto target = TRY(delta::open(context.world.files, chain.target->path));
  auto rows = TRY(delta::open(context.world.files, chain.stages.back()->path));
  Base base{.target = target, .rows = rows, .next = {}};
  Progress stored = target.txns();
  base.watermark = stored_watermark(context, *chain.target, stored, rows.metadata().id);
  std::string prefix =
      progress_prefix(context, *chain.target, stored) + rows.metadata().id + "/";
  base.oldest_us = found_in(stored, prefix + "window");
  delta::Snapshot at = rows;
  for (size_t i = chain.stages.size() - 1; i > 0; --i) {
    at = TRY(consumed(context, *chain.stages[i], at.txns()));
  }
  TRY(find_offsets(context, chain, at.txns(), topics, base));
  return base;
}

}  // namespace ticklake::engine
