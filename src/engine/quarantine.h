// The table beside a table that keeps the rows it could not take. Private to the folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "feed.h"
#include "flow.h"
#include "joined_tables.h"
#include "table_writer.h"

namespace ticklake::engine {

struct BadRow {
  std::optional<std::string> raw;  // nothing: the row's own raw or value column
  std::string reason;
};
using BadRows = std::map<int64_t, BadRow>;  // by row number of the batch

// A reason more for a row.
void add_reason(BadRows& rows, int64_t row, std::optional<std::string> raw, std::string reason);

// Row numbers of a batch, counted over its pieces.
class RowPlaces {
 public:
  explicit RowPlaces(const std::vector<FeedPiece>& pieces);
  struct Place {
    const FeedPiece* piece;
    int64_t row;  // of the piece
  };
  Place find(int64_t row) const;
  size_t piece_of(int64_t row) const;
  int64_t end_of(size_t piece) const { return ends_[piece]; }
  int64_t rows() const { return ends_.empty() ? 0 : ends_.back(); }

 private:
  const std::vector<FeedPiece>& pieces_;
  std::vector<int64_t> ends_;
};

// The txn of a quarantine and of its table that counts replays; see replay.cc.
std::string replay_id(const Context& context, const std::string& quarantine);
// The tag of a quarantine's file whose rows a replay adds to the table: the replay's number.
inline constexpr const char* kReplayTag = "ticklake.replay";
bool is_of_replay(const delta::AddFile& file, int64_t number);
// Removes the rows that a replay has added to the table, whose txns are given. Nothing where there
// are none; else the quarantine's new version.
Result<std::optional<Version>> settle_replay(const io::Clock& clock, TableWriter& quarantine,
                                             const std::string& id, const Progress& table);

class Quarantine {
 public:
  // `table`: the txns of the table that it stands beside.
  static Result<Quarantine> open(Context& context, const Dataset& dataset, const Progress& table,
                                 Schema input_schema);

  // Stores the bad rows that are not stored yet, with the batch's progress, in a version of their
  // own. To be called before the table's own commit: killed between the two, the batch comes again,
  // and the rows that are `covered` by this table's own progress are left out. How many were
  // stored.
  Result<int64_t> store(const Feed& feed, const FeedBatch& batch, const RowPlaces& places,
                        const BadRows& rows, const JoinedVersions& joined_with);

  // Of a flow that joins: the versions that rows of the batch met when they came before and the bad
  // ones of them were stored, so that the same are bad again; none where the batch is new. `now`:
  // the tables that it joins.
  JoinedVersions joined_with(const Feed& feed, const FeedBatch& batch,
                             const JoinedVersions& now) const;

  Result<std::optional<Version>> keep_healthy(bool busy) { return writer_.keep_healthy(busy); }

 private:
  Quarantine(Context& context, const Dataset& dataset, TableWriter writer, Schema input_schema)
      : context_(&context),
        name_(*dataset.quarantine),
        joined_prefix_(joined_prefix(context, dataset)),
        writer_(std::move(writer)),
        input_schema_(std::move(input_schema)) {}

  static std::string joined_prefix(const Context& context, const Dataset& dataset);

  Context* context_;
  std::string name_;
  std::string joined_prefix_;  // of the app ids that tell versions of joined tables
  TableWriter writer_;
  Schema input_schema_;
};

}  // namespace ticklake::engine
