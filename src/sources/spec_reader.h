// Reads the values of a source's file; keeps the file's name and the substitutions for messages and
// values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sources/sources.h"
#include "sources/yaml.h"

namespace ticklake::sources {

using Names = std::vector<std::string>;

class Reader {
 public:
  Reader(const std::string& file, const Lookup& lookup) : file_(file), lookup_(lookup) {}

  // Invalid: "file:line:column: message", of where the value stands.
  Error error(const Yaml& where, std::string_view message) const;
  std::string position(const Yaml& where) const;

  Result<void> check_keys(const Yaml& map, const Names& known) const;
  Result<std::string> text(const Yaml& value, std::string_view key) const;
  Result<double> number(const Yaml& value, std::string_view key, double least, double most) const;
  Result<int64_t> whole(const Yaml& value, std::string_view key, int64_t least, int64_t most) const;
  Result<int64_t> duration(const Yaml& value, std::string_view key) const;
  Result<bool> truth(const Yaml& value, std::string_view key) const;
  // One of the words, in any case.
  Result<std::string> choice(const Yaml& value, std::string_view key, const Names& words) const;
  // The name of the first ${..} that has no value; "": all have one.
  std::string missing(const Yaml& value) const;

 private:
  const std::string& file_;
  const Lookup& lookup_;
};

// "30 minutes", "500 ms", "1.5 hours" in microseconds; nothing where it is none, or longer than 366
// days.
std::optional<int64_t> parse_duration(std::string_view text);
// "14:30" in microseconds of the day, up to 24:00.
std::optional<int64_t> parse_time_of_day(std::string_view text);
// "Mon-Fri" or "Mon,Wed"; bit 0 is Monday.
std::optional<uint8_t> parse_days(std::string_view text);

const Names& alpha_vantage_keys();
Result<AlphaVantageSpec> alpha_vantage_of(const Yaml& map, const Reader& reader);

Result<std::vector<std::string>> symbol_list(const Yaml& value, const Reader& reader);

}  // namespace ticklake::sources
