#include "log/partition.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Two batches of it do not share a block.
constexpr BatchShape kLarge{.payload_bytes = 5000};

// The writes to segments that a machine makes, as its trace tells.
struct SegmentWrites {
  std::vector<std::string> lines;

  SimDiskOptions traced() {
    SimDiskOptions options;
    options.trace = [this](std::string_view line) {
      const bool is_write = line.find(" write ") != std::string_view::npos;
      const bool is_header = line.find("[0, ") != std::string_view::npos;
      if (is_write && !is_header && line.find("/pool/") != std::string_view::npos)
        lines.emplace_back(line);
    };
    return options;
  }
};

// ---- appending

TEST(Partition, WhatIsAppendedIsServedAtItsOffsetByteForByte) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(machine.append_ok(1), Offset{0});
  EXPECT_EQ(machine.append_ok(2), Offset{1});
  machine.expect_log({1, 2});
}

TEST(Partition, OffsetsAreContiguousOverBatchesOfSeveralRecords) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(machine.append_ok(1, {.record_count = 3}), Offset{0});
  EXPECT_EQ(machine.append_ok(2, {.record_count = 1}), Offset{3});
  EXPECT_EQ(machine.append_ok(3, {.record_count = 5}), Offset{4});
  EXPECT_EQ(machine.marks().append_end, Offset{9});
  EXPECT_EQ(machine.marks().high_watermark, Offset{9});
}

TEST(Partition, AppendsGoOnAcrossSegmentsAndRestarts) {
  SimStorage storage;
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t life = 0; life < 3; ++life) {
    LogMachine machine(storage);
    machine.start();
    machine.expect_log(seeds, kLarge);
    for (int i = 0; i < 15; ++i) {
      const std::uint64_t seed = seeds.size();
      EXPECT_EQ(machine.append_ok(seed, kLarge), Offset{static_cast<std::int64_t>(seed)});
      seeds.push_back(seed);
    }
    machine.expect_log(seeds, kLarge);
    EXPECT_TRUE(machine.stop());
  }
  LogMachine machine(storage);
  machine.start();
  EXPECT_GE(machine.report().segment_count, 6U);
  machine.expect_log(seeds, kLarge);
}

TEST(Partition, SegmentsDoubleUpToTheLargest) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  for (std::uint64_t seed = 0; seed < 60; ++seed) machine.append_ok(seed, kLarge);
  machine.sleep(seconds(1));
  std::vector<std::uint64_t> ends;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    ends.push_back(storage.contents(segment_path(number)).size());
  }
  // Sealed ones are cut to their data.
  EXPECT_LE(ends[0], 32 * kKiB);
  EXPECT_GT(ends[1], 32 * kKiB);
  EXPECT_LE(ends[1], 64 * kKiB);
  EXPECT_GT(ends[2], 64 * kKiB);
  EXPECT_LE(ends[2], 128 * kKiB);
}

TEST(Partition, WhatCollectsBehindCommitsInFlightGoesOutInOneWrite) {
  SimStorage storage;
  SegmentWrites writes;
  LogMachineOptions options;
  options.disk = writes.traced();
  LogMachine machine(storage, options);
  machine.start();
  machine.append_ok(0);
  writes.lines.clear();

  constexpr std::size_t kAppends = 40;
  std::vector<BackgroundAppend> appends(kAppends);
  for (std::size_t i = 0; i < kAppends; ++i) machine.start_append(appends[i], 1 + i);
  machine.sleep(milliseconds(10));
  for (std::size_t i = 0; i < kAppends; ++i) {
    ASSERT_TRUE(appends[i].outcome && *appends[i].outcome) << i;
    EXPECT_EQ(**appends[i].outcome, Offset{static_cast<std::int64_t>(1 + i)});
  }
  // 40 batches of 193 bytes: all of them were there before the first commit left. The pool's first file
  // is the segment; what is written to the second is the next one's zeros.
  const auto in_segment = [](const std::string& line) { return line.contains("/pool/0/0 "); };
  EXPECT_EQ(std::ranges::count_if(writes.lines, in_segment), 1);
}

