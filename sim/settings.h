// Settings: how the shards and topics of a simulation are set up, drawn from a seed.
//
// This is the one place where they are drawn: a new option of a partition or a shard is added here, and
// every campaign covers it. Sizes are small, so that a few batches make several commits and segments.
//
// Ownership: plain values. Threading: none.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "log/testing/log_shard.h"

namespace penstock::sim {

// Of one life of a shard.
log::testing::LogShardOptions draw_shard(Random& random);

// Of one topic in one life: what a restart may change.
enum class CommitPolicies {
  kAll,
  kSync,  // where what a batch topic acknowledges from memory would be told from nothing
};
log::PartitionOptions draw_topic(Random& random, CommitPolicies policies);

// What clients and operators do in one life.
struct Activity {
  std::uint64_t producers = 3;             // at most, over all partitions
  std::uint64_t batches_per_producer = 8;  // at most
  std::uint64_t batch_bytes = 6000;        // at most
  bool deletes = true;                     // records, from the beginning: by request, age and size
  bool scrubs = true;
  bool compacts = true;
  bool consumes = true;  // tailing and catching up
  bool searches_times = true;
  bool changes = true;   // of options
  bool destroys = true;  // whole partitions, which are created again
  // Pauses are so many times as long: for devices that are.
  std::uint64_t pause_factor = 1;
  // No more begins when the disk has done so many steps.
  std::uint64_t steps_max = UINT64_MAX;
  // I7: after this much virtual time everything has ended.
  Duration ends_within = std::chrono::minutes(10);
};

}  // namespace penstock::sim
