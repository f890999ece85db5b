// Cuts lines of CSV into cells, as Spark's reader does. Private to the folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/formats.h"

namespace ticklake::formats {

struct CsvCell {
  std::string_view text;  // without quotes and escapes; until the next call
  bool quoted = false;
};

class CsvCells {
 public:
  explicit CsvCells(const FileFormat& format);

  // The cells of a record without its line end.
  const std::vector<CsvCell>& cut(std::string_view record);

  struct End {
    size_t text;  // where the record ends, before its line end
    size_t next;
  };
  // Of the record that `text` begins with, which may have line ends within quotes. Nothing: it goes
  // on beyond the text. `whole`: the text ends where the file does.
  std::optional<End> record_end(std::string_view text, bool whole) const;

  // Empty, or a comment.
  bool is_nothing(std::string_view record) const;

 private:
  // Past the cell that begins at `at`: at a delimiter, or at the record's end.
  size_t plain(std::string_view record, size_t at, CsvCell& cell) const;
  size_t quoted(std::string_view record, size_t at, CsvCell& cell);
  bool delimiter_at(std::string_view record, size_t at) const {
    return record[at] == delimiter_[0] &&
           (delimiter_.size() == 1 || record.substr(at).starts_with(delimiter_));
  }

  std::string delimiter_;
  char quote_, escape_, comment_;
  bool trim_leading_, trim_trailing_;
  std::vector<CsvCell> cells_;
  std::string scratch_;
};

}  // namespace ticklake::formats
