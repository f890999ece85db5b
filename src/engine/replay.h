// Quarantined rows put through the query of their table again: a part of engine.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/report.h"

namespace ticklake::engine {

struct Project;
struct World;

struct ReplayOptions {
  std::string table;       // or its quarantine
  std::string flow = {};   // whose query, where several fill the table
  std::string where = {};  // which rows: SQL over the quarantine's columns; "": all
};

struct ReplayCounts {
  int64_t rows = 0;        // put through the query
  int64_t taken = 0;       // are in the quarantine no more
  int64_t rows_added = 0;  // to the table, made of those
  int64_t kept = 0;        // failed again, and stay with their new reason
};

// Takes rows out of a quarantine and adds what the query, as it is now, makes of them to the table,
// each row once: killed between or within steps it goes on where it was when it is opened again, or
// when the pipeline is. Rows that fail again stay. One thread.
class Replay {
 public:
  // Conflict: another process (named by its pid) runs this project. Invalid: there is no such
  // table, it has no quarantine, several flows fill it and none is named, a table streams from the
  // quarantine, `where` is no condition.
  static Result<std::unique_ptr<Replay>> open(Project project, World world, ReplayOptions options);
  virtual ~Replay() = default;

  // At most one commit. Worked, or Finished when all rows were looked at.
  virtual Result<StepReport> step() = 0;
  // Since it was opened.
  virtual ReplayCounts counts() const = 0;
  virtual std::string table() const = 0;
};

}  // namespace ticklake::engine
