// From a project's folder to tables that grow: project -> graph -> flows, run as bounded steps,
// each row exactly once.
//
//   load_project()   reads spark-pipeline.yml and the SQL files it names
//   build_graph()    orders the datasets, resolves every name and type; nothing is run
//   Pipeline         runs the flows; app calls step() again and again
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/secrets.h"
#include "base/spread.h"
#include "broker/broker.h"
#include "delta/delta.h"
#include "engine/file_source.h"
#include "engine/graph.h"
#include "engine/replay.h"
#include "engine/report.h"
#include "io/clock.h"
#include "model/type.h"
#include "sql/sql.h"

namespace ticklake::engine {

// ---- the project

struct ProjectFile {
  io::Path path;     // for messages: relative to the project's directory
  std::string text;  // substituted
};

struct Project {
  std::string name;
  io::Path directory;
  io::Path storage;    // resolved against the directory
  io::Path warehouse;  // where tables live: configuration ticklake.warehouse, else <storage>/tables
  io::Path topics;     // directory of the embedded log
  std::string catalog = "ticklake";
  std::string database = "default";
  std::map<std::string, std::string> configuration;  // overrides applied, values substituted
  std::vector<sql::Statement> statements;            // of all SQL files, by file, then position
  std::vector<ProjectFile> sources;                  // sources/*.yml, sorted; env:, file: left
  Secrets secrets;                                   // among the values substituted
  sql::FileColumns file_columns;                     // see file_columns(); set by load_project
  sql::PayloadFunctions payload_functions;           // Avro and schema registries; likewise
  std::function<Result<Schema>(const io::Path&)> delta_columns;  // of a table's path; likewise

  // catalog.database.table of a name of one to three parts, as written; delta./path of a path.
  std::string canonical(const std::vector<std::string>& parts) const;
  io::Path table_path(const std::string& canonical_name) const;
};

// delta.`/path/of/table` names a table outside the project.
bool is_delta_path(const std::vector<std::string>& name);
// The path that such a table's canonical name tells.
std::optional<io::Path> path_of_table(const std::string& canonical);

using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

struct LoadOptions {
  std::string target = {};                            // --target; "": none given
  std::map<std::string, std::string> overrides = {};  // --set KEY=VALUE
  Lookup environment = {};                            // of ${env:NAME}; unset: no variable is known
  std::shared_ptr<io::Http> http = {};  // to schema registries; unset: the network
};

// Reads the project. Invalid, naming file and line: an unknown key (with the nearest), an unknown
// ${name}, a library that is not there, a SQL file that does not parse. Unsupported: Python
// libraries, named. NotFound: no spark-pipeline.yml.
Result<Project> load_project(io::FileStore& files, const io::Path& directory,
                             const LoadOptions& options = {});

// Threads that are to step the project's pipeline: ticklake.parallelism, else one a core.
int parallelism(const Project& project);

// Who runs the project with this storage now ("process 4711"), or nothing.
std::optional<std::string> runner_of(const io::Path& storage);

// ---- running

// The world that a pipeline runs in. What it refers to outlives the pipeline.
struct World {
  io::FileStore& files;
  const io::Clock& clock;
  // A broker by read_kafka's bootstrapServers and dotted options; asked once for each pair, by one
  // thread at a time. Unset: broker::open with the project's topics directory.
  std::function<Result<std::shared_ptr<broker::Topics>>(
      const std::string& bootstrap, const std::map<std::string, std::string>& config)>
      topics = {};
  Spread* spread = nullptr;  // for large batches; null: one thread does them
};

struct RunOptions {
  bool once = false;  // stop when what the sources held at the start is in the tables
  std::vector<std::string> full_refresh = {};  // tables to rebuild from nothing, or "all"
  int sql_threads = 1;
  int64_t sql_memory_bytes_max = int64_t{2} << 30;
};

// Counters of one flow since the pipeline was opened. They go up only.
struct FlowStatus {
  enum class State : uint8_t { Waiting, Running, Retrying, Done, Failed };
  std::string name;  // of its dataset
  std::string table;
  Table::Kind kind = Table::Kind::StreamingTable;
  State state = State::Waiting;
  int64_t rows_in = 0;
  int64_t rows_out = 0;
  int64_t commits = 0;
  int64_t rows_dropped = 0;      // by expectations
  int64_t rows_late = 0;         // their window was closed
  int64_t rows_undecodable = 0;  // from_json could not read them wholly
  int64_t rows_quarantined = 0;
  int64_t commits_skipped = 0;   // of its source, because they change rows
  int64_t retries = 0;
  std::optional<int64_t> lag_rows = {};  // not yet consumed, where it is known
  std::optional<FileLag> file_lag = {};  // of read_files
  std::optional<EventTime> watermark = {};
  std::optional<Version> version = {};  // of the table, as the flow left it
  std::optional<int64_t> last_commit_us = {};
  std::vector<ExpectationCount> expectations = {};
  Timings timings = {};
  std::string problem = {};  // the last one
};
std::string_view to_string(FlowStatus::State state);

// Runs a project's flows. Any thread: calls of step() that overlap each take a flow that no other
// call is in, the one furthest from the sources first, so flows run side by side. Tables are the
// same however many threads step; with one, so is the order of the commits.
//
// Exactly once: each commit carries its progress (Delta txn actions), compared and set with the
// rows, so a pipeline may be dropped (or killed) between or within steps and opened again; storage
// alone tells where it goes on.
// Errors: a flow that loses a race or meets a failing world is dropped and reopened with growing
// pauses, a bounded number of times (without `once`, a failing world is waited for). Any other
// error fails the flow: what reads its table takes what is there and stops, the other flows go on
// (with `once`: to their ends), and then step() returns the first such error, which names the flow.
// Until then a StepReport tells it, once.
// Topics must be there when the first step is made.
class Pipeline {
 public:
  // Takes the runner's lease and makes the tables that are not there yet. Conflict: another process
  // (named by its pid) runs this project. Invalid: a table's stored schema is not the statement's
  // (says what differs and the remedy).
  static Result<std::unique_ptr<Pipeline>> open(Project project, World world, RunOptions options);
  virtual ~Pipeline() = default;  // gives the lease back

