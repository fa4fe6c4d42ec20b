// Paying padding back: what compaction does, and what it leaves alone.

#include <gtest/gtest.h>

#include <chrono>

#include "log/testing/compaction.h"

namespace penstock::log::testing {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kCount = 55;  // three sealed segments, and an active one

TEST(PartitionCompact, TheSameBatchesInFewerBytesNowAndAfterARestart) {
  for (const BatchShape shape : {kSmall, kMedium}) {
    SimStorage storage;
    {
      LogMachine machine(storage, from_the_device());
      machine.start();
      fill_with_padding(machine, 0, kCount, shape);
      const std::uint64_t size_before = machine.partition().size_bytes();
      const std::uint64_t file_before = file_bytes(machine, segment_path(3));
      const auto report = compact(machine);
      ASSERT_TRUE(report) << report.error().message();
      EXPECT_EQ(report->segments, 3U);
      EXPECT_EQ(size_before - machine.partition().size_bytes(), report->reclaimed_bytes);
      EXPECT_GT(report->reclaimed_bytes, size_before / 5);
      EXPECT_LT(file_bytes(machine, segment_path(3)), file_before);
      EXPECT_EQ(machine.partition().compaction_totals().reclaimed_bytes, report->reclaimed_bytes);
      machine.expect_log(seeds_from(0, kCount), shape);
      for (std::int64_t from = 0; from < static_cast<std::int64_t>(kCount); ++from) {
        const auto found = machine.read(Offset{from}, {.max_bytes = 1});
        ASSERT_TRUE(found) << found.error().message();
        EXPECT_EQ(BatchHeader::parse(found->batches.at(0).view())->base_offset, Offset{from});
      }
      expect_no_leftovers(machine);
      machine.append_ok(kCount, shape);
      EXPECT_TRUE(machine.stop());
    }
    LogMachine machine(storage);
    machine.start();
    EXPECT_EQ(machine.report().scanned_segment_count, 0U);
    EXPECT_TRUE(machine.report().findings.empty());
    machine.expect_log(seeds_from(0, kCount + 1), shape);
  }
}

TEST(PartitionCompact, TimesAreFoundAsBefore) {
  SimStorage storage;
  LogMachine machine(storage, from_the_device());
  machine.start();
  for (std::uint64_t seed = 0; seed < kCount; ++seed) {
    const auto time = static_cast<std::int64_t>(1000 + seed);
    machine.append_ok(seed, {.payload_bytes = 100, .timestamp_ms = time});
  }
  machine.sleep(seconds(1));
  ASSERT_TRUE(compact(machine));
  ASSERT_EQ(machine.partition().compaction_totals().segments, 3U);
  EXPECT_EQ(machine.partition().max_timestamp_ms(), 1000 + static_cast<std::int64_t>(kCount) - 1);
  for (std::int64_t at = 0; at < static_cast<std::int64_t>(kCount); ++at) {
    const auto found = machine.scheduler.run(machine.partition().find_time(1000 + at));
    ASSERT_TRUE(found && *found) << at;
    EXPECT_EQ(BatchHeader::parse((*found)->view())->base_offset, Offset{at});
  }
}

TEST(PartitionCompact, ARewrittenSegmentIsNotRewrittenAgainInThisLifeNorTheNext) {
  SimStorage storage;
  {
    LogMachine machine(storage, from_the_device());
    machine.start();
    fill_with_padding(machine, 0, kCount);
    EXPECT_EQ(compact(machine)->segments, 3U);
    EXPECT_EQ(compact(machine)->segments, 0U);
    EXPECT_TRUE(machine.stop());
  }
  LogMachine machine(storage);
  machine.start();
  EXPECT_EQ(compact(machine)->segments, 1U);  // the one that was active
  EXPECT_EQ(compact(machine)->segments, 0U);
}

TEST(PartitionCompact, HowMuchIsPaddingIsKnownAfterAStopAndAfterADeath) {
  for (const bool dies : {false, true}) {
    SimStorage storage;
    {
      LogMachine machine(storage);
      machine.start();
      fill_with_padding(machine, 0, kCount);
      if (dies) machine.die(SimCrash::kPowerCut);
    }
    LogMachine machine(storage);
    machine.start();
    EXPECT_EQ(compact(machine)->segments, 4U);
    machine.expect_log(seeds_from(0, kCount), kSmall);
  }
}

TEST(PartitionCompact, WhatIsLessPaddingThanAskedForStaysAsItIs) {
  SimStorage storage;
  LogMachine machine(storage, from_the_device());
  machine.start();
  fill_with_padding(machine, 0, kCount, kMedium);  // a bit more than a third
  const CompactionOptions more{.pad_share_min = 0.5, .bytes_per_second = kUnpaced};
  EXPECT_EQ(machine.scheduler.run(machine.partition().compact(more))->segments, 0U);
  const CompactionOptions less{.pad_share_min = 0.3, .bytes_per_second = kUnpaced};
  EXPECT_EQ(machine.scheduler.run(machine.partition().compact(less))->segments, 3U);
}

// Entries of half a commit and a bit waste most of what a rewritten segment may.
TEST(PartitionCompact, NeverMakesASegmentLarger) {
  for (const std::size_t payload : {1UL, 3500UL, 4003UL, 4100UL, 30'000UL, 32'700UL, 33'000UL}) {
    const BatchShape shape{.payload_bytes = payload};
    SimStorage storage;
    LogMachine machine(storage, from_the_device());
    machine.start();
    fill_with_padding(machine, 0, 20, shape);
    const std::uint64_t before = machine.partition().size_bytes();
    const CompactionOptions options{.pad_share_min = 0, .bytes_per_second = kUnpaced};
    const auto report = machine.scheduler.run(machine.partition().compact(options));
    ASSERT_TRUE(report) << payload;
    EXPECT_EQ(before - machine.partition().size_bytes(), report->reclaimed_bytes) << payload;
    EXPECT_TRUE(report->segments == 0 || report->reclaimed_bytes > 0) << payload;
    machine.expect_log(seeds_from(0, 20), shape);
  }
}

TEST(PartitionCompact, ReadsAndWritesNoFasterThanItMay) {
  constexpr std::uint64_t kRate = 16 * kKiB;
  SimStorage storage;
  LogMachine machine(storage, from_the_device());
  machine.start();
  fill_with_padding(machine, 0, kCount, kMedium);
  const Instant begin = machine.scheduler.now();
  const auto report = compact(machine, kRate);
  ASSERT_TRUE(report);
  const double took = std::chrono::duration<double>(machine.scheduler.now() - begin).count();
  // Read, written and read back; headers are not counted.
  const auto payload = static_cast<double>(report->rewritten_bytes - 3 * kFirstCommit.value);
  EXPECT_GE(took, 0.9 * 3 * payload / kRate);
  EXPECT_LE(took, 1.2 * 3 * payload / kRate);
}

TEST(PartitionCompact, ASecondOneMeanwhileDoesNothing) {
  SimStorage storage;
  LogMachine machine(storage, from_the_device());
  machine.start();
  fill_with_padding(machine, 0, kCount);
  RunningCompaction first = start_compaction(machine);
  EXPECT_EQ(compact(machine)->segments, 0U);
  EXPECT_EQ(machine.scheduler.run(end_of(first))->segments, 3U);
}

TEST(PartitionCompact, OnADiskThatIsNearlyFullNothingIsTouched) {
  SimStorage storage;
  LogMachine machine(storage, from_the_device());
  machine.start();
  fill_with_padding(machine, 0, kCount);
  storage.set_capacity(0);
  const auto report = compact(machine);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->segments, 0U);
  expect_no_leftovers(machine);
  storage.set_capacity(kGiB);
  EXPECT_EQ(compact(machine)->segments, 3U);
}

TEST(PartitionCompact, AFencedPartitionIsLeftAlone) {
  SimStorage storage;
  LogMachine machine(storage, from_the_device());
  machine.start();
  fill_with_padding(machine, 0, kCount);
  machine.disk.inject({.op = SimOp::kWrite, .path_part = kPoolDirectory});
  EXPECT_FALSE(machine.append(99));
  ASSERT_TRUE(machine.partition().fence());
  EXPECT_EQ(compact(machine)->segments, 0U);
}

// ---- damage

TEST(PartitionCompact, ASegmentThatRottedStaysAsItIsAndIsReported) {
  SimStorage storage;
  LogMachine machine(storage, from_the_device());
  machine.start();
  fill_with_padding(machine, 0, kCount);
  storage.flip_bit(segment_path(2), kFirstCommit + 3 * kBlockBytes + 120, 4);
  const std::uint64_t size_before = file_bytes(machine, segment_path(2));
  const auto report = compact(machine);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->segments, 2U);
  EXPECT_EQ(file_bytes(machine, segment_path(2)), size_before);
  ASSERT_EQ(machine.reports().size(), 1U);
  EXPECT_NE(machine.reports().front().find(segment_path(2)), std::string::npos);
  EXPECT_EQ(compact(machine)->segments, 0U);
  EXPECT_EQ(machine.reports().size(), 1U);
  storage.flip_bit(segment_path(2), kFirstCommit + 3 * kBlockBytes + 120, 4);
  machine.expect_log(seeds_from(0, kCount), kSmall);
}

