// Statements of ticklake sql that change tables.
#pragma once

#include <string>

#include "app/commands.h"
#include "delta/delta.h"
#include "engine/engine.h"
#include "sql/sql.h"

namespace ticklake::app {

// Unsupported: a pipeline writes the table, of this project or of another.
Result<void> check_may_change(io::FileStore& files, const engine::Project& project,
                              const engine::Graph& graph, const std::string& file,
                              const sql::Statement& statement, const sql::EditPlan& plan);

// One commit of other columns, properties or constraints. Invalid: the table does not allow it.
Result<delta::Snapshot> alter_table(Environment& environment, const delta::Snapshot& snapshot,
                                    const sql::Alteration& alteration);

// Runs it and writes one object: the version and how many rows it touched.
Result<void> run_change(Environment& environment, const engine::Project& project,
                        const std::string& file, const sql::EditPlan& plan, Format format);

}  // namespace ticklake::app
