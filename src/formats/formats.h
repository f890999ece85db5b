// Bytes to and from Arrow: JSON and CSV.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
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

}  // namespace ticklake::formats
