// What a partition does when the device refuses: errors fence it, a full disk does not.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr BatchShape kLarge{.payload_bytes = 5000};

// A segment's file keeps the path it was opened by: that of the pool.
SimFault failing_segment_write() { return {.op = SimOp::kWrite, .path_part = kPoolDirectory}; }

// ---- EIO

TEST(PartitionFence, AFailedCommitFailsPendingAndLaterAppendsAndReadsGoOn) {
  SimStorage storage;
  {
    LogMachineOptions options;
    options.partition.commit_bytes = 8 * kKiB;
    LogMachine machine(storage, options);
    machine.start();
    machine.append_ok(0, kLarge);
    machine.append_ok(1, kLarge);
    machine.disk.inject(failing_segment_write());
    std::vector<BackgroundAppend> appends(5);
    for (std::size_t i = 0; i < appends.size(); ++i) machine.start_append(appends[i], 10 + i, kLarge);
    machine.sleep(seconds(1));
    for (std::size_t i = 0; i < appends.size(); ++i) {
      ASSERT_TRUE(appends[i].outcome) << i;
      ASSERT_FALSE(*appends[i].outcome) << i;
      const ErrorCode code = appends[i].outcome->error().code();
      EXPECT_TRUE(code == ErrorCode::kIo || code == ErrorCode::kFenced) << i;
    }
    const auto later = machine.append(20);
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().code(), ErrorCode::kFenced);
    EXPECT_NE(later.error().message().find("orders/0"), std::string::npos) << later.error().message();
    EXPECT_TRUE(machine.partition().fence());
    EXPECT_EQ(machine.marks().high_watermark, Offset{2});
    machine.expect_log({0, 1}, kLarge);
    EXPECT_TRUE(machine.stop());
  }
  LogMachine machine(storage);
  machine.start();
  EXPECT_TRUE(machine.report().findings.empty());
  EXPECT_GE(machine.marks().high_watermark, Offset{2});
  const Offset end = machine.marks().high_watermark;
  EXPECT_EQ(machine.append_ok(30, kLarge), end);
}

// Whatever the system calls it, it is no fault of the batch, and nobody knows what was kept.
TEST(PartitionFence, AFailedCommitIsAStorageErrorWhateverTheReason) {
  for (const int error : {EIO, EFBIG, ENOSPC, EDQUOT, EROFS}) {
    SimStorage storage;
    LogMachine machine(storage);
    machine.start();
    machine.append_ok(0, kLarge);
    SimFault fault = failing_segment_write();
    fault.errno_value = error;
    machine.disk.inject(fault);
    const auto failed = machine.append(1, kLarge);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), ErrorCode::kIo) << error;
    EXPECT_TRUE(machine.partition().fence()) << error;
  }
}

TEST(PartitionFence, ASegmentThatCannotBeAsLargeIsAStorageErrorAndTheNextAppendTriesAgain) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  machine.disk.inject({.op = SimOp::kAllocate, .errno_value = EFBIG});
  const auto failed = machine.append(0, kLarge);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
  EXPECT_FALSE(machine.partition().fence());
  machine.append_ok(0, kLarge);
}

TEST(PartitionFence, WhicheverCommitFailsWhatWasAcknowledgedIsRecovered) {
  for (std::uint64_t nth = 1; nth <= 12; ++nth) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      SimStorage storage;
      std::vector<BackgroundAppend> appends(14);
      {
        LogMachineOptions options;
        options.disk.seed = seed;
        options.partition.commit_bytes = 8 * kKiB;
        options.partition.commit_depth = 3;
        LogMachine machine(storage, options);
        machine.start();
        machine.append_ok(0, kLarge);
        SimFault fault = failing_segment_write();
        fault.nth = nth;
        machine.disk.inject(fault);
        for (std::size_t i = 0; i < appends.size(); ++i)
          machine.start_append(appends[i], 1 + i, kLarge);
        machine.sleep(seconds(1));
        if (seed % 2 == 0) machine.die(SimCrash::kPowerCut);
      }
      LogMachine machine(storage);
      machine.start();
      ASSERT_TRUE(machine.report().findings.empty()) << machine.report().findings[0];
      const auto batches = machine.read_all(Offset{0});
      for (std::size_t i = 0; i < appends.size(); ++i) {
        ASSERT_TRUE(appends[i].outcome);
        if (!*appends[i].outcome) continue;
        ASSERT_LT(1 + i, batches.size()) << "acknowledged, but gone";
        EXPECT_EQ(batches[1 + i], stored_batch(1 + i, **appends[i].outcome, kLarge));
      }
    }
  }
}

