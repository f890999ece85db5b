// Hashes whose values are stored or agreed on with others; they never change.
#pragma once

#include <cstdint>
#include <string_view>

namespace ticklake {

// MurmurHash2, 32 bits, with the seed of Kafka's Java client, whose default partitioner takes it
// without its sign bit modulo the number of partitions.
uint32_t murmur2(std::string_view bytes);

// CRC-32 of IEEE 802.3, as zlib has it.
uint32_t crc32(std::string_view bytes);

// FNV-1a, 64 bits. Give the hash of what came before to carry it on.
inline constexpr uint64_t kFnv1aOfNothing = 0xcbf29ce484222325u;
constexpr uint64_t fnv1a(std::string_view bytes, uint64_t before = kFnv1aOfNothing) {
  for (char c : bytes) before = (before ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return before;
}

}  // namespace ticklake
