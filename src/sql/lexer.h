// Text to tokens: Spark's lexical rules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/sql.h"

namespace ticklake::sql {

struct Token {
  enum class Kind : uint8_t {
    Word,    // a keyword or a name: they are told apart where they stand
    Quoted,  // `name`
    String,  // '..', "..", r'..'
    Number,
    Symbol,
    End,  // after the last character
  };
  Kind kind = Kind::End;
  // Quoted and String: what is between the quotes, escapes resolved; else as written
  std::string text;
  std::string upper;  // Word: in upper case; Symbol: as written; else empty
  size_t begin = 0;  // in bytes
  size_t end = 0;
  Position position;
};

// Ends with one End token. Comments (-- and nested /* */) and white space are left out. Invalid: an
// unclosed string or comment, a character that begins no token, ill-formed UTF-8.
Result<std::vector<Token>> tokenize(std::string_view text, const std::string& file);

// "file:line:column: message".
Error error_at(Code code, const std::string& file, Position position, std::string_view message);

}  // namespace ticklake::sql
