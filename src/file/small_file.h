// Small files that are read and replaced whole: indexes, topic descriptions, markers.
//
// Threading: the disk's scheduler thread; one caller at a time per path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "disk/disk.h"

namespace penstock::file {

// The largest file that these functions handle.
inline constexpr std::uint64_t kMaxSmallFileBytes = 64 * kMiB;

// Replaces `directory`/`name` by `contents`, atomically: after a crash at any moment the file is the
// old one or the new one, whole. Durable on return. `name`.tmp is used on the way.
Task<Result<void>> replace_small_file(Disk& disk, std::string directory, std::string name,
                                      std::vector<std::byte> contents);

// Reads a whole file. kNotFound; kTooLarge above kMaxSmallFileBytes.
Task<Result<std::vector<std::byte>>> read_small_file(Disk& disk, std::string path);

}  // namespace penstock::file
