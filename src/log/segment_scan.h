// scan_segment(): what a segment holds that has no index, found by reading it.
//
// Tells a torn tail, which was never acknowledged, from damage to what was. It changes nothing on the
// disk.
//
// Threading: the disk's scheduler thread.
#pragma once

#include <optional>

#include "log/segment.h"

namespace penstock::log {

struct SegmentScan {
  // Where the segment must begin, if that is known.
  std::optional<Offset> expected_base;
  // Else where it begins at the earliest, if that is.
  std::optional<Offset> earliest_base;
  // Where the scan begins; without one it begins with the first entry.
  std::optional<Checkpoint> checkpoint;
};

struct ScanResult {
  std::uint64_t scanned_bytes = 0;
  // Whole entries behind a lost one that were never acknowledged.
  std::uint64_t torn_bytes = 0;
};

// Fills in everything of `segment` but its header and file. Errors: the device's.
Task<Result<ScanResult>> scan_segment(Scheduler& scheduler, Segment& segment, SegmentScan how);

}  // namespace penstock::log
