// The kernel's make of SharedMemory: an mmap of a file, MAP_SHARED.
//
// Threading: any thread; it blocks.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "disk/shared_memory.h"

namespace penstock::posix {

// As Disk::create_shared().
Result<std::unique_ptr<SharedMemory>> create_shared(const std::string& path, std::uint64_t size_bytes);

}  // namespace penstock::posix
