// The table that a flow fills: files written, then committed with progress that is compared and
// set. Private to the folder.
#pragma once

#include <string>
#include <vector>

#include "delta/delta.h"
#include "feed.h"
#include "flow.h"
#include "partition_tag.h"
#include "table_stage.h"

namespace ticklake::engine {

// Rows that are of no partition of a topic: all of partition 0. Batches without rows are left out.
std::vector<Piece> pieces_of(const Batches& rows);

class TableWriter {
 public:
  // `flow`: the name of the dataset that writes; "": no one shares the table.
  static Result<TableWriter> open(Context& context, const io::Path& root, const std::string& table,
                                  const std::string& flow = "");

  const delta::Snapshot& snapshot() const { return stage_->snapshot; }
  Progress txns() const { return snapshot().txns(); }
  TableStage& stage() { return *stage_; }

  // Writes rows in their order. The pieces' partitions are told in the files' tags.
  Result<std::vector<delta::AddFile>> write(const std::vector<Piece>& pieces,
                                            const KnownPartitions& partitions);

  // Rows of the flow's own partitions as rows of those of the table, in one version with the
  // transaction, handed on to who streams from the table. Each txn must still be as this object
  // last saw it: Conflict otherwise.
  Result<Version> append(std::vector<Piece> pieces, const KnownPartitions& own,
                         delta::Transaction transaction, Timings& timings);

  // One version with all of it, and with `change`, likewise.
  Result<Version> commit(delta::Transaction transaction, delta::RowChange* change = nullptr);

  // One bounded piece of maintenance, where some is due; the version that it made.
  Result<std::optional<Version>> keep_healthy(bool busy);

 private:
  TableWriter(Context& context, std::string table, std::string flow,
              std::shared_ptr<TableStage> stage)
      : context_(&context),
        table_(std::move(table)),
        flow_(std::move(flow)),
        stage_(std::move(stage)),
        seen_(txns()) {}

  Result<std::vector<delta::AddFile>> write_in_order(const std::vector<Piece>& pieces,
                                                     const PartitionTag& all);

  Context* context_;
  std::string table_, flow_;
  std::shared_ptr<TableStage> stage_;
  // As this flow last saw or set them: what others of the table commit changes none of its own.
  Progress seen_;
};

// "ticklake/<pipeline>/<table>/generation": a full refresh bumps it, for all flows of the table.
std::string generation_id(const Context& context, const std::string& table);
int64_t generation_of(const Context& context, const std::string& table, const Progress& stored);
// "ticklake/<pipeline>/<flow>/<generation>/"
std::string progress_prefix(const Context& context, const Dataset& dataset, const Progress& stored);
ProgressPlace progress_place(const Context& context, const Dataset& dataset,
                             const Progress& stored);

}  // namespace ticklake::engine
