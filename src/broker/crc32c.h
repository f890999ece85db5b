// CRC-32C (Castagnoli), the checksum of Kafka's batches and of ours.
#pragma once

#include <cstdint>
#include <string_view>

namespace ticklake::broker {

uint32_t crc32c(std::string_view bytes);

}  // namespace ticklake::broker
