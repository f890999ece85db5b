// Rows of a file as they become a batch. Private to the folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/column.h"
#include "formats/formats.h"
#include "formats/json_tree.h"

namespace ticklake::formats {

// The schema's columns without the rescued and the corrupt one, which it fills by itself.
class RowSink {
 public:
  RowSink(const SourceFile& file, const FileFormat& format, Schema schema);

  // A STRUCT of the data columns.
  Column& data() { return data_; }
  const std::vector<Field>& fields() const { return *data_.type().children; }
  bool rescues() const { return rescued_ >= 0; }

  // The data columns have a row more. `reason`: not "": it is malformed in part or whole.
  // Invalid with FAILFAST.
  Result<void> add(std::string_view raw, FilePlace place, const std::string& reason,
                   const std::vector<Leftover>& leftovers);
  // A row of NULLs.
  Result<void> add_malformed(std::string_view raw, FilePlace place, const std::string& reason);

  int64_t rows() const { return data_.size(); }
  FileReader::Rows finish();

 private:
  Error at(FilePlace place, std::string_view what) const;

  std::string name_, uri_;
  FileFormat::Mode mode_;
  bool keeps_bad_;
  Schema schema_;
  int rescued_, corrupt_;
  Column data_;
  Column rescued_texts_{Kind::String}, corrupt_texts_{Kind::String};
  FileReader::Rows out_;
};

}  // namespace ticklake::formats
