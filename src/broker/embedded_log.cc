#include "broker/embedded_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/uuid.h"
#include "broker/log_reader.h"
#include "broker/log_writer.h"
#include "broker/topic_rules.h"

namespace ticklake::broker {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Config = std::map<std::string, std::string>;

// Names that start with '~' are ours: no topic can have them.
constexpr std::string_view kMetadataName = "/topic.json";
constexpr int kFormat = 1;
constexpr int32_t kPartitionsMax = 10'000;

struct Metadata {
  std::string id;
  int32_t partitions = 0;
  LogSettings settings;
};

Result<int64_t> setting_number(const std::string& key, const std::string& text, int64_t least) {
  int64_t number = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
      number < least) {
    return Error{Code::Invalid, fmt::format("topic setting {}: \"{}\" is not a whole number >= {}",
                                            key, printable(text), least)};
  }
  return number;
}

Result<LogSettings> settings_of(const std::map<std::string, std::string>& config) {
  LogSettings settings;
  for (const auto& [key, value] : config) {
    if (key == "segment.bytes") {
      settings.segment_bytes = TRY(setting_number(key, value, 1));
    } else if (key == "retention.bytes") {
      settings.retention_bytes = TRY(setting_number(key, value, -1));
    } else if (key == "retention.ms") {
      settings.retention_ms = TRY(setting_number(key, value, -1));
    } else if (key == "max.message.bytes") {
      settings.record_bytes_max = TRY(setting_number(key, value, 1));
      settings.record_bytes_max = std::min<int64_t>(settings.record_bytes_max, 1 << 30);
    } else if (key != "cleanup.policy" || value != "delete") {
      return Error{Code::Unsupported,
                   fmt::format("topic setting {}={} is not one that the embedded log has: it has "
                               "segment.bytes, retention.bytes, retention.ms, max.message.bytes "
                               "and cleanup.policy=delete",
                               printable(key), printable(value))};
    }
  }
  return settings;
}

Result<void> write_new_file(const std::string& path, std::string_view bytes) {
  File file = TRY(File::open_to_write(path));
  TRY(file.truncate(0));
  File::Written written = file.write_at(0, bytes);
  if (written.failure != 0) return file_error("write", path, written.failure);
  return file.sync_data();
}

Result<void> make_directories(const std::string& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return file_error("make the directory", path, failed.value());
  return {};
}

class EmbeddedLog final : public Topics {
 public:
  EmbeddedLog(std::string directory, const io::Clock& clock)
      : directory_(std::move(directory)), clock_(clock) {}

  Result<std::vector<std::string>> list() override;
  Result<TopicInfo> describe(const std::string& topic) override;
  Result<void> create(const std::string& topic, const TopicOptions& options) override;
  Result<void> remove(const std::string& topic) override;
  Result<std::unique_ptr<Reader>> read(const std::string& topic,
                                       const std::map<Partition, Offset>& from) override;
  Result<std::unique_ptr<Writer>> write(const std::string& topic) override;
  Result<std::map<Partition, Record>> last_records(const std::string& topic) override;
  Result<std::map<Partition, Offset>> offsets_at(const std::string& topic,
                                                 int64_t timestamp_ms) override;
  Result<void> publish_offsets(const std::string& group, const std::string& topic,
                               const std::map<Partition, Offset>& next) override;
  Result<std::map<Partition, Offset>> group_offsets(const std::string& group,
                                                    const std::string& topic) override;
  std::string name() const override { return "embedded log at " + directory_; }

 private:
  std::string topic_path(const std::string& topic) const { return directory_ + "/" + topic; }
  std::string partition_path(const std::string& topic, int32_t partition) const {
    return fmt::format("{}/{}/{}", directory_, topic, partition);
  }
  std::string group_path(const std::string& group, const std::string& topic) const;
  Result<Metadata> metadata(const std::string& topic);
  Result<void> fill_new(const std::string& path, const std::string& topic,
                        const TopicOptions& options);

  std::string directory_;
  const io::Clock& clock_;
};

