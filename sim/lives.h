// Whole lives of a shard, one after the other on the same storage: recovery, work, a death or an end;
// and at last twice more, undisturbed, which must find the same.
#pragma once

#include <functional>

#include "sim/shard.h"

namespace penstock::sim {

struct LivesOptions {
  std::uint64_t most_lives = 5;
  std::uint64_t most_partitions = 4;
  CommitPolicies commit_policies = CommitPolicies::kAll;
  Activity activity{};
  // Changes what was drawn for a life that works, before it starts.
  std::function<void(log::testing::LogShardOptions&, Random&)> adjust{};
  // Sees each life that works, before it recovers: for faults and excuses.
  std::function<void(Shard&)> at_start{};
};

void run_lives(std::uint64_t seed, const LivesOptions& lives, const CaseOptions& options,
               CaseResult& result);

// What became of the models over all lives goes to the result's counts.
void count_models(const World& world);

}  // namespace penstock::sim
