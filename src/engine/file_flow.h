// read_files() in a project: the columns for the analyzer, the feed of a flow, the rows of a batch.
// Private to the folder; what others may call is in engine.h.
#pragma once

#include <memory>
#include <string>

#include "feed.h"
#include "flow.h"
#include "settings.h"

namespace ticklake::engine {

// Of a streaming table whose one input is STREAM read_files(..).
Result<std::unique_ptr<Feed>> open_file_feed(Context& context, const Dataset& dataset,
                                             const Settings& settings, const Progress& stored);

// Changes whenever the files at the input's path do.
Result<int64_t> file_fingerprint(io::FileStore& files, const Project& project,
                                 const sql::PlanInput& input);

// Whether new columns of files become columns of the dataset.
bool adds_columns(const Project& project, const Dataset& dataset);

}  // namespace ticklake::engine
