// log_sim: the long campaign over simulated partitions; `make sim`.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <optional>

#include "sim/partition_lives.h"

int main(int argc, char** argv) {
  std::uint64_t first_seed = 1;
  std::uint64_t seed_count = 100'000;
  std::optional<std::uint64_t> only_seed;
  CLI::App app{"Runs simulated partitions through crashes and recoveries, one run per seed."};
  app.add_option("--first", first_seed, "the first seed")->capture_default_str();
  app.add_option("--seeds", seed_count, "how many seeds")->capture_default_str();
  app.add_option("--seed", only_seed, "run this one seed");
  CLI11_PARSE(app, argc, argv);
  if (only_seed) {
    first_seed = *only_seed;
    seed_count = 1;
  }

  penstock::sim::LivesOutcome total;
  for (std::uint64_t seed = first_seed; seed < first_seed + seed_count; ++seed) {
    const auto outcome = penstock::sim::run_partition_lives(seed);
    total.count(outcome);
    if (!outcome.passed) {
      fmt::print(stderr, "FAILED: {}\nreplay with: log_sim --seed {}\n", outcome.failure, seed);
      return 1;
    }
    const std::uint64_t done = seed - first_seed + 1;
    if (done % 10'000 == 0) fmt::print("{} of {} seeds passed\n", done, seed_count);
  }
  fmt::print(
      "{} seeds passed (from {}): {} lives, {} crashes in recovery, {} batches acknowledged, {} "
      "segment rolls,\n"
      "{} deletions from the beginning, {} torn tails cut, {} unacknowledged batches kept; nothing "
      "acknowledged or served was lost or "
      "changed\n",
      seed_count, first_seed, total.lives, total.crashes_in_recovery, total.acknowledged_batches,
      total.rolls, total.deletions, total.torn_recoveries, total.unacknowledged_kept);
  return 0;
}
