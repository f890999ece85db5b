// From sources/<name>.yml to a SourceSpec. docs/sources.md describes the form.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "sources/sources.h"
#include "sources/yaml.h"

namespace ticklake::sources {
namespace {

using Names = std::vector<std::string>;

const Names& known_types() {
  static const Names names = {"synthetic", "csv"};
  return names;
}

const Names& later_types() {
  static const Names names = {"alpha_vantage", "postgres", "singer", "airbyte"};
  return names;
}

std::string name_of(std::string_view file) {
  size_t slash = file.rfind('/');
  if (slash != std::string_view::npos) file.remove_prefix(slash + 1);
  size_t dot = file.rfind('.');
  return std::string(file.substr(0, dot));
}

// Reads the values of one map of the file; keeps the file's name and the substitutions for messages
// and values.
class Reader {
 public:
  Reader(const std::string& file, const Lookup& lookup) : file_(file), lookup_(lookup) {}

  Error error(int line, std::string_view message) const {
    return {Code::Invalid, fmt::format("{}:{}: {}", file_, line, message)};
  }

  Result<void> check_keys(const Yaml& map, const Names& known) const {
    for (const auto& [key, value] : map.entries) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      std::string near = nearest(key, known);
      std::string hint = near.empty() ? "known here: " + joined(known, ", ")
                                      : "did you mean \"" + near + "\"?";
      return error(value.line, fmt::format("unknown key \"{}\"; {}", key, hint));
    }
    return {};
  }

  Result<std::string> text(const Yaml& value, std::string_view key) const {
    if (value.kind != Yaml::Kind::Scalar) {
      return error(value.line, fmt::format("\"{}\" must be a single value", key));
    }
    auto replaced = substituted(value.text, lookup_);
    if (replaced.unknown.empty()) return replaced.text;
    return error(value.line, fmt::format("${{{}}} is not known here", replaced.unknown[0]));
  }

  Result<double> number(const Yaml& value, std::string_view key, double least,
                        double most) const {
    std::string word = TRY(text(value, key));
    double out = 0;
    const char* end = word.data() + word.size();
    auto [at, failure] = std::from_chars(word.data(), end, out);
    if (failure != std::errc() || at != end || !(out >= least && out <= most)) {
      return error(value.line, fmt::format("\"{}\" must be a number from {} to {}, not \"{}\"",
                                           key, least, most, word));
    }
    return out;
  }

  Result<int64_t> whole(const Yaml& value, std::string_view key, int64_t least,
                        int64_t most) const {
    std::string word = TRY(text(value, key));
    int64_t out = 0;
    const char* end = word.data() + word.size();
    auto [at, failure] = std::from_chars(word.data(), end, out);
    if (failure != std::errc() || at != end || out < least || out > most) {
      return error(value.line,
                   fmt::format("\"{}\" must be a whole number from {} to {}, not \"{}\"", key,
                               least, most, word));
    }
    return out;
  }

  // "30 minutes", "500 ms", "1.5 hours".
  Result<int64_t> duration(const Yaml& value, std::string_view key) const {
    std::string word = TRY(text(value, key));
    double count = 0;
    const char* end = word.data() + word.size();
    auto [at, failure] = std::from_chars(word.data(), end, count);
    std::string unit = lowered(trimmed(std::string_view(at, static_cast<size_t>(end - at))));
    if (unit.size() > 2 && unit.ends_with('s')) unit.pop_back();
    double us = unit == "ms" || unit == "millisecond" ? 1e3
                : unit == "s" || unit == "second"     ? 1e6
                : unit == "minute" || unit == "min"   ? 60e6
                : unit == "h" || unit == "hour"       ? 3600e6
                : unit == "d" || unit == "day"        ? 86400e6
                                                      : 0;
    double total = count * us;
    if (failure != std::errc() || us == 0 || !(total >= 0) || total > 366 * 86400e6) {
      return error(value.line, fmt::format("\"{}\" must be a duration such as \"30 minutes\" "
                                           "(ms, seconds, minutes, hours, days; at most 366 "
                                           "days), not \"{}\"",
                                           key, word));
    }
    return std::llround(total);
  }

