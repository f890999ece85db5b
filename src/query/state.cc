#include "query/state.h"

#include <algorithm>

namespace ticklake::query {

void State::add(std::vector<DecodeError> errors) {
  std::scoped_lock lock(mutex_);
  std::move(errors.begin(), errors.end(), std::back_inserter(decode_errors_));
}

std::vector<DecodeError> State::take_decode_errors() {
  std::scoped_lock lock(mutex_);
  auto errors = std::exchange(decode_errors_, {});
  std::ranges::stable_sort(errors, {}, &DecodeError::row);
  return errors;
}

int64_t Registry::add(std::shared_ptr<State> state) {
  std::scoped_lock lock(mutex_);
  states_[next_] = std::move(state);
  return next_++;
}

std::shared_ptr<State> Registry::find(int64_t number) const {
  std::scoped_lock lock(mutex_);
  auto found = states_.find(number);
  return found == states_.end() ? nullptr : found->second;
}

void Registry::remove(int64_t number) {
  std::scoped_lock lock(mutex_);
  states_.erase(number);
}

}  // namespace ticklake::query
