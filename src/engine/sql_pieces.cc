#include "sql_pieces.h"

#include <algorithm>
#include <cctype>

namespace ticklake::engine {
namespace {

size_t end_of_comment(std::string_view text, size_t at) {
  if (text.substr(at, 2) == "--") return std::min(text.find('\n', at), text.size());
  int open = 0;
  while (at < text.size()) {
    std::string_view two = text.substr(at, 2);
    bool is_mark = two == "/*" || two == "*/";
    if (is_mark) open += two == "/*" ? 1 : -1;
    at += is_mark ? 2 : 1;
    if (open == 0) break;
  }
  return std::min(at, text.size());
}

// After the quote that closes the one at `at`. A doubled quote opens the next piece, which is as
// good.
size_t end_of_quotes(std::string_view text, size_t at, bool has_escapes) {
  char quote = text[at++];
  while (at < text.size() && text[at] != quote) at += has_escapes && text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool is_raw(std::string_view text, size_t quote) {
  if (quote == 0 || (text[quote - 1] != 'r' && text[quote - 1] != 'R')) return false;
  return quote == 1 || !is_word(text[quote - 2]);
}

}  // namespace

std::vector<SqlPiece> sql_pieces(std::string_view text) {
  std::vector<SqlPiece> pieces;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    std::string_view two = text.substr(at, 2);
    char c = text[at];
    if (two == "--" || two == "/*") {
      at = end_of_comment(text, at);
    } else if (c == '\'' || c == '"' || c == '`') {
      bool raw = c != '`' && is_raw(text, at);
      size_t end = end_of_quotes(text, at, c != '`' && !raw);
      if (at > begin) pieces.push_back({text.substr(begin, at - begin)});
      pieces.push_back({text.substr(at, end - at), raw ? '\0' : c});
      begin = at = end;
    } else {
      ++at;
    }
  }
  if (begin < text.size()) pieces.push_back({text.substr(begin)});
  return pieces;
}

std::string quoted_value(std::string value, char quote) {
  if (quote == 0) return value;
  std::string out;
  for (char c : value) {
    bool is_quote = c == quote;
    if (quote == '`' ? is_quote : is_quote || c == '\\') out += quote == '`' ? '`' : '\\';
    out += c;
  }
  return out;
}

}  // namespace ticklake::engine