  // Bounded work. Never waits for data. Idle: there is nothing to do now that another call is not
  // doing already. With `once`: Finished when all is done, and from then on.
  virtual Result<StepReport> step() = 0;

  virtual std::vector<FlowStatus> status() const = 0;  // in dependency order
  virtual const Project& project() const = 0;
  virtual const Graph& graph() const = 0;
};

// ---- rows before they are committed

// What a windowed table will say about its open windows, and what it has said about closed ones.
struct PreviewUpdate {
  // The rows that the table would gain if all its open windows closed now; nothing: as before.
  std::optional<Batches> open = {};
  // Rows that the table has gained since the last update.
  Batches closed = {};
  // `closed` may lack versions: read the table anew.
  bool restarted = false;
  int64_t rows_in = 0;       // records taken from the topic
  std::string waiting = {};  // why `open` does not follow the topic now; "": it does
};

// Follows one table ahead of its commits. Of a windowed streaming table the open windows are
// rebuilt from the tables as a restart would, then go on with the topic's newest records through
// the same statements; where it falls behind or fails, it starts again from the tables. Of any
// other table only what is committed is told. It commits nothing, and shares only storage with a
// Pipeline. One thread at a time, any thread.
class Preview {
 public:
  // NotFound: the project has no such table. The table need not have been made yet.
  static Result<std::unique_ptr<Preview>> open(Project project, World world,
                                               const std::string& table);
  virtual ~Preview() = default;
  // Bounded work. Never waits for data. What fails is told in `waiting` and tried again.
  virtual PreviewUpdate step() = 0;
  virtual void stop() = 0;  // from any thread; a step under way reads no more tables
};

// How the files of tables that flows fill are merged: maintenance of one by hand needs it.
delta::FileOrder file_order();

}  // namespace ticklake::engine