  Result<bool> truth(const Yaml& value, std::string_view key) const {
    std::string word = lowered(TRY(text(value, key)));
    if (word == "true" || word == "false") return word == "true";
    return error(value.line, fmt::format("\"{}\" must be true or false, not \"{}\"", key, word));
  }

 private:
  const std::string& file_;
  const Lookup& lookup_;
};

// ---- synthetic

Result<std::vector<std::string>> symbols_of(const Yaml& value, const Reader& reader) {
  std::vector<std::string> out;
  if (value.kind == Yaml::Kind::List) {
    for (const Yaml& item : value.items) {
      std::string symbol = TRY(reader.text(item, "symbols"));
      bool plain = !symbol.empty() && symbol.find_first_of("\"\\") == std::string::npos &&
                   std::all_of(symbol.begin(), symbol.end(), [](char c) { return c > ' '; });
      if (!plain) return reader.error(item.line, "a symbol must be printable ASCII without blanks");
      if (std::find(out.begin(), out.end(), symbol) != out.end()) {
        return reader.error(item.line, fmt::format("the symbol {} is given twice", symbol));
      }
      out.push_back(std::move(symbol));
    }
    if (out.empty()) return reader.error(value.line, "\"symbols\" is empty");
    return out;
  }
  static const Names famous = {"AAPL", "MSFT", "GOOG", "AMZN", "NVDA",
                               "META", "TSLA", "NFLX", "AMD",  "INTC"};
  auto count = static_cast<size_t>(TRY(reader.whole(value, "symbols", 1, 100'000)));
  for (size_t i = 0; i < count; ++i) {
    out.push_back(i < famous.size() ? famous[i] : fmt::format("S{:03}", i));
  }
  return out;
}

Result<int64_t> time_of_day(const Yaml& value, const char* key, const Reader& reader) {
  std::string word = TRY(reader.text(value, key));
  auto parts = split(word, ':');
  int hour = -1, minute = -1;
  if (parts.size() == 2 && parts[0].size() == 2 && parts[1].size() == 2) {
    std::from_chars(parts[0].data(), parts[0].data() + 2, hour);
    std::from_chars(parts[1].data(), parts[1].data() + 2, minute);
  }
  bool valid = hour >= 0 && minute >= 0 && minute < 60 && hour * 60 + minute <= 24 * 60;
  if (!valid) {
    return reader.error(value.line, fmt::format("\"{}\" must be a time of day such as "
                                                "\"14:30\", not \"{}\"", key, word));
  }
  return (hour * 60 + minute) * kMicrosPerMinute;
}

Result<uint8_t> days_of(const Yaml& value, const Reader& reader) {
  static const Names names = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  std::string word = TRY(reader.text(value, "days"));
  unsigned out = 0;
  for (const std::string& part : split(lowered(word), ',')) {
    auto ends = split(part, '-');
    std::vector<size_t> found;
    for (const std::string& end : ends) {
      auto at = std::find(names.begin(), names.end(), trimmed(end));
      if (at != names.end()) found.push_back(static_cast<size_t>(at - names.begin()));
    }
    if (found.size() != ends.size() || found.size() > 2 || found.front() > found.back()) {
      return reader.error(value.line, fmt::format("\"days\" must be such as \"Mon-Fri\" or "
                                                  "\"Mon,Wed\", not \"{}\"", word));
    }
    for (size_t day = found.front(); day <= found.back(); ++day) out |= 1u << day;
  }
  return static_cast<uint8_t>(out);
}

Result<Session> session_of(const Yaml& value, const Reader& reader) {
  Session out;
  if (value.kind == Yaml::Kind::Scalar) {
    std::string word = TRY(reader.text(value, "session"));
    if (word == "always") return out;
    return reader.error(value.line, fmt::format("\"session\" must be \"always\" or have open, "
                                                "close, zone and days; found \"{}\"", word));
  }
  TRY(reader.check_keys(value, {"open", "close", "zone", "days"}));
  if (const Yaml* open = value.find("open")) out.open_us = TRY(time_of_day(*open, "open", reader));
  if (const Yaml* close = value.find("close")) {
    out.close_us = TRY(time_of_day(*close, "close", reader));
  }
  if (out.close_us <= out.open_us) {
    return reader.error(value.line, "the session's close must be after its open, on one UTC day");
  }
  if (const Yaml* days = value.find("days")) out.days = TRY(days_of(*days, reader));
  if (const Yaml* zone = value.find("zone")) {
    std::string name = TRY(reader.text(*zone, "zone"));
    if (name != "UTC") {
      return reader.error(zone->line, fmt::format("the zone \"{}\" is not available in this "
                                                  "version: give the hours in UTC", name));
    }
  }
  return out;
}

Result<void> disorder_of(const Yaml& value, const Reader& reader, SyntheticSpec& out) {
  TRY(reader.check_keys(value, {"lateness", "share"}));
  const Yaml* lateness = value.find("lateness");
  const Yaml* share = value.find("share");
  if (!lateness || !share) {
    return reader.error(value.line, "\"disorder\" needs \"lateness\" and \"share\"");
  }
  out.lateness_us_max = TRY(reader.duration(*lateness, "lateness"));
  out.late_share = TRY(reader.number(*share, "share", 0, 1));
  return {};
}

Result<SyntheticSpec> synthetic_of(const Yaml& map, const Reader& reader) {
  SyntheticSpec out;
  const Yaml* symbols = map.find("symbols");
  out.symbols = symbols ? TRY(symbols_of(*symbols, reader))
                        : std::vector<std::string>{"AAPL", "MSFT", "GOOG", "AMZN", "NVDA"};
  if (const Yaml* v = map.find("seed")) {
    out.seed = static_cast<uint64_t>(TRY(reader.whole(*v, "seed", 0, INT64_MAX)));
  }
  if (const Yaml* v = map.find("rate")) out.rate = TRY(reader.number(*v, "rate", 0.001, 1e7));
  if (const Yaml* v = map.find("backfill")) {
    out.backfill_us = TRY(reader.duration(*v, "backfill"));
  }
  if (const Yaml* v = map.find("backfill_rate")) {
    out.backfill_rate = TRY(reader.number(*v, "backfill_rate", 0.001, 1e7));
  }
  if (const Yaml* v = map.find("disorder")) TRY(disorder_of(*v, reader, out));
  if (const Yaml* v = map.find("bad_share")) {
    out.bad_share = TRY(reader.number(*v, "bad_share", 0, 1));
  }
  if (const Yaml* v = map.find("volatility")) {
    out.volatility = TRY(reader.number(*v, "volatility", 0, 10));
  }
  if (const Yaml* v = map.find("session")) out.session = TRY(session_of(*v, reader));
  if (const Yaml* v = map.find("count")) {
    out.count = TRY(reader.whole(*v, "count", 1, int64_t{1} << 53));
  }
  const Yaml* start = map.find("start");
  if (start) {
    std::string word = TRY(reader.text(*start, "start"));
    auto parsed = parse_timestamp(word);
    if (!parsed) {
      return reader.error(start->line, fmt::format("\"start\" must be an instant such as "
                                                   "2026-01-05T14:30:00Z, not \"{}\"", word));
    }
    out.start_us = parsed->micros;
  }
  if (out.start_us.has_value() != out.count.has_value()) {
    return reader.error(map.line, "\"start\" and \"count\" go together: a fixed start needs the "
                                  "number of ticks, and a number of ticks a fixed start");
  }
  return out;
}

// ---- csv

Result<Schema> schema_of(const Yaml& value, const Reader& reader) {
  std::string ddl = TRY(reader.text(value, "schema"));
  auto schema = parse_ddl(ddl);
  if (!schema) return reader.error(value.line, "\"schema\": " + schema.error().message);
  for (const Field& field : schema->fields) {
    Kind kind = field.type.kind;
    if (field.type.is_nested() || kind == Kind::Binary || kind == Kind::Interval) {
      return reader.error(value.line, fmt::format("the column {} cannot be {}: a CSV file has "
                                                  "single values as text",
                                                  field.name, to_sql(field.type)));
    }
  }
  if (schema->fields.empty()) return reader.error(value.line, "\"schema\" has no columns");
  return *std::move(schema);
}

Result<CsvSpec> csv_of(const Yaml& map, const Reader& reader) {
  CsvSpec out;
  const Yaml* directory = map.find("directory");
  const Yaml* schema = map.find("schema");
  if (!directory || !schema) {
    return reader.error(map.line, fmt::format("a csv source needs \"{}\"",
                                              directory ? "schema" : "directory"));
  }
  out.directory = TRY(reader.text(*directory, "directory"));
  out.schema = TRY(schema_of(*schema, reader));
  if (const Yaml* v = map.find("pattern")) out.pattern = TRY(reader.text(*v, "pattern"));
  if (const Yaml* v = map.find("header")) out.header = TRY(reader.truth(*v, "header"));
  if (const Yaml* v = map.find("settle")) out.settle_us = TRY(reader.duration(*v, "settle"));
  if (const Yaml* v = map.find("separator")) {
    std::string word = TRY(reader.text(*v, "separator"));
    if (word == "\\t") word = "\t";
    if (word.size() != 1 || word == "\"" || word == "\n") {
      return reader.error(v->line, "\"separator\" must be one character, and no quote");
    }
    out.separator = word[0];
  }
  if (const Yaml* v = map.find("key")) {
    std::string word = TRY(reader.text(*v, "key"));
    int column = out.schema.find(word);
    if (column < 0) {
      return reader.error(v->line, fmt::format("\"key\": the schema has no column {}", word));
    }
    out.key = out.schema.fields[static_cast<size_t>(column)].name;
  }
  return out;
}

// ---- both

const Names& keys_of(const std::string& type) {
  static const Names synthetic = {"type",          "topic",    "partitions", "symbols",
                                  "seed",          "rate",     "backfill",   "backfill_rate",
                                  "start",         "count",    "disorder",   "bad_share",
                                  "session",       "volatility"};
  static const Names csv = {"type",   "topic",  "partitions", "directory", "pattern",
                            "header", "schema", "separator",  "key",       "settle"};
  return type == "csv" ? csv : synthetic;
}

Result<std::string> type_of(const Yaml& map, const Reader& reader) {
  const Yaml* value = map.find("type");
  if (!value) {
    return reader.error(std::max(map.line, 1), "a source needs a \"type\": " +
                                                   joined(known_types(), ", "));
  }
  std::string type = TRY(reader.text(*value, "type"));
  const Names& known = known_types();
  if (std::find(known.begin(), known.end(), type) != known.end()) return type;
  const Names& later = later_types();
  if (std::find(later.begin(), later.end(), type) != later.end()) {
    Error refusal = reader.error(value->line, fmt::format("the source type \"{}\" is not "
                                                          "available in this version; it has: {}",
                                                          type, joined(known, ", ")));
    refusal.code = Code::Unsupported;
    return refusal;
  }
  std::string near = nearest(type, known);
  std::string hint = near.empty() ? "known: " + joined(known, ", ") : "did you mean " + near + "?";
  return reader.error(value->line, fmt::format("unknown source type \"{}\"; {}", type, hint));
}

Result<std::string> topic_of(const Yaml& map, const Reader& reader) {
  const Yaml* value = map.find("topic");
  if (!value) return reader.error(std::max(map.line, 1), "a source needs a \"topic\"");
  std::string topic = TRY(reader.text(*value, "topic"));
  auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
  };
  bool valid = !topic.empty() && topic.size() <= 200 && topic != "." && topic != ".." &&
               std::all_of(topic.begin(), topic.end(), legal);
  if (valid) return topic;
  return reader.error(value->line, fmt::format("\"{}\" is no name for a topic: letters, digits, "
                                               "'.', '_' and '-' only, at most 200", topic));
}

}  // namespace

Result<SourceSpec> parse_spec(std::string_view text, const std::string& file,
                              const Lookup& lookup) {
  Yaml map = TRY(parse_yaml(text, file));
  Reader reader(file, lookup);
  if (map.kind != Yaml::Kind::Map) {
    return reader.error(1, "a source is described by keys and values, beginning with \"type\"");
  }
  SourceSpec out;
  out.name = name_of(file);
  out.file = file;
  std::string type = TRY(type_of(map, reader));
  TRY(reader.check_keys(map, keys_of(type)));
  out.topic = TRY(topic_of(map, reader));
  if (const Yaml* v = map.find("partitions")) {
    out.partitions = static_cast<int32_t>(TRY(reader.whole(*v, "partitions", 1, 1000)));
  }
  if (type == "csv") {
    out.form = TRY(csv_of(map, reader));
  } else {
    out.form = TRY(synthetic_of(map, reader));
  }
  return out;
}

}  // namespace ticklake::sources
