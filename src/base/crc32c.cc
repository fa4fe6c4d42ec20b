#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace penstock {

namespace {

// ISA-L takes the length as an int.
constexpr std::size_t kLargestPiece = std::size_t{1} << 30;

}  // namespace

std::uint32_t crc32c(ByteView data, std::uint32_t seed) {
  std::uint32_t state = ~seed;
  while (!data.empty()) {
    const std::size_t piece = std::min(data.size(), kLargestPiece);
    // crc32_iscsi only reads; its signature predates const.
    auto* bytes = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(data.data()));
    state = crc32_iscsi(bytes, static_cast<int>(piece), state);
    data = data.subspan(piece);
  }
  return ~state;
}

}  // namespace penstock
