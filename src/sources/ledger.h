// Which files a csv source has read to their ends, kept in the topic <topic>__files: one record a
// file.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "broker/broker.h"
#include "io/files.h"

namespace ticklake::sources {

struct ReadFile {
  int64_t size = 0;
  int64_t modified_ms = 0;
  uint64_t hash = 0;  // of its bytes
};

class Ledger {
 public:
  // Files noted for another topic of that name, deleted since, do not count.
  static Result<Ledger> open(broker::Topics& topics, const std::string& topic,
                             const std::string& topic_id, const std::string& source);

  const std::map<std::string, ReadFile>& files() const { return files_; }
  int64_t count() const { return static_cast<int64_t>(files_.size()); }
  Result<void> add(const std::string& name, const ReadFile& file);

  // Invalid: the file is in the ledger and is not what it was when it was read. Reads it where only
  // its time differs.
  Result<void> check_unchanged(io::FileStore& store, const io::FileInfo& info,
                               const std::string& name);

 private:
  Ledger() = default;

  std::string topic_id_, source_;
  std::unique_ptr<broker::Writer> writer_;
  std::map<std::string, ReadFile> files_;
};

// The hash of the first `bytes_max` bytes of a file, or of all it has; takes no more memory for a
// large one.
Result<uint64_t> hash_of_file(io::FileStore& store, const io::Path& path,
                              int64_t bytes_max = INT64_MAX);

}  // namespace ticklake::sources