Result<std::vector<std::string>> EmbeddedLog::list() {
  std::vector<std::string> names;
  std::error_code failed;
  fs::directory_iterator entries(directory_, failed);
  if (failed == std::errc::no_such_file_or_directory) return names;
  if (failed) return file_error("read", directory_, failed.value());
  for (; entries != fs::directory_iterator(); entries.increment(failed)) {
    if (failed) return file_error("read", directory_, failed.value());
    std::string name = entries->path().filename();
    if (check_topic_name(name) && exists(topic_path(name) + std::string(kMetadataName))) {
      names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Metadata> EmbeddedLog::metadata(const std::string& topic) {
  TRY(check_topic_name(topic));
  std::string path = topic_path(topic) + std::string(kMetadataName);
  Result<File> file = File::open_to_read(path);
  if (!file && file.error().code == Code::NotFound) {
    return unknown_topic(topic, TRY(list()), name());
  }
  if (!file) return std::move(file).error();
  std::string bytes;
  int64_t size = TRY(file->size());
  TRY(file->read_at(0, static_cast<size_t>(size), bytes));
  json parsed = json::parse(bytes, nullptr, false);
  try {
    auto format = parsed.at("format").get<int>();
    if (format != kFormat) {
      return Error{Code::Unsupported,
                   fmt::format("{} is of format {}, this ticklake reads format {}: use a newer one",
                               path, format, kFormat)};
    }
    Metadata found;
    found.id = parsed.at("id").get<std::string>();
    found.partitions = parsed.at("partitions").get<int32_t>();
    found.settings = TRY(settings_of(parsed.at("config").get<Config>()));
    if (found.partitions > 0 && found.partitions <= kPartitionsMax) return found;
  } catch (const json::exception&) {
  }
  return Error{Code::Corrupt, fmt::format("{} is damaged: restore it from a copy, or delete the "
                                          "topic and fill it again",
                                          path)};
}

Result<TopicInfo> EmbeddedLog::describe(const std::string& topic) {
  Metadata found = TRY(metadata(topic));
  TopicInfo info{topic, found.id, {}};
  for (int32_t i = 0; i < found.partitions; ++i) {
    info.partitions.push_back(TRY(held_range(partition_path(topic, i))));
  }
  return info;
}

// A topic appears whole: it is made aside and renamed.
Result<void> EmbeddedLog::create(const std::string& topic, const TopicOptions& options) {
  TRY(check_topic_name(topic));
  TRY(settings_of(options.config));
  if (options.partitions < 1 || options.partitions > kPartitionsMax) {
    return Error{Code::Invalid, fmt::format("topic \"{}\" cannot have {} partitions: 1 to {} are "
                                            "possible",
                                            topic, options.partitions, kPartitionsMax)};
  }
  Error taken{Code::Conflict, fmt::format("topic \"{}\" is already in the {}", topic, name())};
  if (exists(topic_path(topic))) return taken;
  TRY(make_directories(directory_));
  std::string made = fmt::format("{}/~new-{}", directory_, new_uuid());
  Result<void> filled = fill_new(made, topic, options);
  int failed = 0;
  if (filled && ::rename(made.c_str(), topic_path(topic).c_str()) != 0) failed = errno;
  if (!filled || failed != 0) {
    std::error_code ignored;
    fs::remove_all(made, ignored);
    if (!filled) return filled;
    if (failed == ENOTEMPTY || failed == EEXIST) return taken;
    return file_error("make the directory", topic_path(topic), failed);
  }
  return sync_directory(directory_);
}

Result<void> EmbeddedLog::fill_new(const std::string& path, const std::string& topic,
                                   const TopicOptions& options) {
  TRY(make_directories(path));
  for (int32_t i = 0; i < options.partitions; ++i) {
    std::string partition = fmt::format("{}/{}", path, i);
    TRY(make_directories(partition));
    TRY(write_new_file(segment_path(partition, Offset(0)), ""));
    TRY(sync_directory(partition));
  }
  json metadata{{"format", kFormat},
                {"name", topic},
                {"id", new_uuid()},
                {"partitions", options.partitions},
                {"config", options.config}};
  TRY(write_new_file(path + std::string(kMetadataName), metadata.dump(2) + "\n"));
  return sync_directory(path);
}

Result<void> EmbeddedLog::remove(const std::string& topic) {
  Metadata found = TRY(metadata(topic));
  std::vector<FileLock> locks;
  for (int32_t i = 0; i < found.partitions; ++i) {
    std::string what = fmt::format("topic \"{}\", partition {}", topic, i);
    locks.push_back(TRY(FileLock::take(partition_path(topic, i) + "/lock", what)));
  }
  std::string aside = fmt::format("{}/~deleted-{}", directory_, found.id);
  if (::rename(topic_path(topic).c_str(), aside.c_str()) != 0) {
    return file_error("delete", topic_path(topic), errno);
  }
  TRY(sync_directory(directory_));
  std::error_code failed;
  fs::remove_all(aside, failed);
  if (failed) return file_error("delete", aside, failed.value());
  return {};
}

Result<std::unique_ptr<Reader>> EmbeddedLog::read(const std::string& topic,
                                                  const std::map<Partition, Offset>& from) {
  Metadata found = TRY(metadata(topic));
  std::vector<std::string> directories;
  for (int32_t i = 0; i < found.partitions; ++i) directories.push_back(partition_path(topic, i));
  TopicIdentity identity =
      TRY(TopicIdentity::open(topic, topic_path(topic) + std::string(kMetadataName)));
  auto reader = std::make_unique<LogReader>(std::move(identity), std::move(directories), topic);
  for (const auto& [partition, next] : from) TRY(reader->seek(partition, next));
  return std::unique_ptr<Reader>(std::move(reader));
}

Result<std::unique_ptr<Writer>> EmbeddedLog::write(const std::string& topic) {
  Metadata found = TRY(metadata(topic));
  std::vector<PartitionWriter> partitions;
  for (int32_t i = 0; i < found.partitions; ++i) {
    partitions.push_back(TRY(PartitionWriter::open(topic, Partition(i), partition_path(topic, i),
                                                   found.settings, clock_.now_ms())));
  }
  return std::unique_ptr<Writer>(
      std::make_unique<LogWriter>(topic, std::move(partitions), found.settings, clock_));
}

Result<std::map<Partition, Record>> EmbeddedLog::last_records(const std::string& topic) {
  Metadata found = TRY(metadata(topic));
  std::map<Partition, Record> records;
  for (int32_t i = 0; i < found.partitions; ++i) {
    std::optional<Record> last = TRY(last_record(partition_path(topic, i)));
    if (last) records.emplace(Partition(i), *std::move(last));
  }
  return records;
}

Result<std::map<Partition, Offset>> EmbeddedLog::offsets_at(const std::string& topic,
                                                            int64_t timestamp_ms) {
  Metadata found = TRY(metadata(topic));
  std::map<Partition, Offset> offsets;
  for (int32_t i = 0; i < found.partitions; ++i) {
    offsets.emplace(Partition(i), TRY(offset_at(partition_path(topic, i), timestamp_ms)));
  }
  return offsets;
}

// Not made durable: lag tools only look.
std::string EmbeddedLog::group_path(const std::string& group, const std::string& topic) const {
  std::string file_name;
  for (char c : group) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 c == '-' || c == '_';
    file_name += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return fmt::format("{}/~groups/{}/{}.json", directory_, topic, file_name);
}

Result<void> EmbeddedLog::publish_offsets(const std::string& group, const std::string& topic,
                                          const std::map<Partition, Offset>& next) {
  TRY(metadata(topic));
  std::string path = group_path(group, topic);
  TRY(make_directories(fs::path(path).parent_path()));
  json offsets = json::object();
  for (const auto& [partition, offset] : next) {
    offsets[std::to_string(partition.value)] = offset.value;
  }
  std::string made = path + "~";
  File file = TRY(File::open_to_write(made));
  TRY(file.truncate(0));
  json published{{"group", printable(group)}, {"topic", topic}, {"next", offsets}};
  File::Written written = file.write_at(0, published.dump() + "\n");
  if (written.failure != 0) return file_error("write", made, written.failure);
  if (::rename(made.c_str(), path.c_str()) != 0) return file_error("write", path, errno);
  return {};
}

Result<std::map<Partition, Offset>> EmbeddedLog::group_offsets(const std::string& group,
                                                               const std::string& topic) {
  TRY(metadata(topic));
  std::string path = group_path(group, topic);
  std::map<Partition, Offset> offsets;
  Result<File> file = File::open_to_read(path);
  if (!file && file.error().code == Code::NotFound) return offsets;
  if (!file) return std::move(file).error();
  std::string bytes;
  int64_t size = TRY(file->size());
  TRY(file->read_at(0, static_cast<size_t>(size), bytes));
  json published = json::parse(bytes, nullptr, false);
  bool good = published.is_object() && published.contains("next") && published["next"].is_object();
  if (!good) return Error{Code::Corrupt, path + " does not hold a group's offsets; delete it"};
  for (const auto& [partition, offset] : published["next"].items()) {
    if (!offset.is_number_integer()) continue;
    offsets[Partition(std::atoi(partition.c_str()))] = Offset(offset.get<int64_t>());
  }
  return offsets;
}

}  // namespace

std::unique_ptr<Topics> make_embedded_log(const std::string& directory, const io::Clock& clock) {
  return std::make_unique<EmbeddedLog>(directory, clock);
}

}  // namespace ticklake::broker
