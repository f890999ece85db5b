#include "base/uuid.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>

#include "base/check.h"

namespace ticklake {

std::string new_uuid() {
  std::array<unsigned char, 16> b{};
  // Requests of up to 256 bytes are neither cut short nor interrupted once the kernel's pool is
  // ready.
  CHECK(getrandom(b.data(), b.size(), 0) == static_cast<ssize_t>(b.size()), "no randomness");
  b[6] = static_cast<unsigned char>((b[6] & 0x0F) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3F) | 0x80);
  std::string out;
  for (size_t i = 0; i < b.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += fmt::format("{:02x}", b[i]);
  }
  return out;
}

}  // namespace ticklake
