// Invariant: a record that a reader may have seen never changes and never goes away but by
// retention.
// So a failed write keeps every whole record that reached the file and cuts only the half one
// behind them.
#include "broker/log_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/text.h"

namespace ticklake::broker {
namespace {

constexpr int64_t kBufferBytesMax = 1 << 20;  // of one partition, before it is handed to the system

}  // namespace

Result<FileLock> FileLock::take(const std::string& path, const std::string& what) {
  FileLock lock;
  lock.file_ = TRY(File::open_to_write(path));
  if (::flock(lock.file_.descriptor(), LOCK_EX | LOCK_NB) != 0) {
    std::string holder;
    TRY(lock.file_.read_at(0, 20, holder));
    return Error{Code::Conflict,
                 fmt::format("{} is being written by process {} (lock file {}): wait until it "
                             "ends, or stop it",
                             what, trimmed(holder), path)};
  }
  TRY(lock.file_.truncate(0));
  File::Written written = lock.file_.write_at(0, std::to_string(::getpid()) + "\n");
  if (written.failure != 0) return file_error("write", path, written.failure);
  return lock;
}

Result<PartitionWriter> PartitionWriter::open(const std::string& topic, Partition partition,
                                              const std::string& directory,
                                              const LogSettings& settings, int64_t now_ms) {
  std::string what = fmt::format("topic \"{}\", partition {}", topic, partition.value);
  FileLock lock = TRY(FileLock::take(directory + "/lock", what));
  PartitionWriter writer(std::move(lock), directory, settings);
  TRY(writer.open_last_segment());
  writer.delete_old_segments(now_ms);
  return writer;
}

Result<void> PartitionWriter::open_last_segment() {
  std::vector<Offset> bases = TRY(list_segments(directory_));
  if (bases.empty()) return start_segment(Offset(0));
  base_ = bases.back();
  segment_ = TRY(File::open_to_write(segment_path(directory_, base_)));
  Scanner end = TRY(scan_to_end(directory_, base_));
  int64_t size = TRY(segment_.size());
  if (end.position() < size) {
    TRY(segment_.truncate(end.position()));
    is_dirty_ = true;
  }
  position_ = end.position();
  next_ = end.expected();
  first_buffered_ = next_;
  restore_index(end);
  return {};
}

// Keeps the sound entries; where records lie without one for long, makes them anew.
void PartitionWriter::restore_index(Scanner& end) {
  Result<File> opened = File::open_to_write(index_path(directory_, base_));
  if (!opened) return;
  index_ = std::move(*opened);
  std::vector<IndexEntry> entries = read_index(directory_, base_);
  while (!entries.empty() && entries.back().position >= end.position()) entries.pop_back();
  index_bytes_ = static_cast<int64_t>(entries.size() * kIndexEntryBytes);
  if (!index_.truncate(index_bytes_)) return;
  IndexEntry from = entries.empty() ? IndexEntry{base_, 0, -1} : entries.back();
  timestamp_ms_max_ = from.timestamp_ms_max;
  Result<Scanner> scanner = scan_to(directory_, base_, from.offset);
  int64_t indexed = from.position;
  Decoded decoded;
  while (scanner && scanner->expected() < end.expected()) {
    IndexEntry entry{scanner->expected(), scanner->position(), timestamp_ms_max_};
    if (entry.position - indexed >= kIndexEveryBytes) {
      std::string bytes = encode_index_entry(entry);
      if (index_.write_at(index_bytes_, bytes).failure != 0) return;
      index_bytes_ += static_cast<int64_t>(bytes.size());
      indexed = entry.position;
    }
    Result<bool> more = scanner->next(decoded);
    if (!more || !*more) break;
    timestamp_ms_max_ = std::max(timestamp_ms_max_, decoded.record.timestamp_ms);
  }
  since_index_ = end.position() - indexed;
}

Result<void> PartitionWriter::start_segment(Offset base) {
  File segment = TRY(File::open_to_write(segment_path(directory_, base)));
  TRY(sync_directory(directory_));
  segment_ = std::move(segment);
  base_ = base;
  position_ = 0;
  timestamp_ms_max_ = -1;
  Result<File> index = File::open_to_write(index_path(directory_, base));
  index_ = index ? std::move(*index) : File();
  index_bytes_ = 0;
  return {};
}

void PartitionWriter::buffer(const Record& record, int64_t timestamp_ms) {
  if (buffer_.empty()) first_buffered_ = next_;
  if (since_index_ >= kIndexEveryBytes) {
    pending_.push_back({next_, static_cast<int64_t>(buffer_.size()), buffered_ms_max_});
    since_index_ = 0;
  }
  size_t before = buffer_.size();
  encode(record, next_, timestamp_ms, buffer_);
  since_index_ += static_cast<int64_t>(buffer_.size() - before);
  buffered_ms_max_ = std::max(buffered_ms_max_, timestamp_ms);
  ++next_;
}

Result<void> PartitionWriter::write_out(int64_t now_ms) {
  if (broken_) return *broken_;
  if (buffer_.empty()) return {};
  if (position_ > 0 && position_ + buffered_bytes() > settings_.segment_bytes) {
    TRY(sync());
    TRY(start_segment(first_buffered_));
    delete_old_segments(now_ms);
  }
  is_dirty_ = true;
  File::Written written = segment_.write_at(position_, buffer_);
  if (written.failure != 0) return keep_whole_records(written.bytes, written.failure);
  write_index(buffer_.size());
  position_ += buffered_bytes();
  timestamp_ms_max_ = std::max(timestamp_ms_max_, buffered_ms_max_);
  buffered_ms_max_ = -1;
  buffer_.clear();
  return {};
}

Result<void> PartitionWriter::keep_whole_records(size_t written, int number) {
  size_t whole = 0;
  int64_t records = 0;
  while (true) {
    size_t size = claimed_size(std::string_view(buffer_).substr(whole));
    if (size == 0 || whole + size > written) break;
    whole += size;
    ++records;
  }
  Result<void> cut = segment_.truncate(position_ + static_cast<int64_t>(whole));
  if (!cut) {
    broken_ = cut.error();
    return cut;
  }
  write_index(whole);
  timestamp_ms_max_ = std::max(timestamp_ms_max_, buffered_ms_max_);
  position_ += static_cast<int64_t>(whole);
  first_buffered_ = first_buffered_ + records;
  buffer_.erase(0, whole);
  return file_error("write", segment_.path(), number);
}

// The index only saves time, so what cannot be written of it is left out.
void PartitionWriter::write_index(size_t written) {
  auto limit = static_cast<int64_t>(written);
  while (!pending_.empty() && pending_.front().position < limit) {
    IndexEntry entry = pending_.front();
    pending_.pop_front();
    entry.position += position_;
    entry.timestamp_ms_max = std::max(entry.timestamp_ms_max, timestamp_ms_max_);
    if (index_.descriptor() < 0 || entry.position == 0) continue;
    std::string bytes = encode_index_entry(entry);
    if (index_.write_at(index_bytes_, bytes).failure == 0) {
      index_bytes_ += static_cast<int64_t>(bytes.size());
    }
  }
  for (IndexEntry& entry : pending_) entry.position -= limit;
}

Result<void> PartitionWriter::sync() {
  if (broken_) return *broken_;
  if (!is_dirty_) return {};
  Result<void> synced = segment_.sync_data();
  // After a failure the system may have dropped the bytes and forgotten it: a second try would
  // prove nothing.
  if (!synced) {
    broken_ = synced.error();
    return synced;
  }
  is_dirty_ = false;
  return {};
}

// What cannot be deleted now is deleted another time.
void PartitionWriter::delete_old_segments(int64_t now_ms) {
  if (settings_.retention_bytes < 0 && settings_.retention_ms < 0) return;
  Result<std::vector<Offset>> bases = list_segments(directory_);
  if (!bases) return;
  std::error_code ignored;
  auto size_of = [&](Offset base) {
    auto size = std::filesystem::file_size(segment_path(directory_, base), ignored);
    return static_cast<int64_t>(size);
  };
  int64_t total = 0;
  for (Offset base : *bases) total += size_of(base);
  for (size_t i = 0; i + 1 < bases->size(); ++i) {
    Offset base = (*bases)[i];
    int64_t bytes = size_of(base);
    bool is_too_much = settings_.retention_bytes >= 0 && total - bytes >= settings_.retention_bytes;
    bool is_too_old = false;
    if (settings_.retention_ms >= 0) {
      Result<int64_t> youngest = age_timestamp_ms(directory_, base);
      is_too_old = youngest && *youngest < now_ms - settings_.retention_ms;
    }
    if (!is_too_much && !is_too_old) return;
    if (::unlink(segment_path(directory_, base).c_str()) != 0) return;
    ::unlink(index_path(directory_, base).c_str());
    total -= bytes;
  }
}

LogWriter::~LogWriter() {
  for (PartitionWriter& partition : partitions_) {
    // Nobody waits for these records to be durable, but nothing is gained by dropping them.
    if (!partition.write_out(clock_.now_ms())) continue;
  }
}

Result<void> LogWriter::append(Record record, std::optional<Partition> partition) {
  Partition chosen =
      TRY(choice_.choose(topic_, record.key, partition, static_cast<int32_t>(partitions_.size())));
  auto bytes = static_cast<int64_t>(encoded_size(record));
  if (bytes > settings_.record_bytes_max) {
    return Error{Code::Invalid,
                 fmt::format("a record of {} bytes is over the limit of topic \"{}\" ({} bytes): "
                             "send less in one record, or create the topic with a larger "
                             "max.message.bytes",
                             bytes, topic_, settings_.record_bytes_max)};
  }
  PartitionWriter& writer = partitions_[static_cast<size_t>(chosen.value)];
  if (writer.buffered_bytes() + bytes > kBufferBytesMax) TRY(writer.write_out(clock_.now_ms()));
  writer.buffer(record, record.timestamp_ms < 0 ? clock_.now_ms() : record.timestamp_ms);
  return {};
}

Result<void> LogWriter::flush() {
  for (PartitionWriter& partition : partitions_) TRY(partition.write_out(clock_.now_ms()));
  for (PartitionWriter& partition : partitions_) TRY(partition.sync());
  return {};
}

}  // namespace ticklake::broker
