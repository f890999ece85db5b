// The rows that a test expects, beside those that are there.
//
//   symbol | minute               | close     the first line names the columns
//   IBM    | 2026-01-05T14:30:00Z | 141.2     then a line a row
//   "NULL" | NULL                 | 7.0       a text that would be read otherwise is written as in
//   JSON
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/arrow.h"

namespace ticklake::app {

// Rows as cells. A cell is written so that parse_rows reads the same value.
struct CellRows {
  Schema schema;
  std::vector<std::vector<std::string>> rows;
};
Result<CellRows> cell_rows(const Schema& schema, const Batches& batches);

// The cell of a text.
std::string text_cell(const std::string& text);

struct ExpectedRows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<int> lines;  // of each row
};
// `first_line`: of the block's first line. Invalid: no line of names, or a row of another width.
Result<ExpectedRows> parse_rows(const std::vector<std::string>& block, int first_line,
                                const std::string& file);

// As lines of a test, columns under each other.
std::vector<std::string> drawn_rows(const CellRows& rows);

// Nothing where the rows are as expected, else a text of several lines for a person: rows that are
// missing, that nobody expected, and that differ, these side by side. Numbers and instants are
// compared by value. `ordered`: their order counts. The columns are the same.
std::string difference(const ExpectedRows& expected, const CellRows& found, bool ordered);

}  // namespace ticklake::app
