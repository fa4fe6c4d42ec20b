// Options that change while a partition is served.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr BatchShape kLarge{.payload_bytes = 5000};
const std::string kUnsynced = std::string(kPartitionDirectory) + "/unsynced";

class OptionChange : public ::testing::Test {
 protected:
  static LogMachineOptions in_memory() {
    LogMachineOptions options;
    options.partition.commit = CommitPolicy::kBatch;
    options.partition.persist = {.records = 1'000'000, .bytes = kMiB, .interval = hours(1)};
    return options;
  }
  static std::vector<std::uint64_t> first_seeds(std::uint64_t count) {
    std::vector<std::uint64_t> seeds(count);
    for (std::uint64_t i = 0; i < count; ++i) seeds[i] = i;
    return seeds;
  }
  static Result<void> change(LogMachine& machine, const PartitionOptions& options) {
    return machine.scheduler.run(machine.partition().change(options));
  }
  static Task<void> sleep(Scheduler& scheduler, Duration time) { co_await scheduler.sleep_for(time); }
  static void sleep(LogMachine& machine, Duration time) {
    machine.scheduler.run(sleep(machine.scheduler, time));
  }
  std::uint64_t segments_begun(LogMachine& machine) {
    return machine.partition().stats().segments_begun;
  }

  SimStorage storage_;
};

TEST_F(OptionChange, FromSyncToBatchIsAcknowledgedFromMemoryFromThenOn) {
  LogMachine machine(storage_);
  machine.start();
  machine.append_ok(0);
  ASSERT_TRUE(change(machine, in_memory().partition));
  sleep(machine, seconds(1));  // until the memory is made
  machine.append_ok(1);
  EXPECT_EQ(machine.marks().durable_end, Offset{1});
  EXPECT_EQ(machine.marks().high_watermark, Offset{2});
  EXPECT_TRUE(storage_.exists(kUnsynced));
  machine.expect_log(first_seeds(2));
}

TEST_F(OptionChange, FromBatchToSyncWritesWhatIsInMemoryAndGivesItUp) {
  LogMachine machine(storage_, in_memory());
  machine.start();
  for (std::uint64_t seed = 0; seed < 5; ++seed) machine.append_ok(seed);
  ASSERT_EQ(machine.marks().durable_end, Offset{0});
  ASSERT_TRUE(change(machine, PartitionOptions{}));
  EXPECT_EQ(machine.marks().durable_end, Offset{5});
  EXPECT_FALSE(storage_.exists(kUnsynced));
  machine.append_ok(5);
  EXPECT_EQ(machine.marks().durable_end, Offset{6});
  machine.expect_log(first_seeds(6));
}

TEST_F(OptionChange, ThresholdsOfARunningBatchTopicHoldAtOnce) {
  LogMachine machine(storage_, in_memory());
  machine.start();
  machine.append_ok(0);
  LogMachineOptions options = in_memory();
  options.partition.persist.records = 3;
  ASSERT_TRUE(change(machine, options.partition));
  for (std::uint64_t seed = 1; seed < 3; ++seed) machine.append_ok(seed);
  sleep(machine, milliseconds(100));
  EXPECT_GE(machine.marks().durable_end, Offset{1});
  machine.append_ok(3);
  sleep(machine, milliseconds(100));
  EXPECT_EQ(machine.marks().durable_end, Offset{4});
}

TEST_F(OptionChange, MoreMemoryIsMadeForALargerThreshold) {
  LogMachineOptions options = in_memory();
  options.partition.persist.bytes = kPersistBytesMin;
  LogMachine machine(storage_, options);
  machine.start();
  options.partition.persist.bytes = kMiB;
  ASSERT_TRUE(change(machine, options.partition));
  sleep(machine, seconds(1));
  // More than four times the smaller threshold.
  for (std::uint64_t seed = 0; seed < 10; ++seed) machine.append_ok(seed, kLarge);
  EXPECT_EQ(machine.marks().durable_end, Offset{0});
  EXPECT_EQ(machine.marks().high_watermark, Offset{10});
}

