// What the commands need of a project: itself, its graph, and where its tables and topics are.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/commands.h"
#include "base/result.h"
#include "broker/broker.h"
#include "delta/delta.h"
#include "engine/engine.h"
#include "io/files.h"
#include "sources/sources.h"

namespace ticklake::app {

// With the process's environment for ${env:NAME} and --set applied.
Result<engine::Project> load(Environment& environment, const ProjectOptions& options);

// The sources/*.yml of the project, parsed.
Result<std::vector<sources::SourceSpec>> source_specs(Environment& environment,
                                                      const engine::Project& project);

// Invalid: the registry's address is none.
Result<sources::OpenOptions> source_options(Environment& environment,
                                            const engine::Project& project, bool once);

// The schema registry of the configuration; null where it names none.
Result<std::shared_ptr<broker::SchemaRegistry>> project_registry(Environment& environment,
                                                                 const engine::Project& project);
// The same, for commands that need no project: then of --set. Invalid: it names none.
Result<std::shared_ptr<broker::SchemaRegistry>> open_registry(Environment& environment,
                                                              const TopicOptions& options);

// Where a table is: a path (it has a '/', or a table's log stands there) needs no project; a name
// of one to three parts is one of the project's. NotFound names the nearest table.
Result<io::Path> table_root(Environment& environment, const ProjectOptions& options,
                            const std::string& path_or_name);

// "a.`b c`.d" as {"a", "b c", "d"}.
std::vector<std::string> name_parts(const std::string& name);

// The rows of all files, or nothing where a file does not tell.
std::optional<int64_t> row_count(const delta::Snapshot& snapshot);

// The project's configuration kafka.* but the address, without that prefix; paths are whole.
std::map<std::string, std::string> kafka_settings(const engine::Project& project);
// Its kafka.bootstrap; "embedded" where it has none. Invalid: a profile, but no address.
Result<std::string> kafka_bootstrap(const engine::Project& project);
// The broker at that address, with those settings.
Result<std::unique_ptr<broker::Topics>> project_topics(Environment& environment,
                                                       const engine::Project& project);

// The broker that --bootstrap names, with the kafka.* of --set; else the project's.
Result<std::unique_ptr<broker::Topics>> open_topics(Environment& environment,
                                                    const TopicOptions& options);

}  // namespace ticklake::app
