// Work that may be done in parts, side by side.
#pragma once

#include <functional>

namespace ticklake {

// Any thread.
class Spread {
 public:
  virtual ~Spread() = default;
  // How many parts can be under way at once, at most; from 1 on.
  virtual int width() const = 0;
  // Calls part(0) .. part(count - 1), each once: here, and on threads that have nothing to do.
  // Returns when all have returned.
  virtual void each(int count, const std::function<void(int)>& part) = 0;
};

}  // namespace ticklake
