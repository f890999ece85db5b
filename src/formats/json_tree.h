// Any JSON text into columns, with simdjson: nested values, escapes, and the reasons of what is
// malformed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/column.h"
#include "formats/csv_value.h"

namespace ticklake::formats {

// What an object held beyond the columns.
struct Leftover {
  std::vector<std::string> path;  // names from the outermost on
  std::string json;
  bool unknown = false;  // there is no such column; else the value is of another type
};

class TreeReader {
 public:
  virtual ~TreeReader() = default;

  // Appends one row to `root`, a Struct: what the text gives, NULLs where it is malformed. Returns
  // the first reason why it is malformed or a field does not match, or "".
  virtual std::string read(std::string_view text, Column& root) = 0;

  // Of the last text, where they are kept.
  virtual const std::vector<Leftover>& leftovers() const = 0;
};

// Spark: a field without a column is passed by, a STRING takes any value, of equal keys the last
// counts. Strict: each of these is told as a reason.
enum class Strictness : uint8_t { Spark, Strict };

struct TreeOptions {
  bool keep_leftovers = false;
  bool case_sensitive = true;  // of the columns' names
  bool exact_text = false;      // a STRING is what is not one with its digits and blanks
  const TimePatterns* patterns = nullptr;  // of dates and times; null: as CAST reads
};

std::unique_ptr<TreeReader> make_tree_reader(Strictness strictness = Strictness::Spark,
                                             TreeOptions options = {});

}  // namespace ticklake::formats
