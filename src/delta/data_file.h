// One data file of a table being written, from its name to its AddFile.
#pragma once

#include <string>
#include <vector>

#include "delta/actions.h"
#include "delta/delta.h"
#include "delta/parquet_file.h"

namespace ticklake::delta {

// The columns that go into files, and what each file needs. What it refers to outlives it.
struct DataFilePlan {
  io::FileStore& files;
  const io::Clock& clock;
  const Snapshot& snapshot;
  WriteOptions options;
  Schema schema;             // without the partition columns
  std::vector<int> columns;  // their places in the rows
  std::string directory = {};  // "" or one that ends in '/'

  std::vector<std::string> names() const;
};

DataFilePlan data_file_plan(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot,
                            WriteOptions options);

// The rows in files of the plan; none is left where it fails. Batches have the table's columns, and
// whatever else the plan names.
Result<std::vector<AddFile>> written(const DataFilePlan& plan, const Batches& batches);

// Rows in the file, deleted ones too.
Result<int64_t> stored_rows(io::FileStore& files, const io::Path& root, const AddFile& file);

struct DataFile {
  std::string path;  // relative to the root
  ParquetFile file;
};

// `sample`: rows as they will come, in the plan's columns.
Result<DataFile> open_data_file(const DataFilePlan& plan, const Values& values,
                                const BatchPtr& sample);
Result<AddFile> closed_data_file(const DataFilePlan& plan, const Values& values, DataFile open);

}  // namespace ticklake::delta
