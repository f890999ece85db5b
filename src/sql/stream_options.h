// The options behind STREAM t. Private to the folder.
#pragma once

#include <map>
#include <string>

#include "sql/sql.h"

namespace ticklake::sql {

// Names ignore case. Invalid or Unsupported: an option that is not known or of no use here, a value
// that is none of its; the message names `table` and lacks a place.
Result<TableStream> table_stream(const std::map<std::string, std::string>& options, bool streaming,
                                 const std::string& table);

}  // namespace ticklake::sql
