// Cuts a file into records without holding more than a few of them. Private to the folder.
#pragma once

#include <arrow/io/type_fwd.h>

#include <memory>
#include <string>
#include <string_view>

#include "formats/csv_cells.h"
#include "formats/formats.h"

namespace ticklake::formats {

struct Record {
  std::string_view text;  // until the next call; without its line end
  FilePlace place;
};

class RecordSplitter {
 public:
  // `from` is a place that place() gave, or the file's start.
  static Result<RecordSplitter> open(const SourceFile& file, const FileFormat& format,
                                     FilePlace from);

  // False: the file has no more records. Invalid: one is longer than can be held.
  Result<bool> next(Record& record);
  FilePlace place() const { return place_; }  // where the next record begins

 private:
  enum class Cut : uint8_t { Lines, Separator, Csv, Json, Whole };
  struct Found {
    size_t begin = 0;  // of the text
    size_t end = 0;
    size_t next = 0;  // where to look for the next one
  };

  RecordSplitter(std::string name, const FileFormat& format, FilePlace from)
      : name_(std::move(name)), csv_(format), separator_(format.line_separator), place_(from) {}

  Result<void> fill();
  // False: more bytes are needed to tell, or there are none left and nothing is found.
  bool find(Found& found);
  bool find_line(Found& found) const;
  bool find_json(Found& found) const;

  std::string name_;
  Cut cut_ = Cut::Lines;
  CsvCells csv_;
  std::string separator_;
  std::shared_ptr<arrow::io::InputStream> stream_;
  std::string buffer_;
  size_t at_ = 0;
  bool ended_ = false;
  FilePlace place_;
};

}  // namespace ticklake::formats
