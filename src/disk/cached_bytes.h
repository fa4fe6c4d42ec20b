// cached_bytes: what the page cache holds of a file, clean or dirty.
//
// By cachestat (Linux 6.5). mincore overlooks the page that a cut inside a block leaves, since that is
// not whole (tried on ext4, 6.18).
//
// Threading: any.
#pragma once

#include <cstdint>
#include <optional>

namespace penstock {

// In bytes, whole pages; nothing where the kernel has no such call.
std::optional<std::uint64_t> cached_bytes(int fd);

}  // namespace penstock