TEST(PartitionCompact, WhatTheDeviceDidNotKeepIsNeverInstalled) {
  std::uint64_t caught = 0;
  for (const SimFaultKind kind : {SimFaultKind::kLost, SimFaultKind::kMisdirected}) {
    for (std::uint64_t nth = 1; nth <= 8; ++nth) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        SimStorage storage;
        {
          LogMachine machine(storage, from_the_device(seed));
          machine.start();
          fill_with_padding(machine, 0, kCount, kMedium);
          machine.disk.inject({.op = SimOp::kWrite, .path_part = ".seg.tmp", .nth = nth, .kind = kind});
          const auto report = compact(machine);
          caught += report ? 0 : 1;
          machine.expect_log(seeds_from(0, kCount), kMedium);
          expect_no_leftovers(machine);
          machine.die(SimCrash::kPowerCut);
        }
        LogMachine machine(storage);
        machine.start();
        ASSERT_TRUE(machine.report().findings.empty()) << nth;
        machine.expect_log(seeds_from(0, kCount), kMedium);
      }
    }
  }
  // The three segments have seven writes: a header each, and four commits. A header copy may be lost.
  EXPECT_GT(caught, 30U);
}

// In a rewritten segment every entry vouches for all of them, the last one too.
TEST(PartitionCompact, DamageAtARewrittenSegmentsEndIsNeverTakenForATornTail) {
  constexpr std::uint64_t kOfTwoSegments = 20;
  for (std::int64_t first_damaged = 6; first_damaged < 20; ++first_damaged) {
    SimStorage storage;
    {
      LogMachine machine(storage, from_the_device());
      machine.start();
      fill_with_padding(machine, 0, kOfTwoSegments);
      EXPECT_TRUE(machine.stop());
    }
    {
      LogMachine machine(storage, from_the_device());
      machine.start();
      ASSERT_EQ(compact(machine)->segments, 2U);
      EXPECT_TRUE(machine.stop());
    }
    constexpr std::uint64_t kEntryBytes = kEntryHeaderBytes + kBatchHeaderBytes + 100;
    for (std::int64_t offset = first_damaged; offset < 20; ++offset) {
      const auto at = static_cast<std::uint64_t>(offset - 6) * kEntryBytes;
      storage.flip_bit(segment_path(2), kFirstCommit + at + 100, 1);
    }
    {
      SimMachine tool(storage);
      ASSERT_TRUE(tool.scheduler.run(tool.disk.remove(index_path(2))));
      ASSERT_TRUE(tool.scheduler.run(tool.disk.sync_directory(kPartitionDirectory)));
    }
    LogMachine machine(storage, from_the_device());
    machine.start();
    ASSERT_FALSE(machine.report().findings.empty()) << first_damaged;
    if (first_damaged == 6) {  // nothing of it is readable: kept aside, and no offset given twice
      EXPECT_EQ(machine.append(99).error().code(), ErrorCode::kFenced);
      EXPECT_TRUE(storage.exists(segment_path(2) + ".damaged"));
    } else {
      EXPECT_EQ(machine.marks().high_watermark, Offset{20});
      EXPECT_EQ(machine.read(Offset{first_damaged}).error().code(), ErrorCode::kCorrupt);
      EXPECT_EQ(machine.append_ok(99), Offset{20});
    }
  }
}

// ---- the pool

TEST(PartitionCompact, AnUnusedSegmentIsWorthToThePoolWhatWasWrittenOfIt) {
  constexpr BatchShape kHuge{.payload_bytes = 300 * kKiB};
  LogMachineOptions options;
  options.pool.smallest_bytes = kMiB;
  options.partition.segment_bytes = 4 * kMiB;
  SimStorage storage;
  LogMachine machine(storage, options);
  machine.start();
  // Large commits have the next segment reserved, not written; it is not used.
  for (std::uint64_t seed = 0; seed < 3; ++seed) machine.append_ok(seed, kHuge);
  machine.sleep(seconds(1));
  EXPECT_TRUE(machine.scheduler.run(machine.partition().close()));
  machine.forget_partition();
  machine.sleep(seconds(1));
  EXPECT_EQ(machine.pool().spare_bytes(), 0U);
}

}  // namespace
}  // namespace penstock::log::testing
