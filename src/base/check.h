// CHECK: for what can only be our own mistake. Prints and aborts, in release too.
#pragma once

#include <string_view>

namespace ticklake {

[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               std::string_view message);

}  // namespace ticklake

#define CHECK(condition, message)                                          \
  do {                                                                     \
    if (!(condition)) [[unlikely]]                                         \
      ::ticklake::check_failed(__FILE__, __LINE__, #condition, (message)); \
  } while (false)
