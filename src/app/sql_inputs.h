// What the statements of ticklake sql read.
#pragma once

#include <optional>
#include <string>

#include "app/commands.h"
#include "engine/engine.h"
#include "query/query.h"

namespace ticklake::app {

// "file:line:column".
std::string place(const std::string& file, sql::Position at);

// Tables that are stored have their stored schema; the project's others have their declared one.
// Why a table given by its path could not be opened is left in `problem`. All outlive it.
sql::Catalog catalog_over(io::FileStore& files, const engine::Project& project,
                          const engine::Graph& graph, std::optional<Error>& problem);

// The rows of a table or of files. `file`: of the statement, for messages.
Result<query::Input> open_input(Environment& environment, const engine::Project& project,
                                const std::string& file, const sql::PlanInput& input);

// What a query gives now.
Result<Batches> rows_of(Environment& environment, const engine::Project& project,
                        const std::string& file, const sql::Plan& plan);

}  // namespace ticklake::app
