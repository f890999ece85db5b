// From sources/<name>.yml to a SourceSpec. docs/sources.md describes the form.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "sources/sources.h"
#include "sources/spec_reader.h"

namespace ticklake::sources {
namespace {

const Names& known_types() {
  static const Names names = {"synthetic", "csv", "alpha_vantage"};
  return names;
}

const Names& later_types() {
  static const Names names = {"postgres", "singer", "airbyte"};
  return names;
}

std::string name_of(std::string_view file) {
  size_t slash = file.rfind('/');
  if (slash != std::string_view::npos) file.remove_prefix(slash + 1);
  size_t dot = file.rfind('.');
  return std::string(file.substr(0, dot));
}

// ---- synthetic

Result<std::vector<std::string>> symbols_of(const Yaml& value, const Reader& reader) {
  if (value.kind == Yaml::Kind::List) return symbol_list(value, reader);
  std::vector<std::string> out;
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
  if (auto time = parse_time_of_day(word)) return *time;
  return reader.error(value, fmt::format("\"{}\" must be a time of day such as \"14:30\", not "
                                         "\"{}\"",
                                         key, word));
}

Result<uint8_t> days_of(const Yaml& value, const Reader& reader) {
  std::string word = TRY(reader.text(value, "days"));
  if (auto days = parse_days(word)) return *days;
  return reader.error(value, fmt::format("\"days\" must be such as \"Mon-Fri\" or \"Mon,Wed\", "
                                         "not \"{}\"",
                                         word));
}

Result<Session> session_of(const Yaml& value, const Reader& reader) {
  Session out;
  if (value.kind == Yaml::Kind::Scalar) {
    std::string word = TRY(reader.text(value, "session"));
    if (word == "always") return out;
    return reader.error(value, fmt::format("\"session\" must be \"always\" or have open, "
                                                "close, zone and days; found \"{}\"", word));
  }
  TRY(reader.check_keys(value, {"open", "close", "zone", "days"}));
  if (const Yaml* open = value.find("open")) out.open_us = TRY(time_of_day(*open, "open", reader));
  if (const Yaml* close = value.find("close")) {
    out.close_us = TRY(time_of_day(*close, "close", reader));
  }
  if (out.close_us <= out.open_us) {
    return reader.error(value, "the session's close must be after its open, on one UTC day");
  }
  if (const Yaml* days = value.find("days")) out.days = TRY(days_of(*days, reader));
  if (const Yaml* zone = value.find("zone")) {
    std::string name = TRY(reader.text(*zone, "zone"));
    if (name != "UTC") {
      return reader.error(*zone, fmt::format("the zone \"{}\" is not available in this "
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
    return reader.error(value, "\"disorder\" needs \"lateness\" and \"share\"");
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
      return reader.error(*start, fmt::format("\"start\" must be an instant such as "
                                                   "2026-01-05T14:30:00Z, not \"{}\"", word));
    }
    out.start_us = parsed->micros;
  }
  if (out.start_us.has_value() != out.count.has_value()) {
    return reader.error(map, "\"start\" and \"count\" go together: a fixed start needs the "
                                  "number of ticks, and a number of ticks a fixed start");
  }
  return out;
}

// ---- csv

Result<Schema> schema_of(const Yaml& value, const Reader& reader) {
  std::string ddl = TRY(reader.text(value, "schema"));
  auto schema = parse_ddl(ddl);
  if (!schema) return reader.error(value, "\"schema\": " + schema.error().message);
  for (const Field& field : schema->fields) {
    Kind kind = field.type.kind;
    if (field.type.is_nested() || kind == Kind::Binary || kind == Kind::Interval) {
      return reader.error(value, fmt::format("the column {} cannot be {}: a CSV file has "
                                                  "single values as text",
                                                  field.name, to_sql(field.type)));
    }
  }
  if (schema->fields.empty()) return reader.error(value, "\"schema\" has no columns");
  return *std::move(schema);
}

Result<CsvSpec> csv_of(const Yaml& map, const Reader& reader) {
  CsvSpec out;
  const Yaml* directory = map.find("directory");
  const Yaml* schema = map.find("schema");
  if (!directory || !schema) {
    return reader.error(map, fmt::format("a csv source needs \"{}\"",
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
      return reader.error(*v, "\"separator\" must be one character, and no quote");
    }
    out.separator = word[0];
  }
  if (const Yaml* v = map.find("key")) {
    std::string word = TRY(reader.text(*v, "key"));
    int column = out.schema.find(word);
    if (column < 0) {
      return reader.error(*v, fmt::format("\"key\": the schema has no column {}", word));
    }
    out.key = out.schema.fields[static_cast<size_t>(column)].name;
  }
  return out;
}

// ---- both

// What the records are, of any type of source.
const Names& record_keys() {
  static const Names names = {"format", "subject", "auto_register"};
  return names;
}

Result<RecordForm> records_of(const Yaml& map, const std::string& topic, const Reader& reader) {
  RecordForm out;
  const Yaml* format = map.find("format");
  if (format) {
    std::string word = TRY(reader.choice(*format, "format", {"json", "avro", "json_schema"}));
    if (word == "avro") out.kind = RecordForm::Kind::Avro;
    if (word == "json_schema") out.kind = RecordForm::Kind::JsonSchema;
  }
  for (const char* key : {"subject", "auto_register"}) {
    const Yaml* value = map.find(key);
    if (!value || out.kind != RecordForm::Kind::Json) continue;
    return reader.error(*value, fmt::format("\"{}\" is for records that have a schema: give "
                                            "\"format: avro\" or \"format: json_schema\"",
                                            key));
  }
  if (out.kind == RecordForm::Kind::Json) return out;
  out.subject = topic + "-value";
  if (const Yaml* v = map.find("subject")) out.subject = TRY(reader.text(*v, "subject"));
  if (const Yaml* v = map.find("auto_register")) {
    out.registers = TRY(reader.truth(*v, "auto_register"));
  }
  return out;
}

const Names& keys_of(const std::string& type) {
  static const Names synthetic = {"type",          "topic",    "partitions", "symbols",
                                  "seed",          "rate",     "backfill",   "backfill_rate",
                                  "start",         "count",    "disorder",   "bad_share",
                                  "session",       "volatility"};
  static const Names csv = {"type",   "topic",  "partitions", "directory", "pattern",
                            "header", "schema", "separator",  "key",       "settle"};
  if (type == "alpha_vantage") return alpha_vantage_keys();
  return type == "csv" ? csv : synthetic;
}

Result<std::string> type_of(const Yaml& map, const Reader& reader) {
  const Yaml* value = map.find("type");
  if (!value) {
    return reader.error(map, "a source needs a \"type\": " +
                                                   joined(known_types(), ", "));
  }
  std::string type = TRY(reader.text(*value, "type"));
  const Names& known = known_types();
  if (std::find(known.begin(), known.end(), type) != known.end()) return type;
  const Names& later = later_types();
  if (std::find(later.begin(), later.end(), type) != later.end()) {
    Error refusal = reader.error(*value, fmt::format("the source type \"{}\" is not "
                                                          "available in this version; it has: {}",
                                                          type, joined(known, ", ")));
    refusal.code = Code::Unsupported;
    return refusal;
  }
  std::string near = nearest(type, known);
  std::string hint = near.empty() ? "known: " + joined(known, ", ") : "did you mean " + near + "?";
  return reader.error(*value, fmt::format("unknown source type \"{}\"; {}", type, hint));
}

Result<std::string> topic_of(const Yaml& map, const Reader& reader) {
  const Yaml* value = map.find("topic");
  if (!value) return reader.error(map, "a source needs a \"topic\"");
  std::string topic = TRY(reader.text(*value, "topic"));
  auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
  };
  bool valid = !topic.empty() && topic.size() <= 200 && topic != "." && topic != ".." &&
               std::all_of(topic.begin(), topic.end(), legal);
  if (valid) return topic;
  return reader.error(*value, fmt::format("\"{}\" is no name for a topic: letters, digits, "
                                               "'.', '_' and '-' only, at most 200", topic));
}

}  // namespace

Result<SourceSpec> parse_spec(std::string_view text, const std::string& file,
                              const Lookup& lookup) {
  Yaml map = TRY(parse_yaml(text, file));
  Reader reader(file, lookup);
  if (map.kind != Yaml::Kind::Map) {
    return reader.error(map, "a source is described by keys and values, beginning with \"type\"");
  }
  SourceSpec out;
  out.name = name_of(file);
  out.file = file;
  std::string type = TRY(type_of(map, reader));
  Names keys = keys_of(type);
  keys.insert(keys.end(), record_keys().begin(), record_keys().end());
  TRY(reader.check_keys(map, keys));
  out.topic = TRY(topic_of(map, reader));
  out.records = TRY(records_of(map, out.topic, reader));
  if (const Yaml* v = map.find("partitions")) {
    out.partitions = static_cast<int32_t>(TRY(reader.whole(*v, "partitions", 1, 1000)));
  }
  if (type == "csv") {
    out.form = TRY(csv_of(map, reader));
  } else if (type == "alpha_vantage") {
    out.form = TRY(alpha_vantage_of(map, reader));
  } else {
    out.form = TRY(synthetic_of(map, reader));
  }
  return out;
}

}  // namespace ticklake::sources
