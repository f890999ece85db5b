// What a windowed flow's commits say of its query, as far as what is stored depends on it. Private
// to the folder.
#pragma once

#include <optional>
#include <string>

#include "flow.h"
#include "source_progress.h"

namespace ticklake::engine {

// The entries, whose app ids begin with `prefix`. Of sessions one is a hash of what makes the
// partial rows that are kept in files, which is the same whatever the time, however the query is
// laid out, and for all that only its result depends on.
Result<Progress> window_kind(const Context& context, const Dataset& dataset,
                             const std::string& prefix);

// Invalid: the query's windows are others than those of the commit that stored `stored`, or its
// sessions are made in another way.
Result<void> check_window_kind(const Dataset& dataset, const std::string& prefix,
                               const Progress& kind, const Progress& stored);

// How long after a multiple of their slide windows end; nothing without rows, and of sessions.
std::optional<int64_t> window_offset(const sql::Windowed& windowed, const Batches& partials);
Error moved_windows(const Dataset& dataset, int64_t was_us, int64_t is_us);

}  // namespace ticklake::engine
