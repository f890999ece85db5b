// Hashes whose values are stored or agreed on with others; they never change.
#pragma once

#include <cstdint>
#include <string_view>

namespace ticklake {

// MurmurHash2, 32 bits, with the seed of Kafka's Java client, whose default partitioner takes it
// without its sign bit modulo the number of partitions.
uint32_t murmur2(std::string_view bytes);

}  // namespace ticklake
