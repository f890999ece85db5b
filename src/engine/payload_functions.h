// What from_json, from_avro and to_avro ask for, answered with the project's schema registries.
// Private to the folder.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "io/files.h"
#include "io/http.h"
#include "sql/sql.h"

namespace ticklake::engine {

// Keeps the registries that it has asked, and what they said, for as long as it lives: a run sees
// one newest schema of a subject. Relative paths in `configuration` are below `directory`.
sql::PayloadFunctions payload_functions(std::map<std::string, std::string> configuration,
                                        const io::Path& directory, std::shared_ptr<io::Http> http);

}  // namespace ticklake::engine