TEST_F(OptionChange, MemoryThatCannotBeWrittenStaysAndIsToldOf) {
  LogMachine machine(storage_, in_memory());
  machine.start();
  machine.append_ok(0);
  machine.disk.inject({.op = SimOp::kWrite});
  const auto changed = change(machine, PartitionOptions{});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code(), ErrorCode::kIo);
  EXPECT_TRUE(storage_.exists(kUnsynced));
  machine.expect_log(first_seeds(1));
  machine.append_ok(1);
  EXPECT_EQ(machine.marks().durable_end, Offset{2}) << "the policy holds all the same";
  machine.expect_log(first_seeds(2));
}

TEST_F(OptionChange, AnotherTailPolicyBeginsAnotherSegment) {
  {
    LogMachine machine(storage_);
    machine.start();
    PartitionOptions options;
    for (std::uint64_t seed = 0; seed < 9; ++seed) {
      if (seed % 3 == 0) {
        options.tail = seed % 2 == 0 ? TailPolicy::kRewrite : TailPolicy::kPad;
        ASSERT_TRUE(change(machine, options));
      }
      machine.append_ok(seed);
    }
    EXPECT_EQ(segments_begun(machine), 3U);
    machine.expect_log(first_seeds(9));
  }
  LogMachine again(storage_);
  again.start();
  again.expect_log(first_seeds(9));
}

TEST_F(OptionChange, ASmallerSegmentIsFullSooner) {
  LogMachine machine(storage_);
  machine.start();
  PartitionOptions options;
  options.segment_bytes = 16 * kKiB;
  machine.append_ok(0, kLarge);
  ASSERT_TRUE(change(machine, options));
  // 8 KiB of headers, and 8 KiB for each of these.
  for (std::uint64_t seed = 1; seed < 5; ++seed) machine.append_ok(seed, kLarge);
  EXPECT_EQ(segments_begun(machine), 5U);
  const auto too_large = machine.append(9, {.payload_bytes = 20'000});
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code(), ErrorCode::kTooLarge);
  ASSERT_TRUE(change(machine, PartitionOptions{}));
  EXPECT_TRUE(machine.append(5, {.payload_bytes = 20'000}));
}

TEST_F(OptionChange, WhatHasCollectedForALargerSegmentGoesOutWhole) {
  LogMachine machine(storage_);
  machine.start();
  BackgroundAppend appends[6];
  for (std::uint64_t i = 0; i < 6; ++i) machine.start_append(appends[i], i, {.payload_bytes = 9000});
  PartitionOptions options;
  options.segment_bytes = 16 * kKiB;
  ASSERT_TRUE(change(machine, options));
  sleep(machine, seconds(1));
  EXPECT_EQ(machine.marks().durable_end, Offset{6});
}

TEST_F(OptionChange, AnOldSegmentTakesNoMoreAppends) {
  LogMachineOptions options;
  options.partition.segment_age = seconds(10);
  LogMachine machine(storage_, options);
  machine.start();
  sleep(machine, seconds(30));
  machine.append_ok(0);  // which begins it
  sleep(machine, seconds(9));
  machine.append_ok(1);
  EXPECT_EQ(segments_begun(machine), 1U);
  sleep(machine, seconds(1));
  machine.append_ok(2);
  EXPECT_EQ(segments_begun(machine), 2U);
  machine.append_ok(3);
  EXPECT_EQ(segments_begun(machine), 2U);
  ASSERT_TRUE(change(machine, PartitionOptions{}));
  sleep(machine, hours(24));
  machine.append_ok(4);
  EXPECT_EQ(segments_begun(machine), 2U);
  machine.expect_log(first_seeds(5));
}

TEST_F(OptionChange, AClosedPartitionRefusesIt) {
  LogMachine machine(storage_);
  machine.start();
  ASSERT_TRUE(machine.scheduler.run(machine.partition().close()));
  EXPECT_EQ(change(machine, PartitionOptions{}).error().code(), ErrorCode::kClosed);
  machine.forget_partition();
}

}  // namespace
}  // namespace penstock::log::testing
