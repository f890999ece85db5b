// What a stateless statement makes of rows: SQL, expectations, bad rows aside. No storage, so what
// is committed and what is only previewed are made by the same code. Private to the folder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "feed.h"
#include "flow.h"
#include "joined_tables.h"
#include "quarantine.h"
#include "settings.h"
#include "sql_runner.h"

namespace ticklake::engine {

struct FatalRow {
  int64_t row;  // counted over the pieces
  std::string reason;
};

struct Made {
  std::vector<Piece> pieces;
  BadRows bad;
  int64_t rows_out = 0;
  int64_t dropped = 0;
  int64_t undecodable = 0;
  std::vector<ExpectationCount> counts;
  JoinedVersions joined_with;     // the versions that the rows have met
  std::optional<FatalRow> fatal;  // the flow must fail: the other fields mean nothing
};

class StatelessRows {
 public:
  // `context` and `dataset` outlive it.
  static Result<StatelessRows> open(Context& context, const Dataset& dataset,
                                    const Settings& settings);

  // Rows that are joined meet the newest versions of the tables, or those in `wanted`.
  Result<Made> make(const std::vector<FeedPiece>& pieces, const RowPlaces& places,
                    const JoinedVersions& wanted = {});
  // The versions as they were last looked for.
  const JoinedVersions& joined_with() const { return joined_.versions(); }

 private:
  StatelessRows(Context& context, const Dataset& dataset, const QuarantineRule& rule);

  Result<void> prepare(const JoinedVersions& wanted);
  Result<std::unique_ptr<query::Prepared>> prepared() const;

  Result<Statements> statements_for(int64_t rows);
  void add_undecodable(const std::vector<FeedPiece>& pieces, Made& made) const;
  Result<void> take_rows(const BatchPtr& answer, const std::vector<FeedPiece>& pieces,
                         const RowPlaces& places, Made& made) const;
  Result<BatchPtr> without_bad(const BatchPtr& rows, const BadRows& bad) const;
  Result<BatchPtr> without_dropped(const BatchPtr& rows, Made& made) const;
  const arrow::Int64Array& row_numbers(const arrow::RecordBatch& rows) const;

  Context* context_;
  const Dataset* dataset_;
  QuarantineRule rule_;
  sql::Plan plan_;  // as of now, where it tells the time
  JoinedTables joined_;
  std::vector<std::unique_ptr<query::Prepared>> statements_;  // all the same; none: to be prepared
  int visible_;
  bool tells_time_ = false;
};

}  // namespace ticklake::engine
