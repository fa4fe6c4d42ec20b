// Rebuilding of index files: of sealed segments whose index is missing or cannot be used, from the
// segments themselves.
//
// Only what is whole is sealed again: every entry intact, and the segment ending where the next one
// begins, or, for the newest one, where its file ends. Everything else is left as it is, and said: a
// server's next start reads such a segment, and knows what is damaged in it.
//
// The data directory is locked meanwhile. Threading: one thread. Durability: an index that is reported
// as rebuilt is durable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/offline_disk.h"
#include "cli/stored_log.h"
#include "disk/data_lock.h"

namespace penstock::cli {

struct ReindexReport {
  std::uint64_t segment_count = 0;   // that were looked at
  std::uint64_t intact_count = 0;    // whose index was all right
  std::uint64_t unsealed_count = 0;  // the newest ones without an index: a start seals them
  std::vector<std::string> rebuilt;  // index files, by path
  std::vector<std::string> damage;   // why an index could not be rebuilt, a line each
};

// Keeps servers out of the data directory that `path` is or lies in, as long as the result lives; a
// path outside of any, such as a copy, needs no lock. Errors: those of DirectoryLock.
Result<std::optional<DirectoryLock>> lock_stored_log(const std::string& path);

// Errors: the device's; what was rebuilt before stays.
Result<ReindexReport> reindex_log(OfflineDisk& disk, const StoredLog& log);

}  // namespace penstock::cli
