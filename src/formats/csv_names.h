// Names of a CSV file's columns. Private to the folder.
#pragma once

#include <string>
#include <vector>

#include "formats/csv_cells.h"
#include "formats/record_splitter.h"

namespace ticklake::formats {

// Of a first line, as Spark names them: an empty cell is _c<i>, a name given twice (in any case)
// gets its number behind it. Without a header all are _c<i>.
std::vector<std::string> csv_names(const std::vector<CsvCell>& first, const FileFormat& format);

// The first line with anything on it; false: there is none.
Result<bool> next_csv_line(RecordSplitter& records, const CsvCells& cells, Record& record);

}  // namespace ticklake::formats
