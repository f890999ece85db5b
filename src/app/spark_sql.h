// Statements of a project in the SQL of Apache Spark's own declarative pipelines (4.2), which knows
// neither OR REFRESH, EXPECT and AUTO CDC nor read_kafka() and read_files(). Queries stay as they
// are written. Private to app.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace ticklake::app {

// A call of read_kafka() or read_files() in a statement.
struct SourceCall {
  const sql::PlanInput& input;
  const sql::Statement& statement;
};
// The name of a view that stands for the call. An error where Spark cannot read it.
using SourceView = std::function<Result<std::string>(const SourceCall&)>;

struct SparkStatement {
  std::string text;                // without the ';'
  std::vector<std::string> notes;  // what differs in Spark
};

// Unsupported, with file:line: what has no counterpart.
Result<SparkStatement> spark_statement(const engine::Project& project, const engine::Graph& graph,
                                       const sql::Statement& statement, int64_t now_us,
                                       const SourceView& view);

// The materialized view that gives the rows of a table that AUTO CDC fills, from all changes.
// `changes`: the statement with the AUTO CDC, which may be the table's own.
Result<SparkStatement> spark_changes(const engine::Project& project, const engine::Graph& graph,
                                     const sql::Statement& table, const sql::Statement& changes);

// "file:line: table: why"
Error not_for_spark(const sql::Statement& statement, const std::string& why);

}  // namespace ticklake::app
