// Any JSON text into columns, with simdjson: nested values, escapes, and the reasons of what is
// malformed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "formats/column.h"

namespace ticklake::formats {

class TreeReader {
 public:
  virtual ~TreeReader() = default;

  // Appends one row to `root`, a Struct: what the text gives, NULLs where it is malformed. Returns
  // the first reason why it is malformed or a field does not match, or "".
  virtual std::string read(std::string_view text, Column& root) = 0;
};

// Spark: a field without a column is passed by, a STRING takes any value, of equal keys the last
// counts. Strict: each of these is told as a reason.
enum class Strictness : uint8_t { Spark, Strict };

std::unique_ptr<TreeReader> make_tree_reader(Strictness strictness = Strictness::Spark);

}  // namespace ticklake::formats
