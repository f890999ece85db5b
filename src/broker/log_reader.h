// Reads a topic of the embedded log.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/even_reading.h"
#include "broker/log_segments.h"
#include "broker/record_rows.h"

namespace ticklake::broker {

// Notices when a topic is deleted, or deleted and created again.
class TopicIdentity {
 public:
  static Result<TopicIdentity> open(const std::string& topic, const std::string& metadata_path);
  Result<void> check() const;  // NotFound

 private:
  std::string topic_;
  File metadata_;  // held open, so that its inode is not given to another file
};

// One partition, read on from an offset.
class PartitionReader {
 public:
  PartitionReader(const std::string& topic, Partition partition, std::string directory);

  void seek(Offset next);
  Offset next() const { return next_; }
  RowBuilder& rows() { return rows_; }

  // Takes records until the rows reach a limit. True: there may be more.
  Result<bool> read(int64_t rows_max, int64_t bytes_max);
  Result<Chunk> finish();

 private:
  Result<void> open_segment();
  Result<bool> advance();
  Result<void> take(const Decoded& decoded);

  std::string topic_;
  Partition partition_;
  std::string directory_;
  Offset next_;
  std::optional<Scanner> scanner_;
  int64_t listed_size_ = -1;     // of the segment when its successors were last looked for
  int64_t listed_changed_ = -1;  // the directory's change time then
  RowBuilder rows_;
};

class LogReader final : public Reader {
 public:
  LogReader(TopicIdentity identity, std::vector<std::string> directories, std::string topic);

  Result<std::vector<Chunk>> poll(const PollLimits& limits) override;
  Result<std::vector<OffsetRange>> ranges() override;
  Result<void> seek(Partition partition, Offset next) override;

 private:
  Result<bool> read_evenly(const PollLimits& limits);  // true: there are rows

  TopicIdentity identity_;
  std::vector<std::string> directories_;  // by partition
  std::string topic_;
  std::map<Partition, PartitionReader> partitions_;
  EvenReading even_;
};

}  // namespace ticklake::broker
