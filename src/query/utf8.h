// Text that DuckDB may see. Private to this folder.
#pragma once

#include <string>
#include <string_view>

namespace ticklake::query {

bool is_ascii(std::string_view bytes);

// True where `bytes` are well-formed UTF-8; quickest where they are ASCII.
bool is_text(std::string_view bytes);

// Ill-formed sequences replaced by U+FFFD, as Java and so Spark do: one for each maximal part that
// could have begun a character, else one a byte (Unicode, "Substitution of Maximal Subparts").
std::string repaired(std::string_view bytes);

}  // namespace ticklake::query
