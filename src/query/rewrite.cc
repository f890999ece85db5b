#include "query/rewrite.h"

#include <fmt/format.h>

#include <cctype>

namespace ticklake::query {
namespace {

constexpr std::string_view kInput = "ticklake_input";
constexpr std::string_view kPayload = "ticklake_payload_";
constexpr std::string_view kStatement = "ticklake_statement";

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The end of the quoted text that begins at `at`. A doubled quote ends one and begins another,
// which is as good.
size_t end_of_quoted(std::string_view sql, size_t at) {
  auto end = sql.find(sql[at], at + 1);
  return end == sql.npos ? sql.size() : end + 1;
}

size_t end_of_word(std::string_view sql, size_t at) {
  while (at < sql.size() && in_word(sql[at])) ++at;
  return at;
}

}  // namespace

std::string rewritten(std::string_view sql, int64_t statement,
                      const std::map<std::string, std::string>& functions) {
  std::string out;
  out.reserve(sql.size() + 64);
  size_t at = 0;
  while (at < sql.size()) {
    size_t end = at + 1;
    if (sql[at] == '\'' || sql[at] == '"') {
      end = end_of_quoted(sql, at);
    } else if (in_word(sql[at])) {
      end = end_of_word(sql, at);
    }
    auto token = sql.substr(at, end - at);
    auto rest = sql.substr(end);
    at = end;
    if (token == kInput && rest.starts_with("('")) {
      out += fmt::format("{}('{}/", token, statement);
      at += 2;
      auto name_end = sql.find('\'', at);  // else the name's quote would begin a text
      if (name_end == sql.npos) name_end = sql.size() - 1;
      out += sql.substr(at, name_end + 1 - at);
      at = name_end + 1;
    } else if (token.starts_with(kPayload) && rest.starts_with("(") &&
               functions.contains(std::string(token.substr(kPayload.size())))) {
      out += fmt::format("{}({}, ", functions.at(std::string(token.substr(kPayload.size()))),
                         statement);
      at += 1;
    } else if (token == kStatement && rest.starts_with("()")) {
      out += fmt::format("{}::BIGINT", statement);
      at += 2;
    } else {
      out += token;
    }
  }
  return out;
}

}  // namespace ticklake::query
