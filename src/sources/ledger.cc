#include "sources/ledger.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "sources/outbox.h"

namespace ticklake::sources {

using Json = nlohmann::json;

namespace {

constexpr int64_t kBytesPerRead = 2 << 20;

std::string text_of(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

template <typename T>
T number_of(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<T>() : T{0};
}

}  // namespace

Result<uint64_t> hash_of_file(io::FileStore& store, const io::Path& path, int64_t bytes_max) {
  auto input = TRY(store.open(path));
  int64_t end = std::min(TRY_ARROW(input->GetSize()), bytes_max);
  uint64_t hash = kFnv1aOfNothing;
  for (int64_t at = 0; at < end;) {
    auto bytes = TRY_ARROW(input->ReadAt(at, std::min(end - at, kBytesPerRead)));
    if (bytes->size() == 0) break;  // it shrank
    hash = fnv1a(std::string_view(*bytes), hash);
    at += bytes->size();
  }
  return hash;
}

Result<Ledger> Ledger::open(broker::Topics& topics, const std::string& topic,
                            const std::string& topic_id, const std::string& source) {
  Ledger out;
  out.topic_id_ = topic_id;
  out.source_ = source;
  auto info = topics.describe(topic);
  if (!info && info.error().code == Code::NotFound) {
    TRY(topics.create(topic, {.partitions = 1, .config = {{"retention.ms", "-1"}}}));
    info = topics.describe(topic);
  }
  if (!info) return std::move(info).error();
  std::map<Partition, broker::OffsetRange> ranges;
  for (size_t i = 0; i < info->partitions.size(); ++i) {
    ranges[Partition(static_cast<int32_t>(i))] = info->partitions[i];
  }
  TRY(read_records(topics, topic, ranges, [&](Partition, const broker::Record& record) {
    Json json = Json::parse(record.value.value_or(""), nullptr, false);
    if (!json.is_object() || text_of(json, "source") != source) return;
    if (text_of(json, "topic_id") != topic_id) return;
    out.files_[text_of(json, "file")] = {number_of<int64_t>(json, "size"),
                                         number_of<int64_t>(json, "modified_ms"),
                                         number_of<uint64_t>(json, "hash")};
  }));
  out.writer_ = TRY(topics.write(topic));
  return out;
}

Result<void> Ledger::add(const std::string& name, const ReadFile& file) {
  Json json = {{"source", source_},   {"topic_id", topic_id_},
               {"file", name},        {"size", file.size},
               {"hash", file.hash},   {"modified_ms", file.modified_ms}};
  TRY(writer_->append({.key = name, .value = json.dump(-1, ' ', false,
                                                       Json::error_handler_t::replace)},
                      Partition(0)));
  TRY(writer_->flush());
  files_[name] = file;
  return {};
}

Result<void> Ledger::check_unchanged(io::FileStore& store, const io::FileInfo& info,
                                     const std::string& name) {
  auto found = files_.find(name);
  if (found == files_.end()) return {};
  ReadFile& known = found->second;
  if (info.size == known.size && info.modified_ms == known.modified_ms) return {};
  bool same = info.size == known.size;
  if (same) same = TRY(hash_of_file(store, info.path)) == known.hash;
  if (same) {
    known.modified_ms = info.modified_ms;  // touched or copied
    return {};
  }
  return Error{Code::Invalid,
               fmt::format("{} changed after it had been read ({} bytes then, {} now): put it back "
                           "as it was, and give new data a file name of its own",
                           info.path, known.size, info.size)};
}

}  // namespace ticklake::sources
