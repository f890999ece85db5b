#include "sources/spec_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "base/time.h"

namespace ticklake::sources {

std::string Reader::position(const Yaml& where) const {
  return fmt::format("{}:{}:{}", file_, std::max(where.line, 1), std::max(where.column, 1));
}

Error Reader::error(const Yaml& where, std::string_view message) const {
  return {Code::Invalid, fmt::format("{}: {}", position(where), message)};
}

Result<void> Reader::check_keys(const Yaml& map, const Names& known) const {
  for (const auto& [key, value] : map.entries) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string near = nearest(key, known);
    std::string hint = near.empty() ? "known here: " + joined(known, ", ")
                                    : "did you mean \"" + near + "\"?";
    Yaml at{.line = value.key_line, .column = value.key_column};
    return error(at, fmt::format("unknown key \"{}\"; {}", printable(key), hint));
  }
  return {};
}

Result<std::string> Reader::text(const Yaml& value, std::string_view key) const {
  if (value.kind != Yaml::Kind::Scalar) {
    return error(value, fmt::format("\"{}\" must be a single value", key));
  }
  auto replaced = substituted(value.text, lookup_);
  if (replaced.unknown.empty()) return replaced.text;
  const std::string& name = replaced.unknown[0];
  if (name.starts_with("env:")) {
    return error(value, fmt::format("${{{}}} has no value: set the environment variable {}", name,
                                    name.substr(4)));
  }
  if (name.starts_with("file:")) {
    return error(value, fmt::format("${{{}}} has no value: the file cannot be read", name));
  }
  return error(value, fmt::format("${{{}}} is not known here", name));
}

std::string Reader::missing(const Yaml& value) const {
  auto replaced = substituted(value.text, lookup_);
  return replaced.unknown.empty() ? "" : replaced.unknown[0];
}

Result<double> Reader::number(const Yaml& value, std::string_view key, double least,
                              double most) const {
  std::string word = TRY(text(value, key));
  double out = 0;
  const char* end = word.data() + word.size();
  auto [at, failure] = std::from_chars(word.data(), end, out);
  if (failure != std::errc() || at != end || !(out >= least && out <= most)) {
    return error(value, fmt::format("\"{}\" must be a number from {} to {}, not \"{}\"", key, least,
                                    most, word));
  }
  return out;
}

Result<int64_t> Reader::whole(const Yaml& value, std::string_view key, int64_t least,
                              int64_t most) const {
  std::string word = TRY(text(value, key));
  int64_t out = 0;
  const char* end = word.data() + word.size();
  auto [at, failure] = std::from_chars(word.data(), end, out);
  if (failure != std::errc() || at != end || out < least || out > most) {
    return error(value, fmt::format("\"{}\" must be a whole number from {} to {}, not \"{}\"", key,
                                    least, most, word));
  }
  return out;
}

Result<int64_t> Reader::duration(const Yaml& value, std::string_view key) const {
  std::string word = TRY(text(value, key));
  if (auto parsed = parse_duration(word)) return *parsed;
  return error(value, fmt::format("\"{}\" must be a duration such as \"30 minutes\" (ms, seconds, "
                                  "minutes, hours, days; at most 366 days), not \"{}\"",
                                  key, word));
}

Result<bool> Reader::truth(const Yaml& value, std::string_view key) const {
  std::string word = lowered(TRY(text(value, key)));
  if (word == "true" || word == "false") return word == "true";
  return error(value, fmt::format("\"{}\" must be true or false, not \"{}\"", key, word));
}

Result<std::string> Reader::choice(const Yaml& value, std::string_view key,
                                   const Names& words) const {
  std::string word = TRY(text(value, key));
  for (const std::string& known : words) {
    if (equal_ignoring_case(word, known)) return known;
  }
  std::string near = nearest(word, words);
  std::string hint = near.empty() ? "" : fmt::format("; did you mean {}?", near);
  return error(value, fmt::format("\"{}\" must be one of {}, not \"{}\"{}", key,
                                  joined(words, ", "), printable(word), hint));
}

std::optional<int64_t> parse_duration(std::string_view text) {
  double count = 0;
  const char* end = text.data() + text.size();
  auto [at, failure] = std::from_chars(text.data(), end, count);
  std::string unit = lowered(trimmed(std::string_view(at, static_cast<size_t>(end - at))));
  if (unit.size() > 2 && unit.ends_with('s')) unit.pop_back();
  double us = unit == "ms" || unit == "millisecond" ? 1e3
              : unit == "s" || unit == "second"     ? 1e6
              : unit == "minute" || unit == "min"   ? 60e6
              : unit == "h" || unit == "hour"       ? 3600e6
              : unit == "d" || unit == "day"        ? 86400e6
                                                    : 0;
  double total = count * us;
  if (failure != std::errc() || us == 0 || !(total >= 0) || total > 366 * 86400e6) return {};
  return std::llround(total);
}

std::optional<int64_t> parse_time_of_day(std::string_view text) {
  auto parts = split(text, ':');
  int hour = -1, minute = -1;
  if (parts.size() == 2 && parts[0].size() == 2 && parts[1].size() == 2) {
    std::from_chars(parts[0].data(), parts[0].data() + 2, hour);
    std::from_chars(parts[1].data(), parts[1].data() + 2, minute);
  }
  bool valid = hour >= 0 && minute >= 0 && minute < 60 && hour * 60 + minute <= 24 * 60;
  if (!valid) return {};
  return (hour * 60 + minute) * kMicrosPerMinute;
}

std::optional<uint8_t> parse_days(std::string_view text) {
  const Names names = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  unsigned out = 0;
  for (const std::string& part : split(lowered(text), ',')) {
    auto ends = split(part, '-');
    std::vector<size_t> found;
    for (const std::string& end : ends) {
      auto at = std::find(names.begin(), names.end(), trimmed(end));
      if (at != names.end()) found.push_back(static_cast<size_t>(at - names.begin()));
    }
    if (found.size() != ends.size() || found.size() > 2 || found.front() > found.back()) return {};
    for (size_t day = found.front(); day <= found.back(); ++day) out |= 1u << day;
  }
  return static_cast<uint8_t>(out);
}

Result<std::vector<std::string>> symbol_list(const Yaml& value, const Reader& reader) {
  std::vector<std::string> out;
  for (const Yaml& item : value.items) {
    std::string symbol = TRY(reader.text(item, "symbols"));
    bool plain = !symbol.empty() && symbol.find_first_of("\"\\") == std::string::npos &&
                 std::all_of(symbol.begin(), symbol.end(), [](char c) { return c > ' '; });
    if (!plain) return reader.error(item, "a symbol must be printable ASCII without blanks");
    if (std::find(out.begin(), out.end(), symbol) != out.end()) {
      return reader.error(item, fmt::format("the symbol {} is given twice", symbol));
    }
    out.push_back(std::move(symbol));
  }
  if (out.empty()) return reader.error(value, "\"symbols\" is empty");
  return out;
}

}  // namespace ticklake::sources
