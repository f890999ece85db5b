#include "sql_runner.h"

#include <algorithm>

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

// The rows that raise errors, at the price of a run of the statement for each.
Result<std::vector<RowError>> find_errors(query::Prepared& statement, const Batches& input,
                                          bool all_errors) {
  std::vector<RowError> out;
  int64_t end = row_count(input);
  for (int64_t from = 0; from < end && (all_errors || out.empty());) {
    int64_t to = std::min(from + kRowsPerLook, end);
    Rows look;
    add_slice(input, from, to, look);
    auto failing = TRY(statement.first_failing(look.batches));
    if (failing) out.push_back({from + failing->row, std::move(failing->error)});
    from = failing ? out.back().row + 1 : to;
  }
  return out;
}

}  // namespace

Result<RunAnswer> run_rows(query::Prepared& statement, const Batches& input, bool all_errors) {
  auto whole = statement.run(input);
  if (whole) return RunAnswer{std::move(whole->batches), std::move(whole->decode_errors), {}};
  if (whole.error().code != Code::Invalid) return whole.error();
  auto errors = TRY(find_errors(statement, input, all_errors));
  if (errors.empty()) return whole.error();
  if (!all_errors) return RunAnswer{{}, {}, std::move(errors)};
  Rows good;
  int64_t from = 0;
  for (const auto& error : errors) {
    add_slice(input, from, error.row, good);
    from = error.row + 1;
  }
  add_slice(input, from, row_count(input), good);
  auto answer = TRY(statement.run(good.batches, std::move(good.first_rows)));
  return RunAnswer{std::move(answer.batches), std::move(answer.decode_errors), std::move(errors)};
}

}  // namespace ticklake::engine
