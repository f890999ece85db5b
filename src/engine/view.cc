// A materialized view: recomputed from snapshots of what it reads, and overwritten in one version.
//
// Invariant: the table's content is the query's answer over the input versions in its txns, or over
// older ones whose answer was the same. No new version where nothing changed.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/hash.h"
#include "base/time.h"
#include "expectations.h"
#include "file_flow.h"
#include "flow.h"
#include "formats/formats.h"
#include "rows.h"
#include "table_writer.h"
#include "whole_query.h"

namespace ticklake::engine {
namespace {

uint64_t mixed(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

uint64_t hash_of(std::string_view bytes) { return mixed(fnv1a(bytes) + bytes.size()); }

// Of the rows as a bag: their order does not count.
Result<int64_t> content_hash(const Batches& batches, const Schema& schema) {
  uint64_t sum = static_cast<uint64_t>(row_count(batches));
  for (const auto& batch : batches) {
    std::string lines = TRY(formats::to_json_lines(*batch, schema));
    std::string_view rest = lines;
    while (!rest.empty()) {
      size_t end = std::min(rest.find('\n'), rest.size());
      sum += hash_of(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  // Stored as a txn, where negative numbers would puzzle other readers.
  return static_cast<int64_t>(mixed(sum) >> 1);
}

// Of what the answer depends on besides the input versions: the query and what it drops.
int64_t query_hash(const Dataset& dataset, const sql::Plan& plan) {
  std::string text = plan.duckdb_sql;
  for (const auto& part : plan.payload_functions) {
    text += "\n" + to_sql(part.type) + part.schema.text;
  }
  for (const auto& expectation : dataset.statement.expectations) {
    text += fmt::format("\n{} {} {}", expectation.name, expectation.text,
                        static_cast<int>(expectation.on_violation));
  }
  // Stored as a txn, where negative numbers would puzzle other readers.
  return static_cast<int64_t>(hash_of(text) >> 1);
}

class View final : public Flow {
 public:
  View(Context& context, const Dataset& dataset, FlowStatus& status, Settings settings,
       TableWriter writer, std::string prefix, bool tells_time)
      : context_(context),
        dataset_(dataset),
        status_(status),
        settings_(std::move(settings)),
        writer_(std::move(writer)),
        prefix_(std::move(prefix)),
        tells_time_(tells_time) {
    for (const auto& [id, value] : writer_.txns()) {
      if (id.starts_with(prefix_) && id != content_id()) seen_[id] = value;
    }
  }

  Result<FlowOutcome> step(bool upstream_done) override;
  bool done() const override { return done_; }
  Result<std::optional<Version>> keep_healthy(bool busy) override {
    return writer_.keep_healthy(busy);
  }

 private:
  std::string content_id() const { return prefix_ + "content"; }
  bool announced_changes() const;
  Result<FlowOutcome> refresh();
  Result<Version> overwrite(const Batches& rows, Progress progress);

  Context& context_;
  const Dataset& dataset_;
  FlowStatus& status_;
  Settings settings_;
  TableWriter writer_;
  std::string prefix_;
  bool tells_time_;
  // Of the last refresh: "<prefix><table id>/version" of each input, and "<prefix>query".
  Progress seen_;
  std::map<std::string, Version> announced_;
  std::optional<int64_t> last_refresh_us_;
  bool had_rows_ = false;
  bool done_ = false;
};

bool View::announced_changes() const {
  if (!last_refresh_us_ || tells_time_) return true;
  // Nobody tells that files came, or rows of a table outside the project.
  const auto& inputs = dataset_.plan.inputs;
  bool outside = std::any_of(inputs.begin(), inputs.end(), [](const auto& input) {
    return !input.files.empty() || path_of_table(input.table);
  });
  if (outside) return true;
  return std::any_of(dataset_.inputs.begin(), dataset_.inputs.end(), [&](const auto& input) {
    auto seen = announced_.find(input);
    auto newest = context_.hub.newest(input);
    return newest && (seen == announced_.end() || seen->second < *newest);
  });
}

Result<FlowOutcome> View::step(bool upstream_done) {
  if (context_.options.once) {
    if (!upstream_done || done_) return FlowOutcome{};
    done_ = true;
    return refresh();
  }
  if (!announced_changes()) return FlowOutcome{};
  if (last_refresh_us_) {
    // While there is nothing to show yet, the first rows should not wait for a whole interval.
    int64_t every =
        had_rows_ ? settings_.refresh_us : std::min(settings_.refresh_us, settings_.pace_us);
    int64_t wait = *last_refresh_us_ + every - context_.world.clock.now_us();
    if (wait > 0) return FlowOutcome{.worked = false, .wait_us = wait};
  }
  return refresh();
}

Result<FlowOutcome> View::refresh() {
  last_refresh_us_ = context_.world.clock.now_us();
  for (const auto& input : dataset_.inputs) {
    if (auto newest = context_.hub.newest(input)) announced_[input] = *newest;
  }
  sql::Plan plan = TRY(context_.plan_now(dataset_));
  auto whole = TRY(whole_query(context_, plan, prefix_));
  Progress progress = std::move(whole.inputs);
  progress[prefix_ + "query"] = query_hash(dataset_, plan);
  bool first = !writer_.snapshot().txn(content_id());
  if (!first && progress == seen_) return FlowOutcome{};
  Batches rows = TRY(answer_of(context_, dataset_, std::move(whole.request), status_));
  int64_t hash = TRY(content_hash(rows, dataset_.plan.output));
  seen_ = progress;
  had_rows_ = had_rows_ || row_count(rows) > 0;
  if (writer_.snapshot().txn(content_id()) == hash) return FlowOutcome{.worked = true};
  progress[content_id()] = hash;
  FlowOutcome out{.worked = true, .rows_out = row_count(rows)};
  out.version = TRY(overwrite(rows, std::move(progress)));
  status_.rows_out += out.rows_out;
  return out;
}

Result<Version> View::overwrite(const Batches& rows, Progress progress) {
  auto files = TRY(timed(status_.timings.parquet_ns,
                         [&] { return writer_.write(pieces_of(rows), {.all = {Partition(0)}}); }));
  delta::Transaction transaction;
  transaction.operation = "WRITE";
  transaction.parameters = {{"mode", "Overwrite"}, {"flow", dataset_.name}};
  transaction.adds = std::move(files);
  int64_t now_ms = context_.world.clock.now_ms();
  for (const auto& file : writer_.snapshot().files()) {
    transaction.removes.push_back({.path = file.path, .deleted_ms = now_ms});
  }
  transaction.txns = std::move(progress);
  transaction.reads_table = true;
  Version version =
      TRY(timed(status_.timings.commit_ns, [&] { return writer_.commit(std::move(transaction)); }));
  context_.hub.announce(dataset_.name, version);
  status_.version = version;
  status_.commits += 1;
  status_.last_commit_us = context_.world.clock.now_us();
  return version;
}

}  // namespace

Result<std::unique_ptr<Flow>> open_view(Context& context, const Dataset& dataset,
                                        FlowStatus& status) {
  Settings settings = TRY(settings_of(context.project.configuration, dataset.statement.properties));
  auto writer = TRY(TableWriter::open(context, dataset.path, dataset.name));
  context.hub.announce(dataset.name, writer.snapshot().version());
  std::string prefix = progress_prefix(context, dataset, writer.txns());
  bool tells_time = TRY(context.tells_time(dataset));
  status.version = writer.snapshot().version();
  return std::unique_ptr<Flow>(new View(context, dataset, status, std::move(settings),
                                        std::move(writer), std::move(prefix), tells_time));
}

}  // namespace ticklake::engine
