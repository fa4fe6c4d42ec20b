// TailPolicy::kRewrite: commits start where the one before ended.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "log/testing/log_machine.h"
#include "log/testing/segment_bytes.h"

namespace penstock::log::testing {
namespace {

using std::chrono::milliseconds;

LogMachineOptions rewriting(std::uint64_t seed = 1) {
  LogMachineOptions options;
  options.disk.seed = seed;
  options.partition.tail = TailPolicy::kRewrite;
  return options;
}

std::vector<std::uint64_t> first_seeds(std::uint64_t count) {
  std::vector<std::uint64_t> seeds(count);
  for (std::uint64_t i = 0; i < count; ++i) seeds[i] = i;
  return seeds;
}

TEST(RewrittenTail, SmallBatchesShareBlocksAndAreServed) {
  SimStorage storage;
  LogMachine machine(storage, rewriting());
  machine.start();
  for (std::uint64_t seed = 0; seed < 100; ++seed) machine.append_ok(seed);
  // 193 bytes each, and a few at the end of each block.
  EXPECT_LT(machine.partition().size_bytes(), kFirstCommit.value + 100 * 200);
  machine.expect_log(first_seeds(100));
}

TEST(RewrittenTail, BatchesOfAllSizesAreThereAfterAKillAndAPowerCut) {
  for (const SimCrash death : {SimCrash::kKill, SimCrash::kPowerCut}) {
    SimStorage storage;
    std::vector<BatchShape> shapes;
    {
      LogMachine machine(storage, rewriting());
      machine.start();
      Random random(5);
      for (std::uint64_t seed = 0; seed < 60; ++seed) {
        shapes.push_back({.payload_bytes = 1 + random.below(6000)});
        machine.append_ok(seed, shapes.back());
      }
      machine.die(death);
    }
    LogMachine machine(storage, rewriting(2));
    machine.start();
    EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
    const auto batches = machine.read_all(Offset{0});
    ASSERT_EQ(batches.size(), shapes.size());
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      EXPECT_EQ(batches[i], stored_batch(i, Offset{static_cast<std::int64_t>(i)}, shapes[i])) << i;
    }
  }
}

TEST(RewrittenTail, CommitsThatShareABlockGoOneAfterTheOther) {
  SimStorage storage;
  LogMachineOptions options = rewriting();
  options.partition.commit_depth = 4;
  options.partition.commit_bytes = kBlockBytes;
  std::size_t in_flight = 0;
  options.disk.latency_min = options.disk.latency_max = milliseconds(1);
  LogMachine machine(storage, options);
  machine.start();
  machine.append_ok(0);
  // The simulated disk asserts that no two writes in flight overlap.
  std::vector<BackgroundAppend> appends(20);
  for (std::size_t i = 0; i < appends.size(); ++i)
    machine.start_append(appends[i], 1 + i, {.payload_bytes = 1000});
  machine.sleep(milliseconds(3));
  for (const auto& append : appends) in_flight += append.outcome ? 0 : 1;
  EXPECT_GT(in_flight, 0U);
  machine.sleep(milliseconds(50));
  for (const auto& append : appends) EXPECT_TRUE(append.outcome && *append.outcome);
}

// A cursor may hold the unfinished block as it was before it was written again.
TEST(RewrittenTail, AReaderBehindTheTailSeesNoStaleBlock) {
  SimStorage storage;
  LogMachineOptions options = rewriting();
  options.partition.tail_bytes = 0;
  LogMachine machine(storage, options);
  machine.start();
  Offset next;
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    machine.append_ok(seed, {.payload_bytes = 300});
    // The newest is in the tail, whatever its budget; one behind it is read from the device.
    if (seed == 0) continue;
    const auto found = machine.read(next, {.max_bytes = 300});
    ASSERT_TRUE(found) << found.error().message();
    ASSERT_EQ(found->batches.size(), 1U);
    const auto expected =
        stored_batch(static_cast<std::uint64_t>(next.value), next, {.payload_bytes = 300});
    EXPECT_TRUE(std::ranges::equal(found->batches[0].view(), expected)) << next.value;
    next = next + 1;
  }
  EXPECT_TRUE(machine.reports().empty()) << machine.reports().front();
}

TEST(RewrittenTail, DamageInAcknowledgedEntriesIsToldFromATornTailAtAnyByte) {
  SimStorage storage;
  {
    LogMachine machine(storage, rewriting());
    machine.start();
    for (std::uint64_t seed = 0; seed < 30; ++seed) machine.append_ok(seed);
    machine.die(SimCrash::kKill);
  }
  storage.flip_bit(segment_path(1), kFirstCommit + 193 * 10 + 50, 2);
  LogMachine machine(storage, rewriting());
  machine.start();
  ASSERT_EQ(machine.report().findings.size(), 1U);
  EXPECT_NE(machine.report().findings.front().find("10 to 10"), std::string::npos)
      << machine.report().findings.front();
  EXPECT_EQ(machine.marks().high_watermark, Offset{30});
  for (std::int64_t at = 0; at < 30; ++at) {
    const auto found = machine.read(Offset{at}, {.max_bytes = 1});
    EXPECT_EQ(found.has_value(), at != 10) << at;
  }
}

TEST(RewrittenTail, AFailedWriteFencesAndWhatWasAcknowledgedIsRecovered) {
  for (std::uint64_t nth = 1; nth <= 10; ++nth) {
    SimStorage storage;
    std::uint64_t acknowledged = 0;
    {
      LogMachine machine(storage, rewriting(nth));
      machine.start();
      machine.append_ok(acknowledged++);
      machine.disk.inject({.op = SimOp::kWrite, .path_part = kPoolDirectory, .nth = nth});
      while (machine.append(acknowledged)) ++acknowledged;
      EXPECT_TRUE(machine.partition().fence());
      machine.expect_log(first_seeds(acknowledged));
      machine.die(SimCrash::kPowerCut);
    }
    LogMachine machine(storage, rewriting(100 + nth));
    machine.start();
    EXPECT_EQ(machine.report().findings, std::vector<std::string>{});
    ASSERT_GE(machine.marks().high_watermark, Offset{static_cast<std::int64_t>(acknowledged)});
    const auto batches = machine.read_all(Offset{0});
    for (std::uint64_t i = 0; i < acknowledged; ++i) {
      EXPECT_EQ(batches[i], stored_batch(i, Offset{static_cast<std::int64_t>(i)}));
    }
  }
}

}  // namespace
}  // namespace penstock::log::testing
