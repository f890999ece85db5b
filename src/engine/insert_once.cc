// INSERT ONCE: a query over whole tables whose rows are added to a table that other flows fill too.
//
// Invariant: the rows and the mark that says so land in one version; a full refresh, which raises
// the generation, is all that makes the mark count no more.
#include <fmt/format.h>

#include "flow.h"
#include "rows.h"
#include "table_writer.h"
#include "whole_query.h"

namespace ticklake::engine {
namespace {

class InsertOnce final : public Flow {
 public:
  InsertOnce(Context& context, const Dataset& dataset, FlowStatus& status, TableWriter writer)
      : context_(context), dataset_(dataset), status_(status), writer_(std::move(writer)) {
    done_ = writer_.snapshot().txn(prefix() + "once").has_value();
    if (done_) writer_.stage().finished(dataset_.name);
  }

  Result<FlowOutcome> step(bool upstream_done) override;
  bool done() const override { return done_; }
  Result<std::optional<Version>> keep_healthy(bool busy) override {
    return writer_.keep_healthy(busy);
  }

 private:
  std::string prefix() const { return progress_prefix(context_, dataset_, writer_.txns()); }

  Context& context_;
  const Dataset& dataset_;
  FlowStatus& status_;
  TableWriter writer_;
  bool done_ = false;
};

Result<FlowOutcome> InsertOnce::step(bool upstream_done) {
  if (done_ || !upstream_done) return FlowOutcome{};
  sql::Plan plan = TRY(context_.plan_now(dataset_));
  auto whole = TRY(whole_query(context_, plan, prefix()));
  Batches rows = TRY(answer_of(context_, dataset_, std::move(whole.request), status_));
  delta::Transaction transaction;
  transaction.operation = "STREAMING UPDATE";
  transaction.parameters = {{"outputMode", "Append"}, {"flow", dataset_.flow}};
  transaction.txns[prefix() + "once"] = 1;
  FlowOutcome out{.worked = true, .rows_out = row_count(rows)};
  out.version = TRY(writer_.append(pieces_of(rows), {.all = {Partition(0)}},
                                   std::move(transaction), status_.timings));
  done_ = true;
  writer_.stage().finished(dataset_.name);
  status_.rows_out += out.rows_out;
  status_.version = out.version;
  status_.commits += 1;
  status_.last_commit_us = context_.world.clock.now_us();
  return out;
}

}  // namespace

Result<std::unique_ptr<Flow>> open_insert_once(Context& context, const Dataset& dataset,
                                               FlowStatus& status) {
  auto writer = TRY(TableWriter::open(context, dataset.path, dataset.table, dataset.name));
  Progress stored = writer.txns();
  std::string prefix = progress_prefix(context, dataset, stored);
  auto entry = stored.lower_bound(prefix);
  bool streamed = entry != stored.end() && entry->first.starts_with(prefix);
  if (streamed && !stored.contains(prefix + "once")) {
    return Error{Code::Invalid,
                 fmt::format("flow {} was a stream before and its rows are in table {}; give the "
                             "INSERT ONCE another name, or rebuild with --full-refresh {}",
                             dataset.flow, dataset.table, dataset.table)};
  }
  context.hub.announce(dataset.table, writer.snapshot().version());
  status.version = writer.snapshot().version();
  return std::unique_ptr<Flow>(new InsertOnce(context, dataset, status, std::move(writer)));
}

}  // namespace ticklake::engine
