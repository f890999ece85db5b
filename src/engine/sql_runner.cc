#include "sql_runner.h"

#include <arrow/array/util.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>
#include <iterator>

namespace ticklake::engine {
namespace {

// Rows of the input, in pieces that keep their numbers.
struct Rows {
  Batches batches;
  std::vector<int64_t> first_rows;
};

// Adds rows [from, to), without copying.
void add_slice(const Batches& input, int64_t from, int64_t to, Rows& out) {
  int64_t start = 0;
  for (const auto& batch : input) {
    int64_t end = start + batch->num_rows();
    int64_t first = std::max(from, start);
    int64_t last = std::min(to, end);
    if (first < last) {
      out.batches.push_back(batch->Slice(first - start, last - first));
      out.first_rows.push_back(first);
    }
    start = end;
  }
}

// Rows that are looked through in one go: each look checks and shows no more than these.
constexpr int64_t kRowsPerLook = 256;

// The rows in [from, end) that raise errors, at the price of a run of the statement for each.
Result<std::vector<RowError>> find_errors(query::Prepared& statement, const Batches& input,
                                          int64_t from, int64_t end, bool all_errors) {
  std::vector<RowError> out;
  while (from < end && (all_errors || out.empty())) {
    int64_t to = std::min(from + kRowsPerLook, end);
    Rows look;
    add_slice(input, from, to, look);
    auto failing = TRY(statement.first_failing(look.batches));
    if (failing) out.push_back({from + failing->row, std::move(failing->error)});
    from = failing ? out.back().row + 1 : to;
  }
  return out;
}

// The same for rows that are joined: all of them are taken in before one raises its error, so none
// can be seen to be the last.
Result<void> halve(query::Prepared& statement, const Batches& input, int64_t from, int64_t to,
                   bool all_errors, std::vector<RowError>& out) {
  if (from == to || (!all_errors && !out.empty())) return {};
  Rows rows;
  add_slice(input, from, to, rows);
  auto answer = statement.run(rows.batches, std::move(rows.first_rows));
  if (answer) return {};
  if (answer.error().code != Code::Invalid) return answer.error();
  if (to - from == 1) {
    out.push_back({from, answer.error()});
    return {};
  }
  int64_t middle = from + (to - from) / 2;
  TRY(halve(statement, input, from, middle, all_errors, out));
  return halve(statement, input, middle, to, all_errors, out);
}

// Whether the error comes though the stream says nothing: of a row of NULLs it is the same.
bool is_of_joined(query::Prepared& statement, const Batches& input, const Error& error) {
  arrow::ArrayVector nulls;
  for (const auto& field : input[0]->schema()->fields()) {
    auto column = arrow::MakeArrayOfNull(field->type(), 1);
    if (!column.ok()) return false;
    nulls.push_back(*std::move(column));
  }
  auto answer = statement.run({arrow::RecordBatch::Make(input[0]->schema(), 1, std::move(nulls))});
  return !answer && answer.error().code == Code::Invalid &&
         answer.error().message == error.message;
}

// Rows [from, to) of the input.
Result<RunAnswer> run_part(query::Prepared& statement, const Batches& input, int64_t from,
                           int64_t to, ErrorSearch search) {
  Rows rows;
  add_slice(input, from, to, rows);
  auto whole = statement.run(rows.batches, std::move(rows.first_rows));
  if (whole) return RunAnswer{std::move(whole->batches), std::move(whole->decode_errors), {}};
  if (whole.error().code != Code::Invalid) return whole.error();
  std::vector<RowError> errors;
  if (search.joined && is_of_joined(statement, input, whole.error())) {
    return prefixed("a table that the stream is joined with has rows that raise an error, whatever "
                    "the stream has; mend them, or use try_cast or its kin for its columns",
                    whole.error());
  }
  if (search.joined) {
    TRY(halve(statement, input, from, to, search.all, errors));
  } else {
    errors = TRY(find_errors(statement, input, from, to, search.all));
  }
  if (errors.empty()) return whole.error();
  if (!search.all) return RunAnswer{{}, {}, std::move(errors)};
  Rows good;
  for (const auto& error : errors) {
    add_slice(input, from, error.row, good);
    from = error.row + 1;
  }
  add_slice(input, from, to, good);
  auto answer = TRY(statement.run(good.batches, std::move(good.first_rows)));
  return RunAnswer{std::move(answer.batches), std::move(answer.decode_errors), std::move(errors)};
}

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

}  // namespace

Result<RunAnswer> run_rows(Statements statements, Spread* spread, const Batches& input,
                           ErrorSearch search) {
  auto parts = static_cast<int64_t>(statements.size());
  int64_t rows = row_count(input);
  std::vector<Result<RunAnswer>> answers(statements.size(), Result<RunAnswer>(RunAnswer{}));
  auto run = [&](int part) {
    auto at = static_cast<size_t>(part);
    answers[at] = run_part(*statements[at], input, rows * part / parts, rows * (part + 1) / parts,
                           search);
  };
  if (parts == 1 || spread == nullptr) {
    for (int part = 0; part < parts; ++part) run(part);
  } else {
    spread->each(static_cast<int>(parts), run);
  }
  RunAnswer out;
  for (auto& answer : answers) {
    RunAnswer part = TRY(std::move(answer));
    append(out.batches, std::move(part.batches));
    append(out.decode_errors, std::move(part.decode_errors));
    append(out.row_errors, std::move(part.row_errors));
    if (!search.all && !out.row_errors.empty()) break;
  }
  return out;
}

}  // namespace ticklake::engine
