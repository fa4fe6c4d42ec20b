// LogStart: a partition's memory of what was deleted from its beginning.
//
// Written before any file goes, so that it does not matter which of the removals a crash leaves undone:
// what lies below the start is gone, and recovery removes what is left of it. It also holds the next
// offset when everything was deleted, and no segment is left to tell.
//
// Threading: the partition's shard. Durability: replace_log_start() is durable on return.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"
#include "disk/disk.h"
#include "log/format.h"

namespace penstock::log {

inline constexpr std::string_view kLogStartFile = "log_start";

std::vector<std::byte> encode_log_start(const PartitionId& id, Offset start);
// kCorrupt with the reason, also when it is another partition's.
Result<Offset> decode_log_start(const PartitionId& id, ByteView file);

// Offset 0 when nothing was ever deleted. kCorrupt, with the path; the device's.
Task<Result<Offset>> read_log_start(Disk& disk, std::string directory, PartitionId id);
Task<Result<void>> replace_log_start(Disk& disk, std::string directory, PartitionId id, Offset start);

}  // namespace penstock::log
