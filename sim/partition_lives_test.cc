#include "sim/partition_lives.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace penstock::sim {
namespace {

constexpr std::uint64_t kDefaultSeeds = 10'000;

// PENSTOCK_SIM_SEEDS sets the count; `make sim` runs many more.
std::uint64_t seed_count() {
  const char* text = std::getenv("PENSTOCK_SIM_SEEDS");
  return text == nullptr ? kDefaultSeeds : std::stoull(text);
}

TEST(PartitionLives, AcknowledgedDataSurvivesEveryDeathAndTheLogStaysAPrefix) {
  LivesOutcome total;
  for (std::uint64_t seed = 1; seed <= seed_count(); ++seed) {
    const LivesOutcome outcome = run_partition_lives(seed);
    ASSERT_TRUE(outcome.passed) << "seed " << seed << ": " << outcome.failure
                                << "; replay with: log_sim --seed " << seed;
    total.count(outcome);
  }
  // A simulation that never gets into trouble proves nothing.
  EXPECT_GT(total.acknowledged_batches, seed_count());
  EXPECT_GT(total.rolls, seed_count() / 10);
  EXPECT_GT(total.deletions, seed_count());
  EXPECT_GT(total.crashes_in_recovery, seed_count() / 100);
  EXPECT_GT(total.unacknowledged_kept, seed_count() / 100);
}

TEST(PartitionLives, TheSameSeedGivesTheSameTrace) {
  for (const std::uint64_t seed : {7U, 8U, 9U}) {
    EXPECT_EQ(run_partition_lives(seed).trace_hash, run_partition_lives(seed).trace_hash);
  }
  EXPECT_NE(run_partition_lives(7).trace_hash, run_partition_lives(8).trace_hash);
}

}  // namespace
}  // namespace penstock::sim
