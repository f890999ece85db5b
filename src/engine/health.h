// Maintenance as steps of the flow whose table it is: never against its own writer, and each step
// one that may be the last before a crash. Private to the folder.
#pragma once

#include <memory>
#include <string>

#include "delta/delta.h"
#include "flow.h"

namespace ticklake::engine {

// Of one of the project's tables. The context outlives it.
delta::Health health_of(const Context& context, const std::string& table);

// The first version of the table that a flow of this project has yet to read, as storage tells; its
// windows may need the version before it. Nothing: no one streams from the table.
Result<std::optional<Version>> needed_from(const Context& context, const std::string& table,
                                           const delta::Snapshot& snapshot);

// The flow with maintenance between its steps: while rows wait only what cannot, and at the end all
// that is due. Maintenance that fails stops no flow; it is tried again later.
std::unique_ptr<Flow> kept_healthy(std::unique_ptr<Flow> flow, const io::Clock& clock,
                                   FlowStatus& status);

}  // namespace ticklake::engine
