// The lines of a CSV file as JSON objects of a schema.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/formats.h"
#include "sources/sources.h"

namespace ticklake::sources {

struct CsvRow {
  std::string json;
  std::optional<std::string> key;
  std::string problem;  // not empty: why the line is bad
};

class CsvColumns {
 public:
  // With the names that the file's first line gives. Invalid: a column of the schema is not among
  // them.
  static Result<CsvColumns> from_header(const CsvSpec& spec, const std::vector<std::string>& names,
                                        const std::string& path);
  // Without such a line: in the schema's order.
  static CsvColumns from_schema(const CsvSpec& spec);

  CsvRow row(const formats::CsvRecord& record) const;

 private:
  explicit CsvColumns(const CsvSpec& spec) : spec_(&spec) {}

  const CsvSpec* spec_;
  std::vector<size_t> places_;  // in the file, of each field of the schema
  size_t width_ = 0;            // columns of the file
};

}  // namespace ticklake::sources
