// One producer a source: a lock on a file, which the system drops when the process ends, however it
// ends.
#pragma once

#include <string>

#include "base/result.h"

namespace ticklake::sources {

class Lease {
 public:
  // Conflict: another holds it; the message has its pid.
  static Result<Lease> take(const std::string& directory, const std::string& source);

  Lease() = default;
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();

 private:
  explicit Lease(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace ticklake::sources
