#include "log/partition.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
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

// ---- preparing the next segment

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

// ---- reading

TEST(PartitionRead, OnlyDurableBatchesAreServed) {
  SimStorage storage;
  LogMachineOptions options;
  options.disk.latency_min = options.disk.latency_max = milliseconds(1);
  LogMachine machine(storage, options);
  machine.start();
  machine.append_ok(0);
  BackgroundAppend pending;
  machine.start_append(pending, 1);
  machine.sleep(microseconds(500));
  EXPECT_EQ(machine.marks().append_end, Offset{2});
  EXPECT_EQ(machine.marks().high_watermark, Offset{1});
  machine.expect_log({0});
  const auto at_end = machine.read(Offset{1});
  ASSERT_TRUE(at_end);
  EXPECT_TRUE(at_end->batches.empty());
  machine.sleep(seconds(1));
  machine.expect_log({0, 1});
}

TEST(PartitionRead, OutsideOfTheLogIsAnError) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  machine.append_ok(0);
  for (const Offset outside : {Offset{-1}, Offset{2}, Offset{1000}}) {
    const auto found = machine.read(outside);
    ASSERT_FALSE(found) << outside.value;
    EXPECT_EQ(found.error().code(), ErrorCode::kOutOfRange);
  }
}

// The same limits must mean the same whether the tail or the device answers.
class PartitionReadLimits : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  PartitionReadLimits() : machine_(storage_, with_tail(GetParam())) {
    machine_.start();
    for (std::uint64_t seed = 0; seed < 20; ++seed) machine_.append_ok(seed, kShape);
    // The newest commit is always in the tail.
    machine_.append_ok(20, kShape);
  }
  static LogMachineOptions with_tail(std::uint64_t tail_bytes) {
    LogMachineOptions options;
    options.partition.tail_bytes = tail_bytes;
    return options;
  }

  static constexpr BatchShape kShape{.record_count = 2, .payload_bytes = 939};  // 1000 bytes
  SimStorage storage_;
  LogMachine machine_;
};
INSTANTIATE_TEST_SUITE_P(FromDeviceAndFromTail, PartitionReadLimits, ::testing::Values(0, kMiB));

TEST_P(PartitionReadLimits, WholeBatchesUpToTheLimit) {
  const auto found = machine_.read(Offset{0}, {.max_bytes = 2999});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->batches.size(), 2U);
  EXPECT_EQ(found->size_bytes, 2000U);
  EXPECT_EQ(machine_.read(Offset{0}, {.max_bytes = 3000})->batches.size(), 3U);
}

TEST_P(PartitionReadLimits, OneBatchAboveTheLimitIfAskedFor) {
  EXPECT_EQ(machine_.read(Offset{0}, {.max_bytes = 10})->batches.size(), 1U);
  EXPECT_TRUE(machine_.read(Offset{0}, {.max_bytes = 10, .at_least_one = false})->batches.empty());
}

TEST_P(PartitionReadLimits, StartsWithTheBatchThatContainsTheOffset) {
  const auto found = machine_.read(Offset{7}, {.max_bytes = 1000});
  ASSERT_EQ(found->batches.size(), 1U);
  EXPECT_EQ(BatchHeader::parse(found->batches[0].view())->base_offset, Offset{6});
}

TEST_P(PartitionReadLimits, EveryOffsetIsReachable) {
  for (std::int64_t offset = 0; offset < 42; ++offset) {
    const auto found = machine_.read(Offset{offset}, {.max_bytes = 1});
    ASSERT_TRUE(found) << found.error().message();
    ASSERT_EQ(found->batches.size(), 1U) << offset;
    const auto expected =
        stored_batch(static_cast<std::uint64_t>(offset / 2), Offset{offset / 2 * 2}, kShape);
    EXPECT_TRUE(std::ranges::equal(found->batches[0].view(), expected)) << offset;
  }
}

