// statx with the fields that are newer than Debian 12's headers.
//
// Threading: any.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace penstock {

struct StatxFields {
  std::uint64_t mask = 0;
  std::uint64_t attributes = 0;  // STATX_ATTR_*
  // STATX_DIOALIGN, Linux 6.1. Absent means unknown; there and zero means that direct I/O is not had.
  bool has_direct_alignment = false;
  std::uint32_t direct_memory_bytes = 0;
  std::uint32_t direct_offset_bytes = 0;
  // STATX_DIO_READ_ALIGN, Linux 6.14.
  std::uint32_t direct_read_bytes = 0;
  // STATX_WRITE_ATOMIC, Linux 6.11.
  std::uint32_t atomic_min_bytes = 0;
  std::uint32_t atomic_max_bytes = 0;
};

// All zero when the call fails.
inline StatxFields statx_fields(int fd) {
  constexpr unsigned kWriteAtomic = 0x00010000U;
  constexpr unsigned kDioReadAlign = 0x00020000U;
  // Where the kernel's struct statx has them.
  constexpr std::size_t kAtomicMinAt = 0xA8;
  constexpr std::size_t kAtomicMaxAt = 0xAC;
  constexpr std::size_t kReadAlignAt = 0xB4;
  static_assert(sizeof(struct statx) == 256, "the size is fixed by the kernel's interface");

  struct statx status{};
  const unsigned wanted = STATX_BASIC_STATS | STATX_DIOALIGN | kWriteAtomic | kDioReadAlign;
  if (::statx(fd, "", AT_EMPTY_PATH, wanted, &status) != 0) return {};
  const auto newer_field = [&](unsigned bit, std::size_t at) {
    std::uint32_t value = 0;
    if ((status.stx_mask & bit) != 0) {
      std::memcpy(&value, reinterpret_cast<const std::byte*>(&status) + at, sizeof(value));
    }
    return value;
  };
  StatxFields fields;
  fields.mask = status.stx_mask;
  fields.attributes = status.stx_attributes & status.stx_attributes_mask;
  fields.has_direct_alignment = (status.stx_mask & STATX_DIOALIGN) != 0;
  fields.direct_memory_bytes = status.stx_dio_mem_align;
  fields.direct_offset_bytes = status.stx_dio_offset_align;
  fields.direct_read_bytes = newer_field(kDioReadAlign, kReadAlignAt);
  fields.atomic_min_bytes = newer_field(kWriteAtomic, kAtomicMinAt);
  fields.atomic_max_bytes = newer_field(kWriteAtomic, kAtomicMaxAt);
  return fields;
}

}  // namespace penstock