TEST(PartitionFence, AFailureWhileTheNextSegmentIsPreparedIsToldAndTheNextAppendTriesAgain) {
  for (const SimOp op :
       {SimOp::kOpen, SimOp::kAllocate, SimOp::kSync, SimOp::kRename, SimOp::kSyncDirectory}) {
    SimStorage storage;
    {
      LogMachine machine(storage);
      machine.start();
      machine.disk.inject({.op = op});
      const auto refused = machine.append(0);
      ASSERT_FALSE(refused) << to_string(op);
      EXPECT_EQ(refused.error().code(), ErrorCode::kIo);
      EXPECT_FALSE(machine.partition().fence());
      EXPECT_EQ(machine.append_ok(1), Offset{0}) << to_string(op);
      machine.die(SimCrash::kKill);
    }
    LogMachine machine(storage);
    machine.start();
    EXPECT_EQ(machine.report().findings, std::vector<std::string>{}) << to_string(op);
    machine.expect_log({1});
  }
}

// The file may have been this partition's before, and its old header still be there.
TEST(PartitionFence, AHeaderThatTheDeviceHasPutElsewhereIsFoundOutBeforeTheSegmentIsUsed) {
  SimStorage storage;
  {
    LogMachine machine(storage);
    machine.start();
    SimFault elsewhere = failing_segment_write();
    elsewhere.nth = 2;  // behind the zeros
    elsewhere.kind = SimFaultKind::kMisdirected;
    elsewhere.misdirected_to = FilePosition{16 * kKiB};
    machine.disk.inject(elsewhere);
    const auto refused = machine.append(0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kIo);
    EXPECT_FALSE(machine.partition().fence());
    EXPECT_EQ(machine.append_ok(1), Offset{0});
    machine.die(SimCrash::kKill);
  }
  LogMachine machine(storage);
  machine.start();
  machine.expect_log({1});
}

TEST(PartitionFence, ASealThatFailsIsMadeUpForAtTheEnd) {
  SimStorage storage;
  {
    LogMachine machine(storage);
    machine.start();
    machine.disk.inject({.op = SimOp::kWrite, .path_part = ".idx"});
    for (std::uint64_t seed = 0; seed < 12; ++seed) machine.append_ok(seed, kLarge);
    machine.sleep(seconds(1));
    EXPECT_FALSE(storage.exists(index_path(1)));
    EXPECT_TRUE(machine.stop());
    EXPECT_TRUE(storage.exists(index_path(1)));
  }
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(machine.report().scanned_segment_count, 0U);
  EXPECT_EQ(machine.marks().high_watermark, Offset{12});
}

TEST(PartitionRecoveryErrors, AReadErrorIsAnErrorAndNotDamage) {
  SimStorage storage;
  {
    LogMachine machine(storage);
    machine.start();
    for (std::uint64_t seed = 0; seed < 12; ++seed) machine.append_ok(seed, kLarge);
    machine.die(SimCrash::kKill);
  }
  for (std::uint64_t nth = 1; nth <= 4; ++nth) {
    LogMachine machine(storage);
    machine.disk.inject({.op = SimOp::kRead, .path_part = ".seg", .nth = nth});
    const auto started = machine.try_start();
    ASSERT_FALSE(started) << nth;
    EXPECT_EQ(started.error().code(), ErrorCode::kIo);
    EXPECT_FALSE(storage.exists(segment_path(1) + ".damaged"));
  }
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(machine.marks().high_watermark, Offset{12});
}

// ---- ENOSPC

TEST(PartitionFullDisk, AppendsAreRefusedReadsGoOnAndWritingResumesByItself) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  std::vector<std::uint64_t> seeds;
  // Full up to the last byte that is in use.
  storage.set_capacity(40 * kKiB);
  ErrorCode refused_with{};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto appended = machine.append(seed, kLarge);
    if (!appended) {
      refused_with = appended.error().code();
      break;
    }
    seeds.push_back(seed);
  }
  EXPECT_EQ(refused_with, ErrorCode::kNoSpace);
  EXPECT_FALSE(seeds.empty());
  EXPECT_FALSE(machine.partition().fence());
  machine.expect_log(seeds, kLarge);

  // Several at once are refused at once, and take no offsets.
  std::vector<BackgroundAppend> appends(4);
  for (std::size_t i = 0; i < appends.size(); ++i) machine.start_append(appends[i], 50 + i, kLarge);
  machine.sleep(seconds(1));
  for (const BackgroundAppend& append : appends) {
    ASSERT_TRUE(append.outcome);
    ASSERT_FALSE(*append.outcome);
    EXPECT_EQ(append.outcome->error().code(), ErrorCode::kNoSpace);
  }
  EXPECT_EQ(machine.marks().append_end, machine.marks().high_watermark);

  storage.set_capacity(kGiB);
  for (std::uint64_t seed = 100; seed < 105; ++seed) {
    EXPECT_EQ(machine.append_ok(seed, kLarge), Offset{static_cast<std::int64_t>(seeds.size())});
    seeds.push_back(seed);
  }
  machine.expect_log(seeds, kLarge);

  // Said when it began and when it ended, and not with every refusal.
  ASSERT_EQ(machine.reports().size(), 2U);
  EXPECT_NE(machine.reports()[0].find("orders/0: no space"), std::string::npos);
  EXPECT_NE(machine.reports()[1].find("writing resumes"), std::string::npos);
}

