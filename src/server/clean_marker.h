// The clean marker: the file CLEAN_SHUTDOWN in the data directory, which says that the last stop was
// graceful.
//
// Written durably as the last act of a stop, and durably removed before anything else is written: a
// server that dies in between finds no marker, and says so.
//
// Threading: the disk's scheduler.
#pragma once

#include <optional>
#include <string>

#include "disk/disk.h"

namespace penstock::server {

struct CleanMarker {
  std::string stopped_at;  // "2026-08-01T12:00:00Z"
};

Task<Result<void>> write_clean_marker(Disk& disk, std::string data_directory, std::int64_t wall_ms);

// Reads the marker and removes it; nothing when there is none. On return it is gone for good.
Task<Result<std::optional<CleanMarker>>> take_clean_marker(Disk& disk, std::string data_directory);

}  // namespace penstock::server
