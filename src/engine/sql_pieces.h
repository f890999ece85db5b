// Where the literals of a text in SQL are, before it is parsed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ticklake::engine {

// A part of a text: a literal or quoted name with its quotes, or what is between two of them,
// comments included.
struct SqlPiece {
  std::string_view text;
  char quote = 0;  // ', " or `; 0: no literal, or a raw one, in which nothing can be escaped
};

// All of the text, in order. A literal that never ends goes to the end.
std::vector<SqlPiece> sql_pieces(std::string_view text);

// The value as it has to stand between two `quote`s to mean itself; as it is where `quote` is 0.
std::string quoted_value(std::string value, char quote);

}  // namespace ticklake::engine
