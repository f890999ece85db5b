// The commands behind the command line, as functions of their options. Each writes its rows to the
// environment's output and returns what went wrong as a sentence for the user.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/output.h"
#include "base/result.h"
#include "base/secrets.h"
#include "delta/delta.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/http.h"
#include "serving/serving.h"

namespace ticklake::app {

// What a command may touch; owned by run_command_line.
struct Environment {
  io::FileStore& files;
  const io::Clock& clock;
  io::Http& http;
  std::FILE* out;
  std::FILE* err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  Secrets secrets = {};  // of the projects loaded; no message shows them
};

// Which project, and what the command line changes in it.
struct ProjectOptions {
  std::string directory = ".";
  std::string target = {};
  std::vector<std::string> settings = {};  // KEY=VALUE
};

struct InitOptions {
  std::string directory;
  std::string name = {};  // empty: the directory's
};
Result<void> init_project(Environment& environment, const InitOptions& options);

Result<void> validate_project(Environment& environment, const ProjectOptions& project,
                              Format format);

// Checks the project and its world, a finding a line. Without a format: lines for people. An error
// where a problem was found.
Result<void> diagnose(Environment& environment, const ProjectOptions& options,
                      std::optional<Format> format);

struct RunOptions {
  ProjectOptions project;
  bool once = false;
  bool ingest = true;
  bool accept_loss = false;
  std::vector<std::string> refresh = {};
  std::vector<std::string> full_refresh = {};
  std::optional<Format> summary = {};          // the flows' counters, at the end
  std::optional<serving::Address> serve = {};  // a live page there
};
Result<void> run_project(Environment& environment, const RunOptions& options);

// Runs one source of the project until it ends or a signal comes.
struct IngestOptions {
  ProjectOptions project;
  std::string source;
  bool once = false;
  std::string mode = {};  // "initial", "live" or nothing
};
Result<void> ingest_source(Environment& environment, const IngestOptions& options);

// Runs the project's tests/**/*.test. An error where one failed.
struct TestOptions {
  ProjectOptions project;
  std::string filter = {};  // text in a test's name
  bool keep = false;        // what failed tests leave behind
  bool update = false;      // put the rows found into the tests
  std::optional<Format> format = {};  // none: lines for people
};
Result<void> test_project(Environment& environment, const TestOptions& options);

// What fills a table of the project, how, and how far it has come.
struct ExplainOptions {
  ProjectOptions project;
  std::string table;
  bool as_json = false;
};
Result<void> explain_table(Environment& environment, const ExplainOptions& options);

// Writes the project as one that Apache Spark runs.
struct ExportOptions {
  ProjectOptions project;
  std::string directory;                  // a new one
  std::vector<std::string> without = {};  // tables to leave out
};
Result<void> export_spark(Environment& environment, const ExportOptions& options);

struct SqlOptions {
  ProjectOptions project;
  std::string text = {};
  std::string file = {};
  Format format = Format::JsonLines;
};
Result<void> run_sql(Environment& environment, const SqlOptions& options);

struct TableOptions {
  ProjectOptions project;
  std::string table = {};  // a path, or a name in the project
  std::optional<int64_t> version = {};
  std::string timestamp = {};
  std::string rows_file = {};
  int64_t limit = 0;           // 0: all
  std::string retention = {};  // of vacuum: an interval; empty: the table's
  bool dry_run = false;
  bool force = false;   // vacuum: a retention below the table's
  bool repair = false;  // fsck
  std::optional<int64_t> from = {};  // of changes: versions, both included
  std::optional<int64_t> to = {};    // else the newest
  Format format = Format::JsonLines;
};
// The version that the options name; else the newest.
Result<delta::Snapshot> open_snapshot(Environment& environment, const TableOptions& options);

Result<void> list_tables(Environment& environment, const TableOptions& options);
Result<void> read_table(Environment& environment, const TableOptions& options);
Result<void> describe_table(Environment& environment, const TableOptions& options);
Result<void> show_table_history(Environment& environment, const TableOptions& options);
Result<void> list_table_files(Environment& environment, const TableOptions& options);
Result<void> show_table_changes(Environment& environment, const TableOptions& options);
Result<void> append_to_table(Environment& environment, const TableOptions& options);
Result<void> checkpoint_table(Environment& environment, const TableOptions& options);
Result<void> optimize_table(Environment& environment, const TableOptions& options);
Result<void> vacuum_table(Environment& environment, const TableOptions& options);
Result<void> restore_table(Environment& environment, const TableOptions& options);
Result<void> check_table(Environment& environment, const TableOptions& options);

// Puts rows of a quarantine through the query of their table again.
struct QuarantineOptions {
  ProjectOptions project;
  std::string table = {};  // or its quarantine
  std::string flow = {};
  std::string where = {};
  Format format = Format::JsonLines;
};
Result<void> replay_quarantine(Environment& environment, const QuarantineOptions& options);

struct TopicOptions {
  ProjectOptions project;
  std::string bootstrap = {};  // empty: the project's
  std::string directory = {};  // of the embedded log; empty: the project's
  std::string topic = {};
  Format format = Format::JsonLines;
  int32_t partitions = 4;
  std::vector<std::string> config = {};  // KEY=VALUE
  bool yes = false;
  std::string file = {};
  std::string key = {};
  std::string key_separator = {};
  std::optional<int32_t> partition = {};
  bool follow = false;
  std::string from = {};
  std::string group = {};
  int64_t records = 10;
  std::string records_as = {};  // "json", "avro" or "json_schema": what the values are
  std::string subject = {};     // of the schema; empty: the topic's
};
Result<void> list_topics(Environment& environment, const TopicOptions& options);
Result<void> describe_topic(Environment& environment, const TopicOptions& options);
Result<void> create_topic(Environment& environment, const TopicOptions& options);
Result<void> delete_topic(Environment& environment, const TopicOptions& options);
Result<void> produce_records(Environment& environment, const TopicOptions& options);
Result<void> tail_topic(Environment& environment, const TopicOptions& options);

// "a=1", "b=2" as a map. Invalid: one without '='.
Result<std::map<std::string, std::string>> key_values(const std::vector<std::string>& texts,
                                                      const std::string& option);

}  // namespace ticklake::app
