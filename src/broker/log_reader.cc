#include "broker/log_reader.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "broker/topic_rules.h"

namespace ticklake::broker {
namespace {

// A disk that does not answer says nothing about the topic.
Error gone_or_unreadable(const std::string& topic, const std::string& path, int number) {
  bool is_gone = number == ENOENT || number == ENOTDIR;
  return is_gone ? topic_gone(topic) : file_error("read", path, number);
}

}  // namespace

Result<TopicIdentity> TopicIdentity::open(const std::string& topic,
                                          const std::string& metadata_path) {
  TopicIdentity identity;
  identity.topic_ = topic;
  identity.metadata_ = TRY(File::open_to_read(metadata_path));
  return identity;
}

Result<void> TopicIdentity::check() const {
  struct stat held {};
  struct stat named {};
  if (::fstat(metadata_.descriptor(), &held) != 0) {
    return file_error("read", metadata_.path(), errno);
  }
  if (::stat(metadata_.path().c_str(), &named) != 0) {
    return gone_or_unreadable(topic_, metadata_.path(), errno);
  }
  bool is_same = held.st_ino == named.st_ino && held.st_dev == named.st_dev;
  if (!is_same) return topic_gone(topic_);
  return {};
}

PartitionReader::PartitionReader(const std::string& topic, Partition partition,
                                 std::string directory)
    : topic_(topic),
      partition_(partition),
      directory_(std::move(directory)),
      rows_(topic, partition) {}

void PartitionReader::seek(Offset next) {
  next_ = next;
  scanner_.reset();
}

Result<bool> PartitionReader::read(int64_t rows_max, int64_t bytes_max) {
  if (!scanner_) TRY(open_segment());
  while (scanner_ && rows_.rows() < rows_max && rows_.bytes() < bytes_max) {
    Decoded decoded;
    bool found = TRY(scanner_->next(decoded));
    if (found) {
      TRY(take(decoded));
      continue;
    }
    bool more = TRY(advance());
    if (!more) return false;
  }
  return scanner_.has_value();
}

Result<void> PartitionReader::take(const Decoded& decoded) {
  TRY(rows_.append(decoded.record));
  next_ = decoded.record.offset + 1;
  if (!rows_.wants_headers()) return {};
  std::string_view stored = decoded.headers;
  HeaderView header;
  for (uint32_t i = 0; i < decoded.header_count && next_header(stored, header); ++i) {
    TRY(rows_.append_header(header.key, header.value, header.value_bytes));
  }
  return {};
}

Result<void> PartitionReader::open_segment() {
  std::vector<Offset> bases = TRY(list_segments(directory_));
  if (bases.empty()) {
    if (next_ != Offset(0)) return offset_not_held(topic_, partition_, next_, {});
    return {};
  }
  Offset base = segment_of(bases, next_);
  Result<Scanner> found = scan_to(directory_, base, next_);
  // retention was faster: the next poll
  if (!found && !exists(segment_path(directory_, base))) return {};
  Scanner scanner = TRY(std::move(found));
  if (next_ < bases.front() || scanner.expected() < next_) {
    bool is_last = scanner.base() == bases.back();
    if (next_ >= bases.front() && !is_last) return scanner.damaged();
    return offset_not_held(topic_, partition_, next_, {bases.front(), scanner.expected()});
  }
  scanner_ = std::move(scanner);
  listed_size_ = -1;
  return {};
}

// At the end of a segment: goes to its successor. False: there is nothing more yet.
Result<bool> PartitionReader::advance() {
  if (scanner_->expected() > scanner_->base() &&
      exists(segment_path(directory_, scanner_->expected()))) {
    scanner_ = TRY(Scanner::open(directory_, scanner_->expected()));
    listed_size_ = -1;
    return true;
  }
  struct stat status {};
  if (::stat(directory_.c_str(), &status) != 0) {
    return gone_or_unreadable(topic_, directory_, errno);
  }
  int64_t changed = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  int64_t size = TRY(scanner_->file().size());
  if (changed == listed_changed_ && size == listed_size_) return false;
  std::vector<Offset> bases = TRY(list_segments(directory_));
  listed_changed_ = changed;
  listed_size_ = size;
  if (bases.empty() || bases.back() < next_ || bases.back() == scanner_->base()) return false;
  if (bases.front() > next_) {
    return offset_not_held(topic_, partition_, next_, {bases.front(), bases.back()});
  }
  if (std::binary_search(bases.begin(), bases.end(), next_)) return true;  // made meanwhile
  return scanner_->damaged();
}

Result<Chunk> PartitionReader::finish() {
  BatchPtr batch = TRY(rows_.finish());
  return Chunk{partition_, next_, std::move(batch)};
}

LogReader::LogReader(TopicIdentity identity, std::vector<std::string> directories,
                     std::string topic)
    : identity_(std::move(identity)),
      directories_(std::move(directories)),
      topic_(std::move(topic)) {}

Result<std::vector<Chunk>> LogReader::poll(const PollLimits& limits) {
  using std::chrono::steady_clock;
  constexpr std::chrono::microseconds kPause{500};
  auto until = steady_clock::now() + std::chrono::milliseconds(limits.wait_ms_max);
  while (true) {
    TRY(identity_.check());
    bool any = TRY(read_evenly(limits));
    if (any || steady_clock::now() >= until) break;
    std::this_thread::sleep_for(kPause);
  }
  std::vector<Chunk> chunks;
  for (auto& [partition, reader] : partitions_) {
    if (reader.rows().rows() > 0) chunks.push_back(TRY(reader.finish()));
  }
  return chunks;
}

Result<bool> LogReader::read_evenly(const PollLimits& limits) {
  std::vector<PartitionReader*> all;
  for (auto& [partition, reader] : partitions_) all.push_back(&reader);
  TRY(even_.read(all, limits, [](PartitionReader& reader, int64_t rows_max, int64_t bytes_max) {
    return reader.read(rows_max, bytes_max);
  }));
  return std::any_of(all.begin(), all.end(),
                     [](PartitionReader* reader) { return reader->rows().rows() > 0; });
}

Result<std::vector<OffsetRange>> LogReader::ranges() {
  TRY(identity_.check());
  std::vector<OffsetRange> ranges;
  for (const std::string& directory : directories_) ranges.push_back(TRY(held_range(directory)));
  return ranges;
}

Result<void> LogReader::seek(Partition partition, Offset next) {
  if (partition.value < 0 || static_cast<size_t>(partition.value) >= directories_.size()) {
    return unknown_partition(topic_, partition, directories_.size());
  }
  const std::string& directory = directories_[static_cast<size_t>(partition.value)];
  OffsetRange held = TRY(held_range(directory));
  if (next < held.begin || next > held.end) return offset_not_held(topic_, partition, next, held);
  auto place = partitions_.try_emplace(partition, topic_, partition, directory).first;
  place->second.seek(next);
  return {};
}

}  // namespace ticklake::broker