TEST(PartitionRead, ATailReaderDoesNotTouchTheDevice) {
  SimStorage storage;
  std::uint64_t reads = 0;
  LogMachineOptions options;
  options.disk.trace = [&reads](std::string_view line) {
    if (line.find(" read ") != std::string_view::npos) ++reads;
  };
  LogMachine machine(storage, options);
  machine.start();
  machine.append_ok(0);
  machine.append_ok(1);
  reads = 0;
  machine.expect_log({0, 1});
  EXPECT_EQ(reads, 0U);
}

TEST(PartitionRead, DamageThatCameAfterAcknowledgementIsAnErrorAndNeverServed) {
  SimStorage storage;
  LogMachineOptions options;
  options.partition.tail_bytes = 0;
  {
    LogMachine machine(storage, options);
    machine.start();
    for (std::uint64_t seed = 0; seed < 3; ++seed) machine.append_ok(seed);
  }
  storage.flip_bit(segment_path(1), kFirstCommit + kBlockBytes + 60, 3);
  LogMachine machine(storage, options);
  machine.start();
  // What comes before it is served, and the error names path and offset.
  EXPECT_EQ(machine.read(Offset{0})->batches.size(), 1U);
  const auto damaged = machine.read(Offset{1});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(damaged.error().message().find(segment_path(1)), std::string::npos);
  EXPECT_NE(damaged.error().message().find("offset 1"), std::string::npos);
  // Reported once, however often a reader asks, and what is behind it can be asked for.
  (void)machine.read(Offset{1});
  ASSERT_EQ(machine.reports().size(), 1U);
  EXPECT_NE(machine.reports()[0].find("orders/0: damage: offset 1"), std::string::npos);
  const auto behind = machine.read(Offset{2});
  ASSERT_TRUE(behind) << behind.error().message();
  EXPECT_EQ(BatchHeader::parse(behind->batches.at(0).view())->base_offset, Offset{2});
}

// ---- finding by time

TEST(PartitionTime, FindsTheFirstBatchThatReachesTheTime) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  for (std::uint64_t i = 0; i < 40; ++i) {
    machine.append_ok(
        i, {.payload_bytes = 5000, .timestamp_ms = static_cast<std::int64_t>(1000 + 10 * i)});
  }
  EXPECT_EQ(machine.partition().max_timestamp_ms(), 1390);
  const auto find = [&](std::int64_t timestamp_ms) {
    const auto found = machine.scheduler.run(machine.partition().find_time(timestamp_ms));
    EXPECT_TRUE(found) << found.error().message();
    return found && *found ? BatchHeader::parse((*found)->view())->base_offset.value : -1;
  };
  EXPECT_EQ(find(0), 0);
  EXPECT_EQ(find(1000), 0);
  EXPECT_EQ(find(1001), 1);
  for (std::int64_t i = 0; i < 40; ++i) EXPECT_EQ(find(1000 + 10 * i), i);
  EXPECT_EQ(find(1391), -1);
}

TEST(PartitionTime, TimesThatGoBackDoNotHideWhatReachesTheTime) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  const std::vector<std::int64_t> times = {500, 100, 300, 900, 200, 800};
  for (std::size_t i = 0; i < times.size(); ++i)
    machine.append_ok(i, {.payload_bytes = 30'000, .timestamp_ms = times[i]});
  for (std::int64_t asked = 0; asked <= 1000; asked += 50) {
    const auto first = std::ranges::find_if(times, [asked](std::int64_t t) { return t >= asked; });
    const auto found = machine.scheduler.run(machine.partition().find_time(asked));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->has_value(), first != times.end()) << asked;
    if (!*found) continue;
    EXPECT_EQ(BatchHeader::parse((*found)->view())->base_offset.value, first - times.begin()) << asked;
  }
}

TEST(PartitionTime, AnEmptyLogHasNoTime) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(machine.partition().max_timestamp_ms(), -1);
  EXPECT_FALSE(machine.scheduler.run(machine.partition().find_time(0))->has_value());
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
