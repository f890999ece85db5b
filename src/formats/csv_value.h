// Cells of CSV as values of a column, and what type a cell looks like, as Spark reads and infers
// them. Private to the folder.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "formats/column.h"
#include "formats/formats.h"
#include "formats/time_pattern.h"

namespace ticklake::formats {

// The patterns of a format; nothing where values are read as CAST does.
struct TimePatterns {
  static Result<TimePatterns> make(const FileFormat& format);
  std::optional<int32_t> date(std::string_view text) const;
  std::optional<ParsedTimestamp> timestamp(std::string_view text) const;

  std::optional<TimePattern> date_pattern = {};
  std::optional<TimePattern> timestamp_pattern = {};
};

// Appends what the text is as a value of the column. False: it is none, and nothing was appended.
bool append_csv_value(Column& column, std::string_view text, const TimePatterns& patterns);

// The narrowest type for a text that is not NULL and for what was seen before it (Null: nothing).
Type csv_type(const Type& before, std::string_view text, const TimePatterns& patterns);

}  // namespace ticklake::formats
