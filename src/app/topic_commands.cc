#include <arrow/array.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "app/commands.h"
#include "app/payloads.h"
#include "app/project.h"
#include "app/signals.h"
#include "base/text.h"
#include "base/time.h"
#include "broker/broker.h"

namespace ticklake::app {

namespace {

constexpr int64_t kTailRowsMax = 1000;
constexpr int64_t kTailWaitMs = 200;

std::string bytes_name(const std::string& name, std::string_view bytes) {
  return is_utf8(bytes) ? name : name + "_hex";
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// Text where it is text; else its bytes in hexadecimal, under a name that says so.
void add_bytes(Object& object, const std::string& name, const arrow::Array& array, int64_t row) {
  const auto& binary = static_cast<const arrow::BinaryArray&>(array);
  if (binary.IsNull(row)) {
    object.emplace_back(name, "null");
    return;
  }
  std::string_view bytes = binary.GetView(row);
  object.emplace_back(bytes_name(name, bytes), json_text(is_utf8(bytes) ? bytes : hex(bytes)));
}

std::string headers_json(const arrow::Array& array, int64_t row) {
  const auto& list = static_cast<const arrow::ListArray&>(array);
  if (list.IsNull(row)) return "{}";
  const auto& pairs = static_cast<const arrow::StructArray&>(*list.values());
  const auto& keys = static_cast<const arrow::BinaryArray&>(*pairs.field(0));
  auto values = pairs.field(1);
  Object headers;
  for (int64_t i = list.value_offset(row); i < list.value_offset(row + 1); ++i) {
    add_bytes(headers, std::string(keys.GetView(i)), *values, i);
  }
  return to_json(headers);
}

// The value as JSON where a schema tells what it is; else the reason, beside its bytes.
void add_framed(Object& object, const arrow::Array& array, int64_t row, FramedValues& values) {
  const auto& binary = static_cast<const arrow::BinaryArray&>(array);
  auto json = binary.IsNull(row) ? Result<std::string>(std::string("null"))
                                 : values.to_json(binary.GetView(row));
  if (json) {
    object.emplace_back("value", *json);
    return;
  }
  add_bytes(object, "value", array, row);
  object.emplace_back("problem", json_text(json.error().message));
}

Object record_object(const arrow::RecordBatch& rows, int64_t row, FramedValues* values) {
  const auto& partition = static_cast<const arrow::Int32Array&>(*rows.column(3));
  const auto& offset = static_cast<const arrow::Int64Array&>(*rows.column(4));
  const auto& timestamp = static_cast<const arrow::TimestampArray&>(*rows.column(5));
  Object object = {{"partition", std::to_string(partition.Value(row))},
                   {"offset", std::to_string(offset.Value(row))},
                   {"timestamp", json_text(format_instant(timestamp.Value(row)))}};
  add_bytes(object, "key", *rows.column(0), row);
  if (values != nullptr) {
    add_framed(object, *rows.column(1), row, *values);
  } else {
    add_bytes(object, "value", *rows.column(1), row);
  }
  object.emplace_back("headers", headers_json(*rows.column(7), row));
  return object;
}

Result<std::map<Partition, Offset>> start_of_all(broker::Topics& topics,
                                                 const TopicOptions& options,
                                                 const broker::TopicInfo& info) {
  std::map<Partition, Offset> from;
  auto time = parse_timestamp(options.from);
  bool number =
      !options.from.empty() && options.from.find_first_not_of("0123456789") == std::string::npos;
  if (time && !number) return topics.offsets_at(info.name, floor_to(time->micros, 1000) / 1000);
  for (size_t i = 0; i < info.partitions.size(); ++i) {
    const auto& range = info.partitions[i];
    Offset at = range.begin;
    if (options.from == "latest") {
      at = range.end;
    } else if (options.from.empty()) {
      at = std::max(range.begin, range.end - options.records);
    } else if (number) {
      at = std::clamp(Offset(std::atoll(options.from.c_str())), range.begin, range.end);
    }
    from[Partition(static_cast<int32_t>(i))] = at;
  }
  return from;
}

Result<std::map<Partition, Offset>> start_offsets(broker::Topics& topics,
                                                  const TopicOptions& options,
                                                  const broker::TopicInfo& info) {
  auto from = TRY(start_of_all(topics, options, info));
  if (!options.group.empty()) {
    for (const auto& [partition, next] : TRY(topics.group_offsets(options.group, info.name))) {
      auto index = static_cast<size_t>(partition.value);
      if (index >= info.partitions.size()) continue;
      from[partition] = std::clamp(next, info.partitions[index].begin, info.partitions[index].end);
    }
  }
  if (!options.partition) return from;
  auto only = from.find(Partition(*options.partition));
  if (only == from.end()) {
    return Error{Code::NotFound, fmt::format("topic {} has no partition {}; it has {}", info.name,
                                             *options.partition, from.size())};
  }
  return std::map<Partition, Offset>{*only};
}

// True when every partition read has reached where it ended when tailing began.
bool reached(const std::map<Partition, Offset>& next, const broker::TopicInfo& info) {
  for (const auto& [partition, offset] : next) {
    if (offset < info.partitions[static_cast<size_t>(partition.value)].end) return false;
  }
  return true;
}

std::vector<Object> record_objects(const std::vector<broker::Chunk>& chunks,
                                   FramedValues* values) {
  std::vector<Object> objects;
  for (const auto& chunk : chunks) {
    for (int64_t row = 0; row < chunk.rows->num_rows(); ++row) {
      objects.push_back(record_object(*chunk.rows, row, values));
    }
  }
  return objects;
}

// Reads lines from a C stream; the line end (LF or CR LF) is not part of them.
class Lines {
 public:
  explicit Lines(std::FILE* in) : in_(in) {}
  ~Lines() { std::free(line_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  std::optional<std::string_view> next() {
    ssize_t length = getline(&line_, &capacity_, in_);
    if (length < 0) return {};
    std::string_view line(line_, static_cast<size_t>(length));
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

 private:
  std::FILE* in_;
  char* line_ = nullptr;
  size_t capacity_ = 0;
};

broker::Record record_of(std::string_view line, const TopicOptions& options) {
  broker::Record record;
  if (!options.key.empty()) record.key = options.key;
  size_t at =
      options.key_separator.empty() ? std::string_view::npos : line.find(options.key_separator);
  if (at != std::string_view::npos) {
    record.key = std::string(line.substr(0, at));
    line.remove_prefix(at + options.key_separator.size());
  }
  record.value = std::string(line);
  return record;
}

bool is_framed(const TopicOptions& options) {
  return !options.records_as.empty() && options.records_as != "json";
}

struct Closed {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Result<int64_t> produce_lines(std::FILE* in, broker::Writer& writer, const TopicOptions& options,
                              FramedTexts* texts) {
  std::optional<Partition> partition;
  if (options.partition) partition = Partition(*options.partition);
  int64_t records = 0;
  Lines lines(in);
  while (auto line = lines.next()) {
    broker::Record record = record_of(*line, options);
    ++records;
    if (texts != nullptr) {
      auto value = texts->from_json(*record.value);
      if (!value) {
        TRY(writer.flush());
        return Error{value.error().code,
                     fmt::format("line {}: {}; the lines before it were sent", records,
                                 value.error().message)};
      }
      record.value = *std::move(value);
    }
    TRY(writer.append(std::move(record), partition));
  }
  TRY(writer.flush());
  return records;
}

}  // namespace

Result<void> list_topics(Environment& environment, const TopicOptions& options) {
  std::error_code unknown;
  if (!options.directory.empty() && !std::filesystem::is_directory(options.directory, unknown)) {
    return Error{Code::NotFound,
                 fmt::format("--directory {}: there is no such directory; the embedded log of a "
                             "project is in <storage>/topics",
                             printable(options.directory))};
  }
  auto topics = TRY(open_topics(environment, options));
  std::vector<Object> objects;
  for (const auto& name : TRY(topics->list())) {
    auto info = TRY(topics->describe(name));
    int64_t records = 0;
    for (const auto& range : info.partitions) records += range.end - range.begin;
    objects.push_back({{"name", json_text(name)},
                       {"partitions", std::to_string(info.partitions.size())},
                       {"records", std::to_string(records)}});
  }
  return write_objects(environment.out, options.format, objects, {"name", "partitions", "records"});
}

Result<void> describe_topic(Environment& environment, const TopicOptions& options) {
  auto topics = TRY(open_topics(environment, options));
  auto info = TRY(topics->describe(options.topic));
  std::vector<std::string> ranges;
  for (size_t i = 0; i < info.partitions.size(); ++i) {
    ranges.push_back(to_json({{"partition", std::to_string(i)},
                              {"begin", std::to_string(info.partitions[i].begin.value)},
                              {"end", std::to_string(info.partitions[i].end.value)}}));
  }
  return write_object(environment.out, options.format,
                      {{"name", json_text(info.name)},
                       {"id", json_text(info.id)},
                       {"broker", json_text(topics->name())},
                       {"partitions", "[" + joined(ranges, ",") + "]"}});
}

Result<void> create_topic(Environment& environment, const TopicOptions& options) {
  auto topics = TRY(open_topics(environment, options));
  auto config = TRY(key_values(options.config, "--config"));
  TRY(topics->create(options.topic, {.partitions = options.partitions, .config = config}));
  return write_object(
      environment.out, options.format,
      {{"name", json_text(options.topic)}, {"partitions", std::to_string(options.partitions)}});
}

Result<void> delete_topic(Environment& environment, const TopicOptions& options) {
  auto topics = TRY(open_topics(environment, options));
  TRY(topics->remove(options.topic));
  return write_object(environment.out, options.format, {{"name", json_text(options.topic)}});
}

Result<void> produce_records(Environment& environment, const TopicOptions& options) {
  auto topics = TRY(open_topics(environment, options));
  auto writer = TRY(topics->write(options.topic));
  std::unique_ptr<std::FILE, Closed> file;
  if (!options.file.empty()) {
    file.reset(std::fopen(options.file.c_str(), "rb"));
    if (!file) {
      return Error{Code::NotFound,
                   fmt::format("--file {}: {}", printable(options.file), std::strerror(errno))};
    }
  }
  std::optional<FramedTexts> texts;
  if (is_framed(options)) {
    auto registry = TRY(open_registry(environment, options));
    std::string subject = options.subject.empty() ? options.topic + "-value" : options.subject;
    texts = TRY(FramedTexts::open(*registry, subject, options.records_as == "avro"));
  }
  int64_t records = TRY(
      produce_lines(file ? file.get() : stdin, *writer, options, texts ? &*texts : nullptr));
  return write_object(environment.out, options.format,
                      {{"topic", json_text(options.topic)}, {"records", std::to_string(records)}});
}

Result<void> tail_topic(Environment& environment, const TopicOptions& options) {
  auto topics = TRY(open_topics(environment, options));
  auto info = TRY(topics->describe(options.topic));
  auto next = TRY(start_offsets(*topics, options, info));
  auto reader = TRY(topics->read(options.topic, next));
  // A table is drawn at the end, which --follow does not have.
  bool endless = options.follow && options.format == Format::Table;
  ObjectWriter writer(environment.out, endless ? Format::JsonLines : options.format,
                      {"partition", "offset", "timestamp", "key", "value", "headers"});
  std::optional<FramedValues> values;
  if (is_framed(options)) values.emplace(TRY(open_registry(environment, options)));
  Signals signals;
  while (!signals.stopping() && (options.follow || !reached(next, info))) {
    auto chunks = TRY(reader->poll({.rows_max = kTailRowsMax, .wait_ms_max = kTailWaitMs}));
    for (const auto& chunk : chunks) next[chunk.partition] = chunk.next;
    TRY(writer.write(record_objects(chunks, values ? &*values : nullptr)));
    if (options.group.empty() || chunks.empty()) continue;
    TRY(flushed(environment.out));
    TRY(topics->publish_offsets(options.group, info.name, next));
  }
  return writer.finish();
}

}  // namespace ticklake::app