TEST(PartitionFullDisk, ARefusedAppendLeavesNoFileBehind) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  storage.set_capacity(16 * kKiB);
  EXPECT_FALSE(machine.append(0));
  EXPECT_TRUE(machine.scheduler.run(machine.disk.list(kPoolDirectory))->empty());
  EXPECT_TRUE(machine.scheduler.run(machine.disk.list(kPartitionDirectory))->empty());
}

TEST(PartitionFullDisk, ARestartOnAFullDiskStillServesReads) {
  SimStorage storage;
  std::vector<std::uint64_t> seeds;
  {
    LogMachine machine(storage);
    machine.start();
    for (std::uint64_t seed = 0; seed < 9; ++seed) {
      machine.append_ok(seed, kLarge);
      seeds.push_back(seed);
    }
    machine.die(SimCrash::kKill);
  }
  storage.set_capacity(0);
  {
    LogMachine machine(storage);
    machine.start();
    machine.expect_log(seeds, kLarge);
    const auto refused = machine.append(50, kLarge);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kNoSpace);
    storage.set_capacity(kGiB);
    EXPECT_EQ(machine.append_ok(9, kLarge), Offset{9});
    seeds.push_back(9);
    machine.die(SimCrash::kKill);
  }
  LogMachine machine(storage);
  machine.start();
  EXPECT_TRUE(machine.report().findings.empty());
  machine.expect_log(seeds, kLarge);
}

// What sealing cuts is room for the index.
TEST(PartitionFullDisk, AGracefulStopNeedsNoSpaceAndLeavesNothingToScan) {
  constexpr BatchShape kLeavesRoom{.payload_bytes = 13'000};  // four blocks, of six or fourteen
  SimStorage storage;
  std::vector<std::uint64_t> seeds;
  {
    LogMachine machine(storage);
    machine.start();
    storage.set_capacity(80 * kKiB);
    for (std::uint64_t seed = 0; machine.append(seed, kLeavesRoom); ++seed) seeds.push_back(seed);
    storage.set_capacity(storage.space().total_bytes - storage.space().available_bytes);
    ASSERT_EQ(storage.space().available_bytes, 0U);
    EXPECT_TRUE(machine.stop());
  }
  storage.set_capacity(kGiB);
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(machine.report().scanned_segment_count, 0U);
  machine.expect_log(seeds, kLeavesRoom);
}

TEST(PartitionFullDisk, WhatAGracefulStopCouldNotIndexIsScanned) {
  SimStorage storage;
  std::vector<std::uint64_t> seeds;
  {
    LogMachine machine(storage);
    machine.start();
    machine.disk.inject(
        {.op = SimOp::kWrite, .path_part = ".idx", .count = 1000, .errno_value = ENOSPC});
    for (std::uint64_t seed = 0; seed < 9; ++seed) {
      machine.append_ok(seed, kLarge);
      seeds.push_back(seed);
    }
    EXPECT_TRUE(machine.stop());
  }
  LogMachine machine(storage);
  machine.start();
  EXPECT_GT(machine.report().scanned_segment_count, 0U);
  EXPECT_TRUE(machine.report().findings.empty());
  machine.expect_log(seeds, kLarge);
}

// ---- segments that were prepared and not used

TEST(PartitionRoll, ASegmentThatTurnsOutTooSmallIsNotDamageIfItComesBack) {
  // Small commits have a small segment prepared; then one comes that does not fit it.
  constexpr BatchShape kTooLargeForIt{.payload_bytes = 100 * kKiB};
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SimStorage storage;
    std::uint64_t small = 0;
    {
      LogMachineOptions options;
      options.disk.seed = seed;
      LogMachine machine(storage, options);
      machine.start();
      while (small < 3) machine.append_ok(small++);
      // The preparation begins with this one or with the next.
      if (seed % 2 == 0) machine.sleep(milliseconds(seed % 5));
      machine.append_ok(small, kTooLargeForIt);
      machine.append_ok(small + 1);
      machine.die(seed % 3 == 0 ? SimCrash::kKill : SimCrash::kPowerCut);
    }
    LogMachine machine(storage);
    machine.start();
    ASSERT_EQ(machine.report().findings, std::vector<std::string>{}) << "seed " << seed;
    ASSERT_EQ(machine.marks().high_watermark, Offset{5}) << "seed " << seed;
    ASSERT_EQ(machine.read_all(Offset{0}).size(), 5U);
  }
}

}  // namespace
}  // namespace penstock::log::testing
