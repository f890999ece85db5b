// Small pure functions over text.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ticklake {

std::string_view trimmed(std::string_view text);  // without ASCII white space at both ends
std::string lowered(std::string_view text);       // ASCII only
std::string uppered(std::string_view text);       // ASCII only
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::vector<std::string> split(std::string_view text, char separator);
std::string joined(std::span<const std::string> parts, std::string_view separator);

// The candidate nearest to `word` by edit distance, ignoring case, or "" where none is near enough
// to suggest.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

// True where every byte sequence is well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view bytes);

// For messages: control bytes and ill-formed UTF-8 as \xNN, cut with "..." after max_bytes.
std::string printable(std::string_view bytes, size_t max_bytes = 120);

// Replaces ${name} by lookup(name). Text between "${" and "}" for which lookup gives nothing is an
// error for the caller to report: it is returned in `unknown`. Any other '$' survives.
struct Substituted {
  std::string text;
  std::vector<std::string> unknown;
};
template <typename Lookup>  // std::optional<std::string> lookup(const std::string& name)
Substituted substituted(std::string_view text, Lookup&& lookup) {
  Substituted out;
  size_t at = 0;
  while (at < text.size()) {
    size_t open = text.find("${", at);
    size_t close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) break;
    out.text += text.substr(at, open - at);
    std::string name(text.substr(open + 2, close - open - 2));
    if (auto value = lookup(name)) {
      out.text += *value;
    } else {
      out.unknown.push_back(name);
    }
    at = close + 1;
  }
  out.text += text.substr(at);
  return out;
}

}  // namespace ticklake
