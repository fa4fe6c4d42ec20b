#include "kafka/partitioner.h"

#include "base/assert.h"

namespace penstock::kafka {

std::uint32_t murmur2(ByteView bytes) {
  constexpr std::uint32_t kSeed = 0x9747b28c;
  constexpr std::uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;
  constexpr std::size_t kWordBytes = sizeof(std::uint32_t);

  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
  for (; bytes.size() >= kWordBytes; bytes = bytes.subspan(kWordBytes)) {
    std::uint32_t word = load_le<std::uint32_t>(bytes, 0) * kMultiplier;
    word ^= word >> kShift;
    hash = (hash * kMultiplier) ^ (word * kMultiplier);
  }
  if (!bytes.empty()) {
    for (std::size_t i = bytes.size(); i-- > 0;)
      hash ^= std::to_integer<std::uint32_t>(bytes[i]) << (8 * i);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  return hash ^ (hash >> 15);
}

std::int32_t partition_of_key(ByteView key, std::int32_t partition_count) {
  PENSTOCK_ASSERT(partition_count > 0, "a topic has at least one partition");
  constexpr std::uint32_t kWithoutSign = 0x7FFF'FFFF;  // how Java makes it positive
  return static_cast<std::int32_t>((murmur2(key) & kWithoutSign) %
                                   static_cast<std::uint32_t>(partition_count));
}

}  // namespace penstock::kafka
