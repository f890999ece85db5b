// What the callbacks that DuckDB calls share with the prepared statement they serve. Private to
// this folder.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "query/query.h"
#include "query/series.h"
#include "query/vectors.h"

namespace ticklake::query {

// An input as the table function sees it.
struct TableInput {
  Schema schema;
  std::vector<ColumnImport> columns;  // one a field
  Input source;                       // not for the batch input
  bool is_batch = false;  // its rows are State::batches, and it has "__row" after its fields
};

// Of one prepared statement. Set up before DuckDB sees it; while a statement runs, DuckDB's threads
// read what is plain and reach the rest through the methods.
class State {
 public:
  explicit State(int64_t series_bytes_max) : series(series_bytes_max) {}

  std::map<std::string, TableInput> inputs;
  const Batches* batches = nullptr;
  bool keeps_undecodable = false;  // see Request
  std::vector<int64_t> first_rows;  // of each batch
  // Of the batch input, for looking for a row: how many rows are shown at once, and how far they
  // were shown.
  int64_t rows_at_once = INT64_MAX;
  std::atomic<int64_t> shown = 0;
  SeriesSet series;  // of market functions, for one run

  // The first error is kept: it is the cause of those that follow.
  void fail(Error error) {
    std::scoped_lock lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  void add(std::vector<DecodeError> errors);

  std::optional<Error> take_error() {
    std::scoped_lock lock(mutex_);
    return std::exchange(error_, std::nullopt);
  }
  std::vector<DecodeError> take_decode_errors();  // sorted by row

 private:
  std::mutex mutex_;
  std::optional<Error> error_;
  std::vector<DecodeError> decode_errors_;
};

// The living statements of a database by number. The printed SQL is given the number of its
// statement, so that two statements that use the same names do not meet. Any thread.
class Registry {
 public:
  int64_t add(std::shared_ptr<State> state);
  std::shared_ptr<State> find(int64_t number) const;
  void remove(int64_t number);

 private:
  mutable std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<State>> states_;
  int64_t next_ = 1;
};

}  // namespace ticklake::query
