// One runner a project. Private to the folder.
#pragma once

#include <memory>

#include "base/result.h"
#include "io/files.h"

namespace ticklake::engine {

// Held while it lives; the system gives it back when the process ends, however it ends.
class Lease {
 public:
  // Conflict: another process (named by its pid) holds it.
  static Result<std::unique_ptr<Lease>> take(const io::Path& storage);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

 private:
  explicit Lease(int file) : file_(file) {}
  int file_;
};

}  // namespace ticklake::engine
