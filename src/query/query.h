// SQL over Arrow batches and Delta snapshots, executed by DuckDB. The SQL comes from sql::Plan;
// inputs are read in it as ticklake_input('<name>').
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "delta/delta.h"
#include "io/files.h"
#include "model/arrow.h"
#include "sql/sql.h"

namespace ticklake::query {

struct Options {
  int threads = 1;
  int64_t memory_bytes_max = int64_t{2} << 30;
  io::Path spill_directory = {};  // empty: no spilling to disk
};

// A row that a from_json or from_avro of the plan could not decode.
struct DecodeError {
  int64_t row;      // what the SQL passes as row, __row of the batch input; -1 where NULL
  std::string raw;  // the payload
  std::string reason;
};

struct Answer {
  Batches batches;  // of the request's output schema, each with rows, of up to about 64 Ki; none
                    // for no rows
  std::vector<DecodeError> decode_errors;
};

// A statement prepared once and run many times; one thread at a time. `batches` are the rows of the
// request's batch input; other inputs are read anew at each run. Invalid: an ANSI error (overflow,
// division by zero, a failed cast), in Spark's words where it can be known; Unavailable: out of
// memory or disk.
class Prepared {
 public:
  virtual ~Prepared() = default;
  virtual Result<Answer> run(const Batches& batches) = 0;
  // The same with "__row" of each batch counted from the given number; the numbers rise.
  virtual Result<Answer> run(const Batches& batches, std::vector<int64_t> first_rows) = 0;

  // The first row that raises an error, and the error; nothing where none does. Only for
  // statements that make each row of one input row. Slow: rows are shown one at a time.
  struct Failing {
    int64_t row;
    Error error;
  };
  virtual Result<std::optional<Failing>> first_failing(const Batches& batches) = 0;
};

// A table input of a query: how to get its rows. Called on DuckDB's threads.
struct Input {
  Schema schema;
  // The named columns, in that order. Parts may be read side by side by several threads.
  std::function<
      Result<std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>>>(
          const std::vector<std::string>& columns)>
      parts;
  std::optional<int64_t> rows = {};  // about how many, where known: for the order of joins
};

// The rows of a snapshot: files that the conditions rule out are not read.
Input snapshot_input(io::FileStore& files, const delta::Snapshot& snapshot,
                     std::vector<delta::Condition> conditions);

// Rows that are in memory: those that `current` holds when they are read, about `rows`.
Input held_input(const Schema& schema, std::shared_ptr<Batches> current, int64_t rows);

std::vector<delta::Condition> conditions(const std::vector<sql::Conjunct>& conjuncts);

// What to prepare. The SQL is as sql::analyze prints it.
struct Request {
  std::string sql;
  Schema output;  // what the SQL gives; the answer's batches have exactly these types
  std::vector<sql::PayloadFunction> payload_functions;
  std::string batch_input = {};  // the id of the input that run() feeds, or ""
  Schema batch_schema =
      {};  // of that input; its SQL name also offers "__row" BIGINT, counted by run()
  std::optional<int64_t> batch_rows = {};  // about how many, for the order of joins
  std::map<std::string, Input> inputs = {};  // the others, by id
  bool keeps_undecodable = false;  // what fail_fast would make an error is NULL and told, too
  int64_t answer_bytes_max = 0;    // more is an Error of Code::Unavailable; 0: no limit
};

// An in-memory DuckDB with ticklake's native functions. Outlives what it prepared. Any thread; each
// statement has a connection of its own, so statements run side by side.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const Options& options);
  virtual ~Database() = default;
  virtual Result<std::unique_ptr<Prepared>> prepare(Request request) = 0;
};

}  // namespace ticklake::query

#include "query/change.h"
