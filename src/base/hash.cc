#include "base/hash.h"

#include <array>
#include <cstring>

namespace ticklake {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0);
    table[i] = value;
  }
  return table;
}

}  // namespace

uint32_t crc32(std::string_view bytes) {
  static constexpr auto table = crc_table();
  uint32_t sum = 0xFFFFFFFFu;
  for (char c : bytes) sum = table[(sum ^ static_cast<uint8_t>(c)) & 0xFF] ^ (sum >> 8);
  return sum ^ 0xFFFFFFFFu;
}

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
