// LogStats: what the partitions of a shard have done since the server started, counted where it
// happens.
//
// One per shard and not one per partition, so that a counter never goes back when a partition is
// deleted or opened again. Plain numbers: whoever wants them asks on the shard.
//
// Ownership: the shard's; it outlives the partitions. Threading: the shard's scheduler.
#pragma once

#include <cstdint>

#include "base/latency_histogram.h"

namespace penstock::log {

struct LogStats {
  // --- Appending
  std::uint64_t appends = 0;              // record batches taken in
  std::uint64_t appended_records = 0;     // in them
  std::uint64_t appended_bytes = 0;       // of them, as producers sent them
  std::uint64_t memory_acknowledged = 0;  // of them, before they were on the device (batch topics)
  std::uint64_t refused_appends = 0;      // refused because the partition is fenced
  std::uint64_t commits = 0;              // durable device writes
  std::uint64_t committed_bytes = 0;      // of them, whole blocks
  std::uint64_t payload_bytes = 0;        // the part of committed_bytes that is record batches
  std::uint64_t pad_bytes = 0;            // the part that only fills blocks
  std::uint64_t failed_commits = 0;
  std::uint64_t fences = 0;    // partitions that stopped taking appends because a write failed
  std::uint64_t no_space = 0;  // times that appends began to be refused for lack of space
  // What appends go through, once for each commit.
  LatencyHistogram queue_latency;   // from its first batch to the start of its write
  LatencyHistogram device_latency;  // from there to its durable end
  LatencyHistogram ack_latency;     // from there until it is acknowledged, in its order

  // --- Segments
  std::uint64_t segments_begun = 0;
  std::uint64_t segments_deleted = 0;  // from the beginning: by retention and on request
  std::uint64_t deleted_bytes = 0;     // of those files' data

  std::uint64_t compacted_segments = 0;        // rewritten without padding
  std::uint64_t compaction_written_bytes = 0;  // the size of what they are now
  std::uint64_t compaction_reclaimed_bytes = 0;

  // --- Reading
  std::uint64_t tail_reads = 0;  // served from memory
  std::uint64_t tail_read_bytes = 0;
  std::uint64_t device_reads = 0;  // served by reading segments
  std::uint64_t device_read_bytes = 0;

  // --- Damage
  std::uint64_t damage_findings = 0;  // told to the operator, by reads and scrubs
  std::uint64_t scrubbed_bytes = 0;   // verified by scrubs
  std::uint64_t scrub_findings = 0;   // segments in which a scrub found damage
  std::uint64_t scrub_rounds = 0;     // partitions that were scrubbed to their end
};

}  // namespace penstock::log
