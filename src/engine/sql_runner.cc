#include "sql_runner.h"

#include <algorithm>

namespace ticklake::engine {
namespace {

// Rows [from, to) of the batches, without copying.
Batches slice(const Batches& input, int64_t from, int64_t to) {
  Batches out;
  int64_t start = 0;
  for (const auto& batch : input) {
    int64_t end = start + batch->num_rows();
    int64_t first = std::max(from, start);
    int64_t last = std::min(to, end);
    if (first < last) out.push_back(batch->Slice(first - start, last - first));
    start = end;
  }
  return out;
}

// Halves the rows until the ones that raise errors stand alone.
class Bisection {
 public:
  Bisection(query::Prepared& statement, const Batches& input, bool all_errors)
      : statement_(statement), input_(input), all_errors_(all_errors) {}

  Result<void> run(int64_t from, int64_t to) {
    if (from >= to || (!all_errors_ && !out_.row_errors.empty())) return {};
    bool whole = from == 0 && to == row_count(input_);
    auto answer = statement_.run(whole ? input_ : slice(input_, from, to));
    if (answer) {
      keep(*std::move(answer), from);
      return {};
    }
    if (answer.error().code != Code::Invalid) return answer.error();
    if (to - from == 1) {
      out_.row_errors.push_back({from, answer.error()});
      return {};
    }
    int64_t middle = from + (to - from) / 2;
    TRY(run(from, middle));
    return run(middle, to);
  }

  RunAnswer take() { return std::move(out_); }

 private:
  void keep(query::Answer answer, int64_t from) {
    for (auto& batch : answer.batches) out_.parts.push_back({std::move(batch), from});
    for (auto& error : answer.decode_errors) {
      error.row += from;
      out_.decode_errors.push_back(std::move(error));
    }
  }

  query::Prepared& statement_;
  const Batches& input_;
  bool all_errors_;
  RunAnswer out_;
};

}  // namespace

Result<RunAnswer> run_rows(query::Prepared& statement, const Batches& input, bool all_errors) {
  Bisection bisection(statement, input, all_errors);
  TRY(bisection.run(0, row_count(input)));
  return bisection.take();
}

}  // namespace ticklake::engine
