// PartitionLives: one partition, from one seed, through several lives of a simulated machine.
//
// In each life the partition is recovered, concurrent producers append, readers read, in every second
// one records are deleted from the beginning, on request and by size, and the machine
// then dies at a random step - power cut or kill, also in the middle of recovery - or closes cleanly. A
// model remembers what was sent, acknowledged and seen; after every step of a reader and after every
// recovery the log is held against it:
//   - what was acknowledged, or was ever served, is there: at its offset, with its bytes, once;
//   - nothing is served that was not sent at that offset;
//   - what was deleted does not come back, and nothing else is deleted;
//   - the log is a prefix without holes, and recovering it twice gives the same.
// The same seed gives the same trace.
#pragma once

#include <cstdint>
#include <string>

namespace penstock::sim {

struct LivesOutcome {
  bool passed = true;
  std::string failure;  // what was wrong, for people
  std::uint64_t trace_hash = 0;
  std::uint32_t lives = 0;
  std::uint32_t crashes_in_recovery = 0;
  std::uint64_t acknowledged_batches = 0;
  std::uint64_t deletions = 0;
  std::uint64_t rolls = 0;  // segments beyond the first, over all lives
  std::uint64_t torn_recoveries = 0;
  std::uint64_t unacknowledged_kept = 0;  // batches that survived although nobody had been told

  // Adds the counts of another run to these.
  void count(const LivesOutcome& other);
};

LivesOutcome run_partition_lives(std::uint64_t seed);

}  // namespace penstock::sim
