#include "base/secrets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <vector>

#include "base/text.h"

namespace ticklake {
namespace {

constexpr size_t kShortest = 4;
constexpr size_t kShortestLine = 16;  // of a value with several, such as a PEM

bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::string in_url(std::string_view value) {
  constexpr std::string_view kPlain = "-_.~";
  std::string out;
  for (char c : value) {
    if (is_alnum(c) || kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// As JSON and SQL have it between quotes.
std::string in_quotes(std::string_view value, char quote) {
  std::string out;
  for (char c : value) {
    if (c == quote || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  for (char c : lowered(name)) {
    if (is_alnum(c)) {
      words.back() += c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.size() > 1 && words.back().empty()) words.pop_back();
  return words;
}

// The name that a text ends in, before blanks and quotes.
std::string_view name_at_end(std::string_view text) {
  auto is_part = [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; };
  while (!text.empty() && !is_part(text.back())) {
    if (std::string_view(" \t'\"`").find(text.back()) == std::string_view::npos) return {};
    text.remove_suffix(1);
  }
  size_t begin = text.size();
  while (begin > 0 && is_part(text[begin - 1])) --begin;
  return text.substr(begin);
}

// Whether a value that begins or goes on after this text is that of a secret name: of the option
// (`name => '..`) or the line's key (`name: ..`) that it belongs to, or of the last `name=` or
// `name:` in it.
bool is_value_of_secret(std::string_view line) {
  size_t last = line.find_last_of("=:");
  if (last == std::string_view::npos) return false;
  if (line.substr(last).starts_with("=>")) last = std::string_view::npos;
  if (last != std::string_view::npos && names_secret(name_at_end(line.substr(0, last)))) {
    return true;
  }
  size_t arrow = line.rfind("=>");
  if (arrow != std::string_view::npos) {
    std::string_view after = line.substr(arrow);
    bool is_open = std::count(after.begin(), after.end(), '\'') <= 1;
    return is_open && names_secret(name_at_end(line.substr(0, arrow)));
  }
  std::string_view key = trimmed(line.substr(0, line.find(':')));
  if (key.starts_with("- ")) key = trimmed(key.substr(2));
  return key.find(' ') == std::string_view::npos && names_secret(key);
}

// As printable() has it, but whole.
std::string in_message(std::string_view value) {
  return printable(value, std::numeric_limits<size_t>::max());
}

// Masks the beginning of a secret that printable() left before its "...".
void mask_cut(std::string& text, std::string_view form, std::string_view mask) {
  constexpr std::string_view kCut = "...";
  for (size_t at = 0; (at = text.find(kCut, at)) != std::string::npos; at += kCut.size()) {
    size_t length = std::min(at, form.size());
    while (length >= kShortest && text.compare(at - length, length, form, 0, length) != 0) --length;
    if (length < kShortest) continue;
    text.replace(at - length, length, mask);
    at = at - length + mask.size();
  }
}

}  // namespace

void Secrets::add(std::string_view value) {
  value = trimmed(value);
  if (value.size() < kShortest) return;
  std::string in_sql;
  for (char c : value) in_sql += c == '\'' ? std::string("''") : std::string(1, c);
  for (const auto& form : {std::string(value), in_url(value), in_quotes(value, '"'),
                           in_quotes(value, '\''), in_message(value), in_sql}) {
    forms_.insert(form);
  }
  if (value.find('\n') == std::string_view::npos) return;
  for (const auto& line : split(value, '\n')) {
    if (trimmed(line).size() >= kShortestLine) forms_.emplace(trimmed(line));
  }
}

void Secrets::add(const Secrets& others) {
  forms_.insert(others.forms_.begin(), others.forms_.end());
}

std::string Secrets::masked(std::string text) const {
  constexpr std::string_view kMask = "***";
  for (const auto& form : forms_) {
    for (size_t at = 0; (at = text.find(form, at)) != std::string::npos; at += kMask.size()) {
      text.replace(at, form.size(), kMask);
    }
  }
  for (const auto& form : forms_) mask_cut(text, form, kMask);
  return text;
}

std::vector<std::string> secret_references(std::string_view text) {
  std::vector<std::string> names;
  for (size_t at = 0; (at = text.find("${", at)) != std::string_view::npos; at += 2) {
    size_t close = text.find('}', at);
    if (close == std::string_view::npos) break;
    std::string name(text.substr(at + 2, close - at - 2));
    size_t line = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    size_t start = line == std::string_view::npos ? 0 : line + 1;
    bool is_secret = name.starts_with("file:") || names_secret(name) ||
                     is_value_of_secret(text.substr(start, at - start));
    if (is_secret) names.push_back(std::move(name));
  }
  return names;
}

bool names_secret(std::string_view name) {
  static constexpr std::array kSecret = {"password",    "passwd",  "passphrase", "pass",
                                         "pwd",         "secret",  "secrets",    "token",
                                         "credential",  "jaas",    "sas",        "userinfo",
                                         "credentials", "private", "login"};
  static constexpr std::array kSecretEnds = {"password", "apikey", "accesskey", "accountkey",
                                             "privatekey"};
  // A bare key is that of a record or a row; an environment variable's is not.
  static constexpr std::array kKeyOf = {"api", "access",  "shared", "private",
                                        "ssl", "account", "env"};
  static constexpr std::array kHarmless = {"location", "file", "path", "name", "id", "type"};
  auto words = words_of(name);
  auto any_of = [](const auto& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  if (any_of(kHarmless, words.back())) return false;
  std::string run = joined(words, "");
  for (std::string_view part : {"connectionstring", "userinfo"}) {
    if (run.find(part) != std::string::npos) return true;
  }
  bool is_of_key = std::any_of(words.begin(), words.end(),
                               [&](const std::string& word) { return any_of(kKeyOf, word); });
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return any_of(kSecret, word) || (word == "key" && is_of_key) ||
           std::any_of(kSecretEnds.begin(), kSecretEnds.end(),
                       [&](std::string_view end) { return word.ends_with(end); });
  });
}

}  // namespace ticklake
