// Ids that a broker gives to members.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "base/random.h"

namespace penstock::group {

// The text of a UUID, for example "3f2504e0-4f89-41d3-9a0c-0305e82c3301".
inline std::string make_uuid_text(Random& random) {
  const std::uint64_t high = random.next();
  const std::uint64_t low = random.next();
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xFFFF,
                     high & 0xFFFF, low >> 48, low & 0xFFFFFFFFFFFF);
}

}  // namespace penstock::group
