// The data directory: <data>/LOCK, <data>/topics, <data>/pool/<shard>, <data>/catalog, and
// CLEAN_SHUTDOWN between two runs.
//
// Threading: any; blocks. To be called before the shards run.
#pragma once

#include <string>

#include "base/error.h"
#include "disk/data_lock.h"

namespace penstock::server {

std::string pool_directory(const std::string& data_directory, std::size_t shard);
std::string catalog_directory(const std::string& data_directory);

// Makes what is missing, durably, takes the lock, and empties the pools of shards that are no more.
// Errors: kPermission, kBusy (another server has it), kNoSpace, kIo; the message says what to do.
Result<DirectoryLock> prepare_data_directory(const std::string& data_directory,
                                             std::size_t shard_count);

}  // namespace penstock::server
