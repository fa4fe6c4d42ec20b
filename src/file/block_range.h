// BlockRange: the whole blocks of a file that a range of bytes touches.
//
// Threading: a plain value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/units.h"

namespace penstock::file {

// No file reaches this position: the last block boundary of a signed 64-bit file position. Ranges are
// cut here, so that nothing overflows whatever position a caller asks for.
inline constexpr std::uint64_t kFilePositionLimit =
    align_down(std::numeric_limits<std::int64_t>::max(), kBlockBytes);

// The end of the `size_bytes` at `from`, as far as a file can reach.
constexpr FilePosition end_of(FilePosition from, std::uint64_t size_bytes) {
  if (from.value >= kFilePositionLimit) return from;
  return from + std::min(size_bytes, kFilePositionLimit - from.value);
}

struct BlockRange {
  FilePosition start;
  FilePosition end;

  // The blocks that hold any byte of [from, to).
  static constexpr BlockRange around(FilePosition from, FilePosition to) {
    return {{align_down(from.value, kBlockBytes)}, {align_up(to.value, kBlockBytes)}};
  }
  // The blocks that lie in [from, to) with all of their bytes.
  static constexpr BlockRange inside(FilePosition from, FilePosition to) {
    const FilePosition start{align_up(from.value, kBlockBytes)};
    return {start, std::max(start, FilePosition{align_down(to.value, kBlockBytes)})};
  }

  constexpr std::uint64_t size_bytes() const { return end.value - start.value; }

  friend bool operator==(const BlockRange&, const BlockRange&) = default;
};

}  // namespace penstock::file
