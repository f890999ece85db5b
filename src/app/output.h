// What commands print: rows of Arrow batches and small objects, in the forms of --output.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/arrow.h"

namespace arrow::ipc {
class RecordBatchWriter;
}

namespace ticklake::app {

// Arrow is for rows only: the IPC stream, a schema even where there is no row.
enum class Format : uint8_t { JsonLines, Json, Csv, Table, Arrow };

// Reads --output. Nothing given: a table on a terminal, JSON Lines into a pipe.
Format parse_format(const std::string& text, bool terminal);
const char* name_of(Format format);

// Writes rows of one schema as they come; a table is drawn at finish(), when its widths are known.
class RowWriter {
 public:
  RowWriter(std::FILE* out, Format format, Schema schema);
  ~RowWriter();
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;
  Result<void> write(const arrow::RecordBatch& batch);
  // Call once, after the last row. Unavailable where the output could not be written (a full disk).
  Result<void> finish();

 private:
  Result<void> keep_cells(const arrow::RecordBatch& batch);
  Result<void> begin_stream();

  std::FILE* out_;
  Format format_;
  Schema schema_;
  int64_t rows_ = 0;
  std::vector<std::vector<std::string>> cells_;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> stream_;
};

// Names and values of one printed thing, in order. A value is a JSON text.
using Object = std::vector<std::pair<std::string, std::string>>;

std::string json_text(std::string_view text);  // bytes that are not UTF-8 become U+FFFD
std::string json_text_or_null(const std::optional<std::string>& text);
std::string json_texts(const std::vector<std::string>& texts);
std::string json_map(const std::map<std::string, std::string>& map);
std::string to_json(const Object& object);

// Writes objects as they come, as one document. A table is drawn a call of write() at a time, so
// that who follows a topic sees its records.
class ObjectWriter {
 public:
  // `columns` names the columns where there is no object to take them from.
  ObjectWriter(std::FILE* out, Format format, std::vector<std::string> columns);
  Result<void> write(const std::vector<Object>& objects);
  // Call once, after the last object.
  Result<void> finish();

 private:
  std::FILE* out_;
  Format format_;
  std::vector<std::string> columns_;
  size_t written_ = 0;
  std::vector<Object> rows_;  // of a table: their widths are known at the end
};

// All in one go. `columns` names the columns where there is no object to take them from.
Result<void> write_objects(std::FILE* out, Format format, const std::vector<Object>& objects,
                           const std::vector<std::string>& columns);
// One thing: a JSON object for both JSON forms, a name a line for a table.
Result<void> write_object(std::FILE* out, Format format, const Object& object);

// A table with lines around its cells. Cells of `right` columns stand to the right. Ends with a
// line end.
std::string drawn(const std::vector<std::string>& header, const std::vector<bool>& right,
                  const std::vector<std::vector<std::string>>& rows);

// Of UTF-8, one each.
size_t characters(std::string_view text);

// "1 row", "2 rows".
std::string counted(size_t count, std::string_view what);

// Flushes, and tells where the system could not take what was written.
Result<void> flushed(std::FILE* out);

}  // namespace ticklake::app