TEST(Partition, NoMoreCommitsAreInFlightThanAllowed) {
  for (const std::uint32_t depth : {1U, 2U, 3U}) {
    SimStorage storage;
    LogMachineOptions options;
    options.partition.commit_depth = depth;
    options.partition.commit_bytes = kBlockBytes;
    options.disk.latency_min = options.disk.latency_max = microseconds(100);
    LogMachine machine(storage, options);
    machine.start();
    machine.append_ok(0);

    // Each fills a commit.
    std::vector<BackgroundAppend> appends(6);
    for (std::size_t i = 0; i < appends.size(); ++i)
      machine.start_append(appends[i], 1 + i, {.payload_bytes = 3500});
    machine.sleep(microseconds(150));
    const auto done =
        std::ranges::count_if(appends, [](const auto& a) { return a.outcome.has_value(); });
    EXPECT_EQ(done, depth);
    machine.sleep(seconds(1));
  }
}

// How many of the device's steps have happened when the producer hears of its append.
Task<void> count_steps_at_acknowledgement(LogMachine& machine, std::uint64_t seed,
                                          std::uint64_t& steps) {
  const std::vector<std::byte> batch = make_batch(seed, kLarge);
  EXPECT_TRUE(co_await LogMachine::append_and_wait(machine.partition(), batch));
  steps = machine.disk.steps();
}

TEST(Partition, TheNextFullCommitLeavesBeforeProducersAppendAgain) {
  SimStorage storage;
  LogMachineOptions options;
  options.partition.commit_depth = 1;
  options.partition.commit_bytes = 8 * kKiB;
  options.partition.segment_bytes = options.pool.smallest_bytes = kMiB;
  LogMachine machine(storage, options);
  machine.start();
  machine.append_ok(0);
  machine.sleep(seconds(1));

  // The second has collected into a full commit when the first is acknowledged.
  const std::uint64_t before = machine.disk.steps();
  std::vector<std::uint64_t> steps(3);
  for (std::size_t i = 0; i < steps.size(); ++i)
    machine.scheduler.spawn(count_steps_at_acknowledgement(machine, 1 + i, steps[i]));
  machine.sleep(seconds(1));
  EXPECT_EQ(steps[0] - before, 3U) << "the first commit's start and end, and the second one's start";
}

TEST(Partition, AcknowledgementsLeaveInOrder) {
  // Commits overtake each other on the device; nobody may see that.
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SimStorage storage;
    LogMachineOptions options;
    options.disk.seed = seed;
    options.partition.commit_depth = 3;
    options.partition.commit_bytes = 8 * kKiB;
    LogMachine machine(storage, options);
    machine.start();
    std::vector<BackgroundAppend> appends(9);
    for (std::size_t i = 0; i < appends.size(); ++i) machine.start_append(appends[i], i, kLarge);
    for (int step = 0; step < 200; ++step) {
      machine.sleep(microseconds(50));
      bool earlier_done = true;
      for (std::size_t i = 0; i < appends.size(); ++i) {
        const bool done = appends[i].outcome.has_value();
        ASSERT_TRUE(earlier_done || !done) << "seed " << seed << ": offset " << i << " came first";
        ASSERT_EQ(done, machine.marks().high_watermark > Offset{static_cast<std::int64_t>(i)});
        earlier_done = done;
      }
      if (earlier_done) break;
    }
    ASSERT_TRUE(appends.back().outcome) << "seed " << seed;
  }
}

TEST(Partition, ABatchThatNoSegmentHoldsIsRefused) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  const auto appended = machine.append(1, {.payload_bytes = kLargestSegmentBytes});
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code(), ErrorCode::kTooLarge);
  EXPECT_EQ(machine.marks().append_end, Offset{0});

  // The largest one that does, in a commit and a segment of its own.
  const std::size_t largest =
      kLargestSegmentBytes - kFirstCommit.value - kEntryHeaderBytes - kBatchHeaderBytes;
  EXPECT_EQ(machine.append_ok(2, {.payload_bytes = largest}), Offset{0});
  const auto too_large = machine.append(3, {.payload_bytes = largest + 1});
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code(), ErrorCode::kTooLarge);
  machine.expect_log({2}, {.payload_bytes = largest});
}

