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
  std::scoped_lock lock(mutex_);
  auto& feed = feeds_[table];
  feed.consumers[consumer] = next;
  drop_consumed(feed);
}

void Hub::publish(const std::string& table, std::shared_ptr<const VersionRows> rows) {
  int64_t bytes = 0;
  for (const auto& piece : rows->pieces) {
    // Pieces are slices: of a shared buffer each counts its own part.
    auto size = arrow::util::ReferencedBufferSize(*piece.rows);
    bytes += size.ok() ? *size : arrow::util::TotalBufferSize(*piece.rows);
  }
  std::scoped_lock lock(mutex_);
  auto& feed = feeds_[table];
  announce_locked(feed, rows->version);
  if (feed.consumers.empty()) return;
  feed.entries.push_back({std::move(rows), bytes});
  feed.bytes += bytes;
  bytes_ += bytes;
  // A reader that opened after the commit may have this version from its files already.
  drop_consumed(feed);
  while (bytes_ > bytes_max_ && !feed.entries.empty()) drop_oldest(feed);
}

void Hub::announce(const std::string& table, Version version) {
  std::scoped_lock lock(mutex_);
  announce_locked(feeds_[table], version);
}

void Hub::announce_locked(Feed& feed, Version version) {
  if (!feed.newest || *feed.newest < version) feed.newest = version;
}

std::optional<Version> Hub::newest(const std::string& table) const {
  std::scoped_lock lock(mutex_);
  auto feed = feeds_.find(table);
  if (feed == feeds_.end()) return {};
  return feed->second.newest;
}

std::shared_ptr<const VersionRows> Hub::find(const std::string& table, Version version) const {
  std::scoped_lock lock(mutex_);
  auto feed = feeds_.find(table);
  if (feed == feeds_.end()) return nullptr;
  for (const auto& entry : feed->second.entries) {
    if (entry.rows->version == version) return entry.rows;
  }
  return nullptr;
}

void Hub::consumed(const std::string& table, const std::string& consumer, Version next) {
  std::scoped_lock lock(mutex_);
  auto& feed = feeds_[table];
  feed.consumers[consumer] = next;
  drop_consumed(feed);
}

void Hub::leave(const std::string& consumer) {
  std::scoped_lock lock(mutex_);
  for (auto& [table, feed] : feeds_) {
    if (feed.consumers.erase(consumer) > 0) drop_consumed(feed);
  }
}

int64_t Hub::bytes() const {
  std::scoped_lock lock(mutex_);
  return bytes_;
}

int64_t Hub::backlog(const std::string& table) const {
  std::scoped_lock lock(mutex_);
  auto feed = feeds_.find(table);
  return feed == feeds_.end() ? 0 : feed->second.bytes;
}

void Hub::drop_consumed(Feed& feed) {
  Version needed = Version::max();
  for (const auto& entry : feed.consumers) needed = std::min(needed, entry.second);
  while (!feed.entries.empty() && feed.entries.front().rows->version < needed) drop_oldest(feed);
}

void Hub::drop_oldest(Feed& feed) {
  feed.bytes -= feed.entries.front().bytes;
  bytes_ -= feed.entries.front().bytes;
  feed.entries.pop_front();
}

}  // namespace ticklake::engine
