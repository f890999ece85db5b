#include "base/secrets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
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

std::string in_json(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '"' || c == '\\') out += '\\';
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

}  // namespace

void Secrets::add(std::string_view value) {
  value = trimmed(value);
  if (value.size() < kShortest) return;
  for (const auto& form : {std::string(value), in_url(value), in_json(value)}) forms_.insert(form);
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
                     names_secret(text.substr(start, at - start));
    if (is_secret) names.push_back(std::move(name));
  }
  return names;
}

bool names_secret(std::string_view name) {
  static constexpr std::array kSecret = {"password", "passwd",      "passphrase", "pwd",
                                         "secret",   "secrets",     "token",      "credential",
                                         "jaas",     "sas",         "key",        "apikey",
                                         "userinfo", "credentials", "accesskey",  "private"};
  static constexpr std::array kHarmless = {"location", "file", "path", "name", "id", "type"};
  auto words = words_of(name);
  auto any_of = [](const auto& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  if (any_of(kHarmless, words.back())) return false;
  if (joined(words, "").find("connectionstring") != std::string::npos) return true;
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return any_of(kSecret, word); });
}

}  // namespace ticklake
