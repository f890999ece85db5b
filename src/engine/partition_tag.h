// The tag of a data file that tells which rows came from which partition of the original topic, so
// that a reader of the file sees the same per-partition runs as one that is handed the rows in
// memory. Private to the folder.
//
//   ticklake.partitions  [{"p":0,"rows":5000},{"p":2,"rows":10,"ended":true},{"p":3,"idle":true}]
//                        ended: its writer had read the partition to its end
//   ticklake.sequence    "17": grows from file to file of one table; the order of writing
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "delta/delta.h"

namespace ticklake::engine {

inline constexpr const char* kPartitionsTag = "ticklake.partitions";
inline constexpr const char* kSequenceTag = "ticklake.sequence";

struct PartitionRun {
  Partition partition;
  int64_t rows = 0;
};

struct PartitionTag {
  std::vector<PartitionRun> runs;  // in row order
  std::set<Partition> partitions;  // all that are known; those of the runs too
  std::set<Partition> idle;
  std::set<Partition> ended = {};
};

std::string to_json(const PartitionTag& tag);
// Corrupt: not of that form.
Result<PartitionTag> parse_partition_tag(const std::string& json);

// Unsupported: the file has no statistics, and is not read for them.
Result<int64_t> rows_told_by(const delta::AddFile& file);

// Of a file that carries none, as if all its rows were of partition 0.
Result<PartitionTag> partition_tag_of(const delta::AddFile& file);

}  // namespace ticklake::engine
