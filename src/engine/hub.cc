#include "hub.h"

#include <arrow/util/byte_size.h>

#include <algorithm>

namespace ticklake::engine {

int64_t VersionRows::rows() const {
  int64_t out = 0;
  for (const auto& piece : pieces) out += piece.rows->num_rows();
  return out;
}

void Hub::subscribe(const std::string& table, const std::string& consumer, Version next) {
  feeds_[table].consumers[consumer] = next;
}

void Hub::publish(const std::string& table, std::shared_ptr<const VersionRows> rows) {
  Version version = rows->version;
  announce(table, version);
  auto& feed = feeds_[table];
  if (feed.consumers.empty()) return;
  int64_t bytes = 0;
  for (const auto& piece : rows->pieces) {
    // Pieces are slices: of a shared buffer each counts its own part.
    auto size = arrow::util::ReferencedBufferSize(*piece.rows);
    bytes += size.ok() ? *size : arrow::util::TotalBufferSize(*piece.rows);
  }
  feed.entries.push_back({std::move(rows), bytes});
  bytes_ += bytes;
  while (bytes_ > bytes_max_ && !feed.entries.empty()) drop_oldest(feed);
}

void Hub::announce(const std::string& table, Version version) {
  auto& newest = feeds_[table].newest;
  if (!newest || *newest < version) newest = version;
}

std::optional<Version> Hub::newest(const std::string& table) const {
  auto feed = feeds_.find(table);
  if (feed == feeds_.end()) return {};
  return feed->second.newest;
}

std::shared_ptr<const VersionRows> Hub::find(const std::string& table, Version version) const {
  auto feed = feeds_.find(table);
  if (feed == feeds_.end()) return nullptr;
  for (const auto& entry : feed->second.entries) {
    if (entry.rows->version == version) return entry.rows;
  }
  return nullptr;
}

void Hub::consumed(const std::string& table, const std::string& consumer, Version next) {
  auto& feed = feeds_[table];
  feed.consumers[consumer] = next;
  Version needed = Version::max();
  for (const auto& entry : feed.consumers) needed = std::min(needed, entry.second);
  while (!feed.entries.empty() && feed.entries.front().rows->version < needed) drop_oldest(feed);
}

void Hub::drop_oldest(Feed& feed) {
  bytes_ -= feed.entries.front().bytes;
  feed.entries.pop_front();
}

}  // namespace ticklake::engine
