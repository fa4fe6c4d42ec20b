// BlockKey: which block of which file. BlockPriority: how much it matters.
//
// Threading: plain values.
#pragma once

#include <cstdint>

namespace penstock {

struct BlockKey {
  std::uint64_t file_id = 0;  // the caller's; one number means the same contents for ever
  std::uint64_t block = 0;    // the bytes from block * block_bytes on

  friend bool operator==(const BlockKey&, const BlockKey&) = default;
};

// High is for what is needed again and again: indexes, footers.
enum class BlockPriority : std::uint8_t { kNormal, kHigh };

}  // namespace penstock
