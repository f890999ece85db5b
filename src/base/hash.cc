#include "base/hash.h"

#include <cstring>

namespace ticklake {

uint32_t murmur2(std::string_view bytes) {
  constexpr uint32_t kMix = 0x5bd1e995;
  constexpr uint32_t kSeed = 0x9747b28c;
  uint32_t hash = kSeed ^ static_cast<uint32_t>(bytes.size());
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 4; at += 4, left -= 4) {
    uint32_t word;
    std::memcpy(&word, at, 4);
    word *= kMix;
    word ^= word >> 24;
    word *= kMix;
    hash = (hash * kMix) ^ word;
  }
  for (size_t i = left; i > 0; --i) {
    hash ^= static_cast<uint32_t>(static_cast<uint8_t>(at[i - 1])) << (8 * (i - 1));
  }
  if (left > 0) hash *= kMix;
  hash ^= hash >> 13;
  hash *= kMix;
  return hash ^ (hash >> 15);
}

}  // namespace ticklake
