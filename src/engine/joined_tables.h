// The tables that the rows of a stream are joined with, as they stand for one batch. Private to the
// folder.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "flow.h"
#include "limits.h"

namespace ticklake::engine {

struct JoinedVersion {
  std::string id;  // of the table
  Version version;
};
using JoinedVersions = std::map<std::string, JoinedVersion>;  // by the tables' canonical names

// {"catalog.database.table":17}, for history.
std::string to_json(const JoinedVersions& versions);

// Rows are kept in memory while the versions that they came from stay the same; a table of more
// than `bytes_max` is read from its files for each batch.
class JoinedTables {
 public:
  // `context` outlives it.
  explicit JoinedTables(Context& context, int64_t bytes_max = kJoinedBytesMax)
      : context_(&context), bytes_max_(bytes_max) {}

  // Takes the newest version of each table that the plan's stream is joined with, or the one in
  // `wanted`. True: inputs() has changed; who holds them lets go of them when asked to, before.
  // Unavailable: a subquery's rows take too much memory.
  Result<bool> pin(const sql::Plan& plan, const JoinedVersions& wanted,
                   const std::function<void()>& let_go = [] {});

  // Of the plan's SQL, by id.
  const std::map<std::string, query::Input>& inputs() const { return inputs_; }
  const JoinedVersions& versions() const { return versions_; }

 private:
  Result<delta::Snapshot> newest(const std::string& table);
  Result<delta::Snapshot> snapshot_of(const sql::PlanInput& input, const JoinedVersions& wanted);
  // How the input is read from storage; adds to `key` what tells its content.
  Result<query::Input> stored(const sql::PlanInput& input, const JoinedVersions& wanted,
                              std::string& key);
  Result<query::Input> worked_out(const sql::Plan& plan, const sql::PlanInput& input,
                                  std::map<std::string, query::Input> below);

  Context* context_;
  int64_t bytes_max_;
  std::map<std::string, delta::Snapshot> snapshots_;  // the newest seen, by canonical name
  std::map<std::string, std::string> keys_;           // what inputs_ were made of, by id
  std::map<std::string, query::Input> inputs_;        // by id
  JoinedVersions versions_;
};

}  // namespace ticklake::engine
