// Columns between Arrow and DuckDB. Private to this folder.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/arrow.h"
#include "query/handles.h"

namespace ticklake::query {

// DuckDB's type of a column. Both of Spark's timestamps are TIMESTAMP, as the printed SQL wants
// them.
TypeHandle logical_type(const Type& type);

// Nothing where vectors of `actual` can be written as `expected`; else the name of the actual type.
std::optional<std::string> mismatch(duckdb_logical_type actual, const Type& expected);

// Shows columns of one type to DuckDB without copying their values.
class ColumnImport {
 public:
  static Result<ColumnImport> make(duckdb_connection connection, const Type& type);

  // Lets `vector` show `count` rows of `column`, at most DuckDB's vector size; the vector keeps the
  // column alive. Any thread.
  Result<void> show(const std::shared_ptr<arrow::Array>& column, int64_t from, int64_t count,
                    duckdb_vector vector) const;

 private:
  duckdb_connection connection_ = nullptr;
  std::shared_ptr<arrow::Schema> schema_;
  bool nested_ = false;
  ArrowTypesHandle types_;
};

// True where both keep their values in the same way; names, nullability and zones do not matter.
bool same_layout(const arrow::DataType& a, const arrow::DataType& b);

// Invalid where text of the column, at any depth, is not UTF-8: DuckDB must never see it.
Result<void> check_text(const arrow::Array& column, const std::string& name);

// Collects DuckDB vectors of one column into one Arrow array of exactly to_arrow(type).
class ColumnWriter {
 public:
  static std::unique_ptr<ColumnWriter> make(const Type& type);
  virtual ~ColumnWriter() = default;

  // Appends the rows `from`, `from` + 1, .. of a flat vector.
  virtual arrow::Status append(duckdb_vector vector, int64_t from, int64_t count) = 0;
  virtual int64_t byte_size() const = 0;  // about
  // What was appended; the writer is then as new.
  virtual arrow::Result<std::shared_ptr<arrow::ArrayData>> finish() = 0;
};

}  // namespace ticklake::query
