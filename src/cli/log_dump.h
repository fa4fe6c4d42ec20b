// `penstock log dump`: what lies in a stored log, entry by entry, as text or as one JSON object per
// line.
//
// Threading: one thread. Changes nothing on the disk.
#pragma once

#include <cstdint>

#include "cli/console.h"
#include "cli/offline_disk.h"
#include "cli/stored_log.h"

namespace penstock::cli {

struct DumpOptions {
  bool records = false;
  bool json = false;
  // The most entries, or with `records` the most records, to show.
  std::uint64_t limit = UINT64_MAX;
};

// Places that cannot be read are shown as such, and passed. Errors: the device's.
Result<void> dump_log(OfflineDisk& disk, const StoredLog& log, const DumpOptions& options,
                      Console& console);

}  // namespace penstock::cli
