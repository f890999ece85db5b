// Appends to a topic of the embedded log.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/log_segments.h"
#include "broker/topic_rules.h"

namespace ticklake::broker {

struct LogSettings {
  int64_t segment_bytes = 64 << 20;
  int64_t retention_bytes = -1;  // of a partition; -1: no limit
  int64_t retention_ms = -1;
  int64_t record_bytes_max = 1'048'588;  // of key, value and headers; Kafka's default
};

// Holds a file's lock until it is destroyed.
class FileLock {
 public:
  // Conflict: another holds it; the message names its process.
  static Result<FileLock> take(const std::string& path, const std::string& what);

 private:
  File file_;
};

// The only appender of one partition.
class PartitionWriter {
 public:
  // Cuts a torn tail off. Corrupt: the last segment is damaged elsewhere.
  static Result<PartitionWriter> open(const std::string& topic, Partition partition,
                                      const std::string& directory, const LogSettings& settings,
                                      int64_t now_ms);

  void buffer(const Record& record, int64_t timestamp_ms);
  int64_t buffered_bytes() const { return static_cast<int64_t>(buffer_.size()); }

  // Hands the buffered records to the system. After a failure the whole records that fitted stay
  // written, the others
  // stay buffered, and a later call continues with them.
  Result<void> write_out(int64_t now_ms);
  Result<void> sync();

 private:
  PartitionWriter(FileLock lock, std::string directory, const LogSettings& settings)
      : lock_(std::move(lock)), directory_(std::move(directory)), settings_(settings) {}
  Result<void> open_last_segment();
  Result<void> start_segment(Offset base);
  void restore_index(Scanner& scanner);
  Result<void> keep_whole_records(size_t written, int number);
  void write_index(size_t written);
  void delete_old_segments(int64_t now_ms);

  FileLock lock_;
  std::string directory_;
  LogSettings settings_;
  File segment_;
  Offset base_;
  int64_t position_ = 0;  // end of the sound records in the file
  File index_;
  int64_t index_bytes_ = 0;
  std::string buffer_;  // encoded records from `position_` on
  Offset next_;         // of the record buffered next
  Offset first_buffered_;
  int64_t since_index_ = 0;  // bytes since the last index entry
  int64_t timestamp_ms_max_ = -1;  // at least that of the records in the file
  int64_t buffered_ms_max_ = -1;   // of those in the buffer
  std::deque<IndexEntry> pending_;  // positions and timestamps within the buffer
  bool is_dirty_ = false;
  std::optional<Error> broken_;  // what is on disk is no longer known
};

class LogWriter final : public Writer {
 public:
  LogWriter(std::string topic, std::vector<PartitionWriter> partitions, const LogSettings& settings,
            const io::Clock& clock)
      : topic_(std::move(topic)),
        partitions_(std::move(partitions)),
        settings_(settings),
        clock_(clock) {}
  ~LogWriter() override;

  Result<void> append(Record record, std::optional<Partition> partition) override;
  Result<void> flush() override;

 private:
  std::string topic_;
  std::vector<PartitionWriter> partitions_;
  LogSettings settings_;
  const io::Clock& clock_;
  PartitionChoice choice_;
};

}  // namespace ticklake::broker
