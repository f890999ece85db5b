// The segments of one partition of the embedded log, read: listing, sparse index, scanning.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/log_files.h"
#include "broker/log_records.h"

namespace ticklake::broker {

std::string segment_path(const std::string& directory, Offset base);
std::string index_path(const std::string& directory, Offset base);

// The base offsets of a partition's segments, ascending. NotFound where the directory is gone.
Result<std::vector<Offset>> list_segments(const std::string& directory);

// "The record with `offset` starts at `position`; records before it in the segment are not younger
// than..."
struct IndexEntry {
  Offset offset;
  int64_t position = 0;
  int64_t timestamp_ms_max = -1;  // at least the largest timestamp before `position`
};
inline constexpr int64_t kIndexEveryBytes = 64 << 10;
inline constexpr size_t kIndexEntryBytes = 32;

std::string encode_index_entry(const IndexEntry& entry);
// The entries that are sound; a missing or damaged index only costs time.
std::vector<IndexEntry> read_index(const std::string& directory, Offset base);

// Reads a segment's records in order. What it gives is checked: sum, and offsets without a gap.
class Scanner {
 public:
  // At the start of the segment.
  static Result<Scanner> open(const std::string& directory, Offset base);

  // Continues at an index entry, if a record of that offset is really there.
  Result<void> jump(const IndexEntry& entry);

  // True: `out` holds the next record until the next call. False: no whole record follows now; a
  // half one at the end
  // of the file does not count. Corrupt: damage with a sound record behind it.
  Result<bool> next(Decoded& out);

  Offset base() const { return base_; }
  Offset expected() const { return expected_; }   // offset of the next record
  int64_t position() const { return position_; }  // where it starts
  const File& file() const { return file_; }
  Error damaged() const;  // Corrupt, naming file, offset and byte

 private:
  Scanner(File file, Offset base) : file_(std::move(file)), base_(base), expected_(base) {}
  Result<bool> at_end();
  std::string_view window() const;
  Result<void> fill(size_t bytes_min);

  File file_;
  Offset base_;
  Offset expected_;
  int64_t position_ = 0;
  std::string buffer_;  // bytes of the file from buffer_start_
  int64_t buffer_start_ = 0;
  int64_t harmless_bytes_ = -1;  // size of the file at which the rest was seen to be a torn tail
};

// The end of the segment's sound records, found from the index. The scanner stands there.
Result<Scanner> scan_to_end(const std::string& directory, Offset base);

// A scanner whose next record is `offset`, or that stands at the segment's end where it holds
// fewer.
Result<Scanner> scan_to(const std::string& directory, Offset base, Offset offset);

// The last segment whose base is <= offset; the first where there is none. `bases` must not be
// empty.
Offset segment_of(const std::vector<Offset>& bases, Offset offset);

// What the partition holds. A partition without segments holds [0, 0).
Result<OffsetRange> held_range(const std::string& directory);

Result<std::optional<Record>> last_record(const std::string& directory);
// By what retention.ms judges a segment: at least the largest timestamp in it, but never after it
// was last written to, so that one record from the future does not keep everything for ever.
Result<int64_t> age_timestamp_ms(const std::string& directory, Offset base);
Result<Offset> offset_at(const std::string& directory, int64_t timestamp_ms);

}  // namespace ticklake::broker