TEST(Partition, WhatIsNoBatchIsRefused) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  auto batch = make_batch(1);
  batch[16] = std::byte{1};
  const auto ticket = machine.scheduler.run(machine.partition().append(batch, kLeaderEpoch));
  ASSERT_FALSE(ticket);
  EXPECT_EQ(ticket.error().code(), ErrorCode::kCorrupt);
}

TEST(Partition, AppendsWaitWhileTooMuchIsPending) {
  SimStorage storage;
  LogMachineOptions options;
  options.partition.pending_bytes = 12'000;
  options.disk.latency_min = options.disk.latency_max = milliseconds(1);
  LogMachine machine(storage, options);
  machine.start();
  std::vector<BackgroundAppend> appends(5);
  for (std::size_t i = 0; i < appends.size(); ++i) machine.start_append(appends[i], i, kLarge);
  machine.sleep(Duration::zero());
  machine.sleep(microseconds(1));
  EXPECT_EQ(machine.marks().append_end, Offset{2}) << "two of 5061 bytes fit";
  machine.sleep(seconds(1));
  EXPECT_EQ(machine.marks().high_watermark, Offset{5});
  machine.expect_log({0, 1, 2, 3, 4}, kLarge);
}

TEST(Partition, AppendsThatHadToWaitKeepTheOrderInWhichTheyCame) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SimStorage storage;
    LogMachineOptions options;
    options.disk.seed = seed;
    // Equal latencies, so that appends arrive in the very turn in which others are freed.
    options.disk.latency_min = options.disk.latency_max = microseconds(100);
    options.partition.pending_bytes = 12'000;
    LogMachine machine(storage, options);
    machine.start();
    Random random(seed);
    std::vector<BackgroundAppend> appends(40);
    for (std::size_t i = 0; i < appends.size(); ++i) {
      machine.start_append(appends[i], i, {.payload_bytes = 500 + random.below(6000)});
      machine.sleep(microseconds(50 * random.below(3)));
    }
    machine.sleep(seconds(1));
    for (std::size_t i = 0; i < appends.size(); ++i) {
      ASSERT_TRUE(appends[i].outcome && *appends[i].outcome) << i;
      ASSERT_EQ(**appends[i].outcome, Offset{static_cast<std::int64_t>(i)}) << "seed " << seed;
    }
  }
}

TEST(Partition, ABatchLargerThanAllThatMayBePendingGoesAlone) {
  SimStorage storage;
  LogMachineOptions options;
  options.partition.pending_bytes = 1000;
  LogMachine machine(storage, options);
  machine.start();
  std::vector<BackgroundAppend> appends(3);
  for (std::size_t i = 0; i < appends.size(); ++i) machine.start_append(appends[i], i, kLarge);
  machine.sleep(seconds(1));
  machine.expect_log({0, 1, 2}, kLarge);
}

TEST(Partition, WaitingForACommitEndsAtTheDeadlineAndTheBatchMayYetBecomeDurable) {
  SimStorage storage;
  LogMachineOptions options;
  options.disk.latency_min = options.disk.latency_max = milliseconds(5);
  LogMachine machine(storage, options);
  machine.start();
  const auto batch = make_batch(1);
  auto ticket = machine.scheduler.run(machine.partition().append(batch, kLeaderEpoch));
  ASSERT_TRUE(ticket);
  const auto durable = machine.scheduler.run(machine.partition().wait_acknowledged(
      std::move(*ticket), machine.scheduler.now() + milliseconds(1)));
  ASSERT_FALSE(durable);
  EXPECT_EQ(durable.error().code(), ErrorCode::kTimeout);
  machine.sleep(seconds(1));
  machine.expect_log({1});
}

// ---- observers

struct CountingObserver final : Partition::Observer {
  void on_high_watermark() override { ++count; }
  int count = 0;
};

TEST(PartitionObserver, IsToldWhenTheDurableEndMovesAndWhenThePartitionStops) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  CountingObserver observer;
  CountingObserver gone;
  machine.partition().add_observer(observer);
  machine.partition().add_observer(gone);
  machine.partition().remove_observer(gone);
  machine.append_ok(0);
  EXPECT_EQ(observer.count, 1);
  machine.append_ok(1);
  EXPECT_EQ(observer.count, 2);
  EXPECT_TRUE(machine.scheduler.run(machine.partition().close()));
  EXPECT_EQ(observer.count, 3);
  EXPECT_EQ(gone.count, 0);
  machine.forget_partition();
}

