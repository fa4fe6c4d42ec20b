// CRC-32C (Castagnoli), the checksum of Kafka's record batches and of every Penstock format.
//
// Runs on the CPU's own instructions through ISA-L. crc32c("123456789") == 0xE3069283.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace penstock {

// The checksum of `data`; give the result of an earlier call as `seed` to go on where it ended.
std::uint32_t crc32c(ByteView data, std::uint32_t seed = 0);

}  // namespace penstock
