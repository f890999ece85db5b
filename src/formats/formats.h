// Bytes to and from Arrow: JSON, CSV and text; files of rows in these and in Parquet.
#pragma once

#include <arrow/io/type_fwd.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/avro.h"
#include "model/arrow.h"
#include "model/type.h"

namespace ticklake::formats {

// Parses JSON texts into rows of a schema, as Spark's from_json in PERMISSIVE mode: a field that is
// missing, null or of another type is NULL; field names are compared exactly. One object may be
// used again and again; one thread at a time.
class JsonDecoder {
 public:
  struct Failure {
    int64_t row;         // of the texts given
    std::string reason;  // "malformed JSON at byte 88: ..." or "price: not a number: \"abc\""
  };
  struct Rows {
    BatchPtr batch;                 // one row a text; a malformed text gives a row of NULLs
    std::vector<Failure> failures;  // in row order; the first reason of each failed row
  };

  // Unsupported: a type that JSON cannot give (INTERVAL).
  static Result<std::unique_ptr<JsonDecoder>> make(Schema schema);
  virtual ~JsonDecoder() = default;

  // valid[i] == false: text i is NULL (the row is NULL). `valid` may be empty: all are there.
  virtual Result<Rows> decode(std::span<const std::string_view> texts,
                              const std::vector<bool>& valid) = 0;
};

// One JSON object a row, each on a line, in the form that design and `--output jsonl` promise:
// instants in ISO-8601 with Z, 64-bit integers and decimals as numbers with all digits, binary as
// base64, NaN and infinities as strings.
Result<std::string> to_json_lines(const arrow::RecordBatch& batch, const Schema& schema);
// One row of it as one object, without the line end.
Result<std::string> to_json(const arrow::RecordBatch& batch, const Schema& schema, int64_t row);
// With a header line, RFC 4180 quoting, values as in JSON without its quotes, NULL as nothing.
Result<std::string> to_csv(const arrow::RecordBatch& batch, const Schema& schema, bool header);

// JSON Lines to rows, strictly: Invalid with line number and reason on the first line that is not
// an object of the schema's types (an unknown field, a number that does not fit, a missing NOT NULL
// field).
Result<BatchPtr> from_json_lines(std::string_view text, const Schema& schema);

// Appends the text as a JSON string, with quotes. `text` is UTF-8.
void append_json_string(std::string& out, std::string_view text);

// Appends the cell of a CSV file as the JSON value of the type, checked: numbers with the digits
// they have, dates and instants in ISO-8601, nothing at all as null. Returns why the cell is not of
// the type ("not a number: \"abc\""), or "". Types that a cell cannot be (nested ones, BINARY,
// INTERVAL) are refused in the same way.
std::string append_cell_as_json(std::string& out, const Type& type, std::string_view cell);

// Splits CSV text into records (RFC 4180; CR LF or LF; quoted line breaks; a byte-order mark is
// skipped).
struct CsvRecord {
  int64_t line = 0;     // where it starts, the first line is 1
  int64_t offset = 0;   // byte where it starts
  std::string_view raw; // without the line end
  std::vector<std::string> fields;
  std::string problem;  // not empty: "quote not closed", "invalid UTF-8", ...
};
class CsvSplitter {
 public:
  explicit CsvSplitter(std::string_view text, char separator = ',');
  std::optional<CsvRecord> next();
  // Of the last record: the text ended inside it (no line end, or a quote still open), so more text
  // might change it.
  bool truncated() const { return truncated_; }

 private:
  std::string_view text_;
  char separator_;
  size_t at_ = 0;
  int64_t line_ = 1;
  bool truncated_ = false;
};

// ---- files of rows, as read_files() reads them

// How files are written, and what to do with what is not: Spark's options of the same names.
struct FileFormat {
  enum class Form : uint8_t { Csv, Json, Text, Parquet, BinaryFile };
  enum class Mode : uint8_t { Permissive, DropMalformed, FailFast };
  Form form = Form::Csv;
  Mode mode = Mode::Permissive;
  bool multi_line = false;
  bool header = false;
  // A header's names say which column is which; else their order does. Parquet: what differs in
  // case or type is no value of the column; else case does not count and another type is an error.
  bool by_name = false;
  std::string delimiter = ",";
  char quote = '"';     // '\0': none
  char escape = '\\';   // '\0': none
  char comment = '\0';  // lines that begin with it are passed by
  std::string null_value = {};
  std::string empty_value = {};
  bool trim_leading = false;
  bool trim_trailing = false;
  std::string line_separator = {};  // "": CR LF, LF or CR
  bool whole_text = false;
  std::string date_format = {};  // Java's patterns; "": as CAST reads
  std::string timestamp_format = {};
  bool infer_types = true;  // false: every column is STRING
  bool infer_timestamp = false;      // JSON
  bool primitives_as_string = false;
  bool prefers_decimal = false;
  bool case_sensitive = true;  // whether names that differ in case are the same column
  std::string rescued = {};        // the column that keeps what fits nowhere else, or ""
  std::string corrupt = "_corrupt_record";  // the column that keeps malformed records, if there
  bool keeps_bad = false;  // what is malformed is kept elsewhere: invalid UTF-8 is no error
};
// Invalid: a pattern that is not one of Java's; Unsupported: a letter of it that is not known here.
Result<void> check_time_formats(const FileFormat& format);

// A file as it stood at one time: what was added to it later is not read.
struct SourceFile {
  std::shared_ptr<arrow::io::RandomAccessFile> bytes;
  int64_t size = 0;
  std::string name;         // for messages; ".gz" at its end: compressed
  std::string uri;          // for the rescued data
  int64_t modified_us = 0;  // BinaryFile gives it
};

// Where a record begins: a byte (of what a compressed file holds), in Parquet a row.
struct FilePlace {
  int64_t position = 0;
  int64_t line = 1;
};

// Reads a file from a place on, piece by piece, in memory that does not depend on its size. Errors
// name the file and the line. One thread.
class FileReader {
 public:
  struct Bad {
    int64_t row;  // of the batch
    std::string raw;
    std::string reason;
  };
  struct Rows {
    BatchPtr batch;                // of the schema; null: the file is read
    std::vector<FilePlace> places;  // of each row
    std::vector<Bad> bad;          // malformed records and values of other types, by row
    int64_t dropped = 0;           // records left out by DROPMALFORMED
  };

  // Columns of the schema that the file lacks are NULL. Corrupt: it is damaged.
  static Result<std::unique_ptr<FileReader>> open(SourceFile file, FileFormat format, Schema schema,
                                                  FilePlace from = {});
  virtual ~FileReader() = default;

  // About so many rows and bytes at most, but at least one record.
  virtual Result<Rows> next(int64_t rows_max, int64_t bytes_max) = 0;
  virtual FilePlace place() const = 0;  // after what was read
  // Fields met since the file was opened that the schema lacks: "b", "a.c".
  virtual const std::set<std::string>& unknown() const = 0;
};

// Finds the schema that files have together, as Spark infers it; the rescued column is not in it.
class SchemaInference {
 public:
  static std::unique_ptr<SchemaInference> make(FileFormat format);
  virtual ~SchemaInference() = default;
  // Looks at about so many bytes of the file.
  virtual Result<void> add(SourceFile file, int64_t bytes_max, FilePlace from = {}) = 0;
  // STRING where nothing was seen but NULL.
  virtual Schema schema() const = 0;
};

}  // namespace ticklake::formats
