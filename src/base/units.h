// Units: the three quantities that must not be mixed, and block arithmetic.
//
// An Offset is a message's place in a partition, a FilePosition is a byte's place in a file, and a
// plain std::uint64_t named *_bytes says how many. Mixing the first two does not compile.
#pragma once

#include <fmt/format.h>

#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"

namespace penstock {

// A message's place in a partition: 0 is the first message ever appended. Kafka's "offset".
struct Offset {
  std::int64_t value = 0;

  friend auto operator<=>(Offset, Offset) = default;
  Offset operator+(std::int64_t count) const { return Offset{value + count}; }
  std::int64_t operator-(Offset other) const { return value - other.value; }
};

// A byte's place in a file.
struct FilePosition {
  std::uint64_t value = 0;

  friend auto operator<=>(FilePosition, FilePosition) = default;
  FilePosition operator+(std::uint64_t bytes) const { return FilePosition{value + bytes}; }
  std::uint64_t operator-(FilePosition other) const { return value - other.value; }
};

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

// The unit of device writes: every physical block size in use today divides it, so a write of whole
// blocks at a block boundary never makes the device read first.
inline constexpr std::uint64_t kBlockBytes = 4096;

// `alignment` is a power of two.
constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) {
  PENSTOCK_ASSERT(std::has_single_bit(alignment), "alignment must be a power of two");
  return value & ~(alignment - 1);
}
constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return align_down(value + alignment - 1, alignment);
}
constexpr bool is_aligned(std::uint64_t value, std::uint64_t alignment) {
  return align_down(value, alignment) == value;
}

}  // namespace penstock

template <>
struct fmt::formatter<penstock::Offset> : fmt::formatter<std::int64_t> {
  auto format(penstock::Offset offset, format_context& context) const {
    return fmt::formatter<std::int64_t>::format(offset.value, context);
  }
};

template <>
struct fmt::formatter<penstock::FilePosition> : fmt::formatter<std::uint64_t> {
  auto format(penstock::FilePosition position, format_context& context) const {
    return fmt::formatter<std::uint64_t>::format(position.value, context);
  }
};
