// The graph of a project: what fills which table, in the order of what reads what.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/files.h"
#include "model/type.h"
#include "sql/sql.h"

namespace ticklake::engine {

struct Project;

// What fills a table: its own query, a flow's, or one of the queries of a UNION ALL of streams.
struct Dataset {
  std::string name;   // unique; canonical, in a UNION ALL with what it reads: c.d.t[ticks]
  std::string table;  // canonical
  std::string flow;   // canonical; of the table's own query the table's
  std::string turn = {};               // "~2": reads its source second in the UNION ALL
  std::set<std::string> sources = {};  // names of all that the flow reads
  sql::Statement statement;            // with the table's clauses
  sql::Plan plan;
  io::Path path;  // the table's
  std::vector<std::string> inputs;        // tables it reads, canonical; views are looked through
  std::optional<std::string> quarantine;  // canonical name of the table's quarantine
  std::optional<std::string> late = {};   // of the table of its late rows, where it keeps them
  std::optional<sql::ChangeRules> changes = {};  // AUTO CDC fills it; its input are the events
};

// A table that the project makes.
struct Table {
  enum class Kind : uint8_t { StreamingTable, MaterializedView, Quarantine, LateRows };
  std::string name;  // canonical
  Kind kind;
  io::Path path;
  Schema schema;
};
// "STREAMING_TABLE", "MATERIALIZED_VIEW", "QUARANTINE", "LATE_ROWS"
std::string_view to_string(Table::Kind kind);

struct Graph {
  std::vector<Dataset> datasets;  // each after all that it reads; those of a table together
  std::vector<Table> tables;                    // by name; those beside others too
  std::map<std::string, sql::Statement> views;  // temporary ones, by canonical name

  // A table by a name of one to three parts, ignoring case, or nullptr.
  const Table* find(const Project& project, const std::vector<std::string>& name) const;
  // For analysing a query over the project's tables and views. Graph and project outlive it.
  sql::Catalog catalog(const Project& project) const;
};

// Invalid, naming file:line:column: a cycle (all its members), an unknown name (with the nearest),
// a duplicate, and all that sql::analyze refuses.
Result<Graph> build_graph(const Project& project, int64_t now_us);

}  // namespace ticklake::engine