// ---- the end

TEST(PartitionClose, WhatIsPendingIsFinishedAndTheNextOpenScansNothing) {
  SimStorage storage;
  std::vector<BackgroundAppend> appends(10);
  {
    LogMachine machine(storage);
    machine.start();
    for (std::size_t i = 0; i < appends.size(); ++i) machine.start_append(appends[i], i, kLarge);
    machine.sleep(microseconds(1));
    EXPECT_TRUE(machine.scheduler.run(machine.partition().close()));
    machine.sleep(microseconds(1));
    for (const BackgroundAppend& append : appends) EXPECT_TRUE(append.outcome && *append.outcome);
    const auto refused = machine.append(99);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kClosed);
    EXPECT_EQ(machine.read(Offset{0}).error().code(), ErrorCode::kClosed);
    machine.forget_partition();
  }
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(machine.report().scanned_segment_count, 0U);
  machine.expect_log({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, kLarge);
}

TEST(PartitionClose, AnUnusedPartitionLeavesNothing) {
  SimStorage storage;
  {
    LogMachine machine(storage);
    machine.start();
  }
  SimMachine machine(storage);
  EXPECT_TRUE(machine.scheduler.run(machine.disk.list(kPartitionDirectory))->empty());
}

Task<void> read_again_and_again(Scheduler& scheduler, Partition& partition, std::uint64_t& served,
                                ErrorCode& ended_by) {
  Offset next;
  while (true) {
    ReadLimits limits;
    limits.max_bytes = 20'000;
    const auto found = co_await partition.read(next, limits);
    if (!found) {
      ended_by = found.error().code();
      co_return;
    }
    for (const SharedSlice& batch : found->batches) {
      const auto header = BatchHeader::parse(batch.view());
      EXPECT_TRUE(batch_checksum_is_right(batch.view()));
      next = header->next_offset();
      ++served;
    }
    if (next == partition.marks().high_watermark) next = Offset{0};
    co_await scheduler.sleep_for(microseconds(10));
  }
}

Task<void> append_again_and_again(Partition& partition, std::uint64_t& acknowledged,
                                  ErrorCode& ended_by) {
  while (true) {
    const auto batch = make_batch(acknowledged, kLarge);
    auto ticket = co_await partition.append(batch, kLeaderEpoch);
    if (!ticket) {
      ended_by = ticket.error().code();
      co_return;
    }
    const auto durable = co_await partition.wait_acknowledged(std::move(*ticket));
    EXPECT_TRUE(durable) << "what was taken in gets its outcome";
    ++acknowledged;
  }
}

TEST(PartitionDestroy, EndsReadersAndProducersAndLeavesNothing) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimStorage storage;
    LogMachineOptions options;
    options.disk.seed = seed;
    options.partition.tail_bytes = 0;
    LogMachine machine(storage, options);
    machine.start();
    std::uint64_t served = 0;
    std::uint64_t acknowledged = 0;
    ErrorCode reader_ended{};
    ErrorCode producer_ended{};
    machine.scheduler.spawn(append_again_and_again(machine.partition(), acknowledged, producer_ended));
    machine.append_ok(1000, kLarge);
    machine.scheduler.spawn(
        read_again_and_again(machine.scheduler, machine.partition(), served, reader_ended));
    machine.sleep(microseconds(5000 + 137 * seed));
    const auto destroyed = machine.scheduler.run(machine.partition().destroy());
    ASSERT_TRUE(destroyed) << destroyed.error().message();
    machine.sleep(milliseconds(1));
    EXPECT_EQ(reader_ended, ErrorCode::kClosed);
    EXPECT_EQ(producer_ended, ErrorCode::kClosed);
    EXPECT_GT(served, 0U);
    EXPECT_GT(acknowledged, 0U);
    EXPECT_FALSE(storage.exists(kPartitionDirectory));
    machine.forget_partition();
  }
}

}  // namespace
}  // namespace penstock::log::testing
