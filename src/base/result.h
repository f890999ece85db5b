// Result<T>: a value, or the reason why there is none. Spelled like std::expected, which GCC 12 has
// only under C++23.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace ticklake {

// What the caller may do about an error.
enum class Code : uint8_t {
  NotFound,     // the thing is not there
  Invalid,      // the input is wrong; the same call fails again
  Conflict,     // another writer was first: reopen and decide again
  Unavailable,  // the world failed (disk, network); the same call may succeed later
  Corrupt,      // stored data is damaged
  Unsupported,  // valid, but not something ticklake does
};

std::string_view to_string(Code code);

// A sentence for a person: what, where, and what to do.
struct Error {
  Code code;
  std::string message;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  bool has_value() const { return state_.index() == 0; }

  T& operator*() & { return checked(); }
  const T& operator*() const& { return const_cast<Result*>(this)->checked(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &const_cast<Result*>(this)->checked(); }

  Error& error() & { return *checked_error(); }
  const Error& error() const& { return *const_cast<Result*>(this)->checked_error(); }
  Error&& error() && { return std::move(*checked_error()); }

 private:
  T& checked() {
    CHECK(state_.index() == 0, std::get<1>(state_).message);
    return *std::get_if<0>(&state_);
  }
  Error* checked_error() {
    CHECK(state_.index() == 1, "error() of a Result that holds a value");
    return std::get_if<1>(&state_);
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_.has_value(); }
  bool has_value() const { return !error_.has_value(); }
  void operator*() const { CHECK(!error_.has_value(), error_->message); }

  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

// Evaluates to the value, or returns the error from the enclosing function. A TRY inside a TRY is
// an error under -Wshadow, as it should be.
#define TRY(expression)                     \
  __extension__({                           \
    auto try_result = (expression);         \
    if (!try_result) [[unlikely]]           \
      return std::move(try_result).error(); \
    *std::move(try_result);                 \
  })

// The same error with `where` before its message: "<where>: <message>".
Error prefixed(std::string_view where, Error error);

}  // namespace ticklake
