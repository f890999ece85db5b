// The flows of one table: its own query, those that CREATE FLOW adds, and the branches of a UNION
// ALL. Private to the folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace ticklake::engine {

// What keeps a statement from being run, with its place.
Error at(const sql::Statement& statement, sql::Position position, std::string_view what,
         Code code = Code::Invalid);

// Of the table of events of a table that AUTO CDC fills.
inline constexpr std::string_view kEventsSuffix = "__cdc";
// Of the table of joined rows that a flow's windows are over.
inline constexpr std::string_view kRowsSuffix = "__rows";

// A plan of windows over rows that a statement within it makes: that of the rows, which `table`
// stores, and that of windows over STREAM of it. Nothing for any other plan.
struct PartedPlan {
  sql::Plan rows;
  sql::Plan windows;
};
std::optional<PartedPlan> parted(const sql::Plan& plan, const std::string& table);

// "table c.d.t", "topic ticks", "read_files": what a source is called where progress is kept.
std::string source_name(const sql::PlanInput& input);

// Whether the dataset, whose plan is made, can be run over what the graph has.
Result<void> check(const Project& project, const Graph& graph, const Dataset& dataset);

// The datasets that fill the table, analysed and checked, but for their quarantine; `flows` are the
// CREATE FLOW statements whose target it is. `graph` has all that they read.
Result<std::vector<Dataset>> datasets_of(const Project& project, const Graph& graph,
                                         const sql::Statement& table,
                                         const std::vector<const sql::Statement*>& flows,
                                         int64_t now_us);

}  // namespace ticklake::engine
