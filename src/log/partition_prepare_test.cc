// Preparing the next segment ahead, and what a roll waits for.
#include <gtest/gtest.h>

#include <chrono>

#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Zeros ahead of need practically stand still, and everything else takes 100 us.
LogMachineOptions with_slow_zeros() {
  LogMachineOptions options;
  options.disk.latency_min = options.disk.latency_max = microseconds(100);
  options.pool.smallest_bytes = options.partition.segment_bytes = kMiB;
  options.pool.zero_bytes_per_second = 1;
  return options;
}
constexpr BatchShape kThreeBlocks{.payload_bytes = 12'000};
// Five of them use half of a segment and a little more.
constexpr BatchShape kThirtyBlocks{.payload_bytes = 120'000};

TEST(PartitionPrepare, TheNextSegmentIsFilledInStepWithWhatIsUsedOfThisOneSoThatNoRollWaits) {
  SimStorage storage;
  LogMachine machine(storage, with_slow_zeros());
  machine.start();
  machine.append_ok(0, kThreeBlocks);
  // More than three segments.
  for (std::uint64_t seed = 1; seed < 300; ++seed) {
    const Instant before = machine.clock.now();
    machine.append_ok(seed, kThreeBlocks);
    ASSERT_EQ(machine.clock.now() - before, microseconds(100)) << "append " << seed;
  }
  EXPECT_TRUE(storage.exists(segment_path(3)));
}

TEST(PartitionPrepare, ARollThatFindsNothingPreparedDoesNotWaitForTheRate) {
  SimStorage storage;
  LogMachine machine(storage, with_slow_zeros());
  machine.start();
  const Instant before = machine.clock.now();
  machine.append_ok(0);
  EXPECT_LT(machine.clock.now() - before, milliseconds(5));
}

TEST(PartitionPrepare, ARollThatComesTooEarlyDoesNotWaitForTheRate) {
  SimStorage storage;
  LogMachine machine(storage, with_slow_zeros());
  machine.start();
  for (std::uint64_t seed = 0; seed < 5; ++seed) machine.append_ok(seed, kThirtyBlocks);
  machine.sleep(seconds(1));
  const Instant before = machine.clock.now();
  machine.append_ok(5, {.payload_bytes = 500 * kKiB});
  EXPECT_LT(machine.clock.now() - before, milliseconds(5));
}

TEST(PartitionPrepare, ClosingGivesUpASegmentThatIsBeingPrepared) {
  SimStorage storage;
  LogMachine machine(storage, with_slow_zeros());
  machine.start();
  for (std::uint64_t seed = 0; seed < 5; ++seed) machine.append_ok(seed, kThirtyBlocks);
  machine.sleep(seconds(1));
  const Instant before = machine.clock.now();
  EXPECT_TRUE(machine.stop());
  EXPECT_LT(machine.clock.now() - before, milliseconds(5));
  EXPECT_FALSE(storage.exists(segment_path(2)));
}

// ---- a segment's next life

TEST(PartitionPrepare, ASegmentThatWasFilledNeedsNoZerosInItsNextLife) {
  SimStorage storage;
  LogMachine machine(storage, with_slow_zeros());
  machine.start();
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    machine.append_ok(seed, kThreeBlocks);
    if (seed % 50 == 0)
      EXPECT_TRUE(machine.scheduler.run(machine.partition().apply({.time = {}, .bytes = 0})));
  }
  const SegmentPoolStats& stats = machine.pool().stats();
  EXPECT_GE(stats.taken_ready, 15U);
  EXPECT_EQ(stats.taken_retired, 0U);
  EXPECT_EQ(stats.zero_bytes, stats.taken_made * kMiB) << "none but those of new files";
}

TEST(PartitionPrepare, ASegmentOfWhichMuchIsLeftIsCutToItsData) {
  SimStorage storage;
  LogMachine machine(storage, with_slow_zeros());
  machine.start();
  for (std::uint64_t seed = 0; seed < 20; ++seed) machine.append_ok(seed, kThreeBlocks);
  EXPECT_TRUE(machine.stop());
  EXPECT_LT(storage.contents(segment_path(1)).size(), kMiB / 2);
}

}  // namespace
}  // namespace penstock::log::testing
