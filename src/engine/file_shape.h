// The columns that read_files() gives. Private to the folder.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "file_arguments.h"
#include "formats/formats.h"
#include "model/arrow.h"

namespace ticklake::engine {

inline constexpr const char* kMetadataColumn = "_metadata";

struct FileShape {
  Schema data;        // in the files; the corrupt record's column too
  Schema partitions;  // in their paths

  // data, partitions, the rescued column, and last _metadata unless a column has that name.
  Schema input(const FileArguments& arguments) const;
  // What a reader of files gives: data and the rescued column.
  Schema read(const FileArguments& arguments) const;
  bool has_metadata() const { return data.find(kMetadataColumn) < 0; }
};

// Declared, else recorded below `storage` (where that is not empty), else inferred from the files
// that are there. Invalid: there are none.
Result<FileShape> file_shape(io::FileStore& files, const io::Path& storage,
                             const FileArguments& arguments);

// The shape whose input() it is: what a plan was made with, whatever the files have become.
FileShape shape_of(const Schema& input, const FileArguments& arguments);

// Durably records an inferred shape, so that a restart sees the same; nothing where one is recorded
// already.
Result<void> record_shape(io::FileStore& files, const io::Path& storage,
                          const FileArguments& arguments, const FileShape& shape);

// Whether `found` has fields, or its structs have, that the shape lacks.
bool has_more(const FileShape& shape, const Schema& found);
// Adds them to what is recorded.
Result<void> record_more(io::FileStore& files, const io::Path& storage,
                         const FileArguments& arguments, const Schema& found);

// A file that is being read.
struct OpenFile {
  io::FileInfo info;
  std::unique_ptr<formats::FileReader> reader;
  // Of each input column that is the same in all rows; null: the reader gives it.
  std::vector<std::shared_ptr<arrow::Scalar>> constants;
};

formats::SourceFile source_file(const io::FileInfo& info,
                                std::shared_ptr<arrow::io::RandomAccessFile> bytes);

// `input`: the columns wanted, of the shape's. NotFound: the file is gone.
Result<OpenFile> open_file(io::FileStore& files, const FileArguments& arguments,
                           const FileShape& shape, const Schema& input, const io::FileInfo& info,
                           formats::FilePlace from = {});
// The reader's rows as rows of `input`.
Result<BatchPtr> completed(const OpenFile& file, const Schema& input, const BatchPtr& read);

}  // namespace ticklake::engine
