// Which partition a key belongs to, as Kafka's Java client decides it, so that all clients of a topic
// put the same key in the same place.
//
// Threading: pure functions.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace penstock::kafka {

// MurmurHash2 in 32 bits with the seed that Kafka chose.
std::uint32_t murmur2(ByteView bytes);

// One of 0 .. partition_count - 1. `partition_count` is positive.
std::int32_t partition_of_key(ByteView key, std::int32_t partition_count);

}  // namespace penstock::kafka
