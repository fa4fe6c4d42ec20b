// Recovery: what is in a partition's directory, found again after a clean stop or a crash.
//
// A sealed segment (one with a valid index file) is taken as it is. Every other one is read from its
// start, entry by entry, and ends where the last verified entry ends. What lies behind is a torn tail,
// which was never acknowledged, unless a later entry says that it was durable: then it is damage, which
// is reported by topic, partition and offset, and kept. Then the segment is made durable and sealed:
// appends after a restart go to a new segment, under a new salt, so nothing that a killed process still
// had in flight can ever be mistaken for an entry.
//
// What lies below the partition's log start was deleted: what a death left of it is removed.
//
// Recovery may crash at any point and start over; a second run finds the same.
// Threading: the partition's shard.
#pragma once

#include <string>
#include <vector>

#include "log/segment.h"

namespace penstock::log {

struct RecoveryReport {
  std::uint32_t segment_count = 0;
  std::uint32_t scanned_segment_count = 0;
  std::uint64_t scanned_bytes = 0;
  std::uint64_t torn_bytes = 0;  // whole entries behind a lost one, cut: never acknowledged
  // Acknowledged from memory in the life before, which ended before they were on the device.
  std::uint64_t unsynced_records = 0;
  std::vector<std::string> findings;  // damage, one sentence each: topic, partition, offsets, file

  void add(const RecoveryReport& other);
};

struct RecoveredPartition {
  std::vector<SegmentRef> segments;  // sealed, in order, not empty
  Offset log_start;
  Offset next_offset;
  std::uint64_t next_segment_number = 1;
  // Set when the last segment could not be read at all: which offsets were given away is not known, so
  // appending would give some of them away twice.
  std::optional<Error> append_refusal;
  RecoveryReport report;
};

Task<Result<RecoveredPartition>> recover_partition(Scheduler& scheduler, Disk& disk,
                                                   std::string directory, PartitionId id);

}  // namespace penstock::log
