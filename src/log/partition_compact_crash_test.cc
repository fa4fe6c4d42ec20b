// Compaction that dies at every one of its steps, or meets an error at every one of its calls.

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "log/testing/compaction.h"

namespace penstock::log::testing {
namespace {

constexpr std::uint64_t kCount = 26;  // two sealed segments, and an active one
constexpr std::uint64_t kSeeds = 3;

// Restarts, and expects the whole log, nothing left over, and that it goes on.
void expect_whole_after_restart(SimStorage& storage, const std::string& when) {
  LogMachine machine(storage, from_the_device(77));
  machine.start();
  ASSERT_EQ(machine.report().findings, std::vector<std::string>{}) << when;
  machine.expect_log(seeds_from(0, kCount), kSmall);
  expect_no_leftovers(machine);
  ASSERT_TRUE(compact(machine)) << when;
  machine.expect_log(seeds_from(0, kCount), kSmall);
  ASSERT_EQ(machine.append_ok(kCount).value, static_cast<std::int64_t>(kCount)) << when;
}

TEST(PartitionCompactCrash, AtEveryStepTheLogIsWholeInTheNextLife) {
  for (const SimCrash death : {SimCrash::kPowerCut, SimCrash::kKill}) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      bool has_ended = false;
      for (std::uint64_t step = 0; !has_ended; ++step) {
        const std::string when = fmt::format("step {} of seed {}", step, seed);
        SimStorage storage;
        {
          LogMachine machine(storage, from_the_device(seed));
          machine.start();
          fill_with_padding(machine, 0, kCount);
          machine.disk.crash_after(machine.disk.steps() + step, death);
          (void)compact(machine);
          has_ended = !machine.disk.has_crashed();
          if (has_ended) {
            ASSERT_GT(step, 40U);
            EXPECT_EQ(machine.partition().compaction_totals().segments, 2U);
            machine.die(death);
          } else {
            (void)machine.stop();
          }
        }
        expect_whole_after_restart(storage, when);
        if (::testing::Test::HasFailure()) FAIL() << when;
      }
    }
  }
}

// How often compaction makes each call.
std::map<std::string, std::uint64_t> count_calls() {
  std::map<std::string, std::uint64_t> counts;
  bool is_counting = false;
  SimStorage storage;
  LogMachineOptions options = from_the_device();
  options.disk.trace = [&](std::string_view line) {
    std::istringstream words{std::string(line)};
    std::string time;
    std::string unit;
    std::string op;
    words >> time >> unit >> op;
    if (is_counting) ++counts[op];
  };
  LogMachine machine(storage, options);
  machine.start();
  fill_with_padding(machine, 0, kCount);
  is_counting = true;
  EXPECT_TRUE(compact(machine));
  is_counting = false;
  return counts;
}

TEST(PartitionCompactErrors, WhicheverCallFailsTheLogStaysWholeAndReadable) {
  const auto counts = count_calls();
  std::uint64_t tried = 0;
  for (const SimOp op :
       {SimOp::kOpen, SimOp::kRead, SimOp::kWrite, SimOp::kSync, SimOp::kAllocate, SimOp::kTruncate,
        SimOp::kRename, SimOp::kRemove, SimOp::kSyncDirectory, SimOp::kSpace}) {
    const auto count = counts.find(std::string(to_string(op)));
    ASSERT_NE(count, counts.end()) << to_string(op);
    for (const int error : {EIO, ENOSPC}) {
      for (std::uint64_t nth = 1; nth <= count->second; ++nth) {
        for (const bool dies : {false, true}) {
          const std::string when = fmt::format("{} {} failed with {}", to_string(op), nth, error);
          ++tried;
          SimStorage storage;
          {
            LogMachine machine(storage, from_the_device());
            machine.start();
            fill_with_padding(machine, 0, kCount);
            machine.disk.inject({.op = op, .nth = nth, .errno_value = error});
            (void)compact(machine);
            EXPECT_FALSE(machine.partition().fence()) << when;
            machine.expect_log(seeds_from(0, kCount), kSmall);
            ASSERT_FALSE(::testing::Test::HasFailure()) << when;
            if (dies) {
              machine.die(SimCrash::kPowerCut);
            } else {
              EXPECT_TRUE(machine.stop()) << when;
            }
          }
          LogMachine again(storage, from_the_device(5));
          again.start();
          if (!dies) EXPECT_EQ(again.report().scanned_segment_count, 0U) << when;
          ASSERT_TRUE(again.report().findings.empty()) << when;
          again.expect_log(seeds_from(0, kCount), kSmall);
          ASSERT_FALSE(::testing::Test::HasFailure()) << when;
        }
      }
    }
  }
  EXPECT_GT(tried, 80U);
}

TEST(PartitionCompactErrors, AFullDiskIsNoErrorAndLeavesNothingBehind) {
  SimStorage storage;
  LogMachine machine(storage, from_the_device());
  machine.start();
  fill_with_padding(machine, 0, kCount);
  machine.disk.inject({.op = SimOp::kAllocate, .path_part = ".seg.tmp", .errno_value = ENOSPC});
  const auto report = compact(machine);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->segments, 0U);
  expect_no_leftovers(machine);
  EXPECT_EQ(compact(machine)->segments, 2U);  // there is space again
}

}  // namespace
}  // namespace penstock::log::testing
