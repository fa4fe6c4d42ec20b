// Deleting from a log's beginning, by request, age and size; and with a death or a full disk in
// between.

#include <gtest/gtest.h>

#include <chrono>
#include <deque>

#include "file/small_file.h"
#include "log/log_start.h"
#include "log/testing/log_machine.h"
#include "task/started.h"

namespace penstock::log::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// Three of them fill the smallest segment.
constexpr BatchShape kLarge{.payload_bytes = 7000};

std::vector<std::uint64_t> seeds_from(std::uint64_t first, std::uint64_t end) {
  std::vector<std::uint64_t> seeds;
  for (; first < end; ++first) seeds.push_back(first);
  return seeds;
}

// As many batches, the seed of each its offset.
void fill(LogMachine& machine, std::uint64_t first, std::uint64_t end, BatchShape shape = kLarge) {
  for (; first < end; ++first)
    ASSERT_EQ(machine.append_ok(first, shape).value, static_cast<std::int64_t>(first));
}

std::size_t segment_files(SimStorage& storage) {
  std::size_t count = 0;
  for (std::uint64_t number = 1; number < 64; ++number)
    count += storage.exists(segment_path(number)) ? 1 : 0;
  return count;
}

Result<Offset> delete_below(LogMachine& machine, std::int64_t start) {
  return machine.scheduler.run(machine.partition().delete_below(Offset{start}));
}

Task<Result<Batches>> end_of(Started<Result<Batches>>& started) { co_return co_await started; }

TEST(LogStart, IsReadAsItWasWrittenAndDamageIsNamed) {
  PartitionId id;
  id.topic_id.fill(std::byte{7});
  id.index = 3;
  const auto file = encode_log_start(id, Offset{77});
  EXPECT_EQ(*decode_log_start(id, file), Offset{77});
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    auto damaged = file;
    damaged[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_FALSE(decode_log_start(id, damaged)) << "bit " << bit;
  }
  EXPECT_FALSE(decode_log_start(id, ByteView(file).first(file.size() - 1)));

  PartitionId beside = id;
  beside.index = 4;
  PartitionId of_another_topic = id;
  of_another_topic.topic_id[15] = std::byte{8};
  for (const PartitionId& other : {beside, of_another_topic}) {
    const auto read = decode_log_start(other, file);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), ErrorCode::kCorrupt);
  }
}

TEST(PartitionTrim, WhatIsBelowTheStartCannotBeReadAndTheRestCan) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  fill(machine, 0, 20);
  const std::size_t files_before = segment_files(storage);
  EXPECT_EQ(*delete_below(machine, 11), Offset{11});
  EXPECT_EQ(machine.marks().log_start, Offset{11});
  EXPECT_EQ(machine.read(Offset{10}).error().code(), ErrorCode::kOutOfRange);
  machine.expect_log(seeds_from(11, 20), kLarge, Offset{11});
  EXPECT_LT(segment_files(storage), files_before);
}

TEST(PartitionTrim, TheStartNeverGoesBackAndNeverPassesTheDurableEnd) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  fill(machine, 0, 5);
  EXPECT_EQ(*delete_below(machine, 3), Offset{3});
  EXPECT_EQ(*delete_below(machine, 1), Offset{3});
  EXPECT_EQ(delete_below(machine, 6).error().code(), ErrorCode::kOutOfRange);
  machine.expect_log(seeds_from(3, 5), kLarge, Offset{3});
}

TEST(PartitionTrim, ARestartFindsTheStartAndTheEnd) {
  SimStorage storage;
  for (const std::int64_t start : {4, 9, 20}) {
    {
      LogMachine machine(storage);
      machine.start();
      if (start == 4) fill(machine, 0, 20);
      EXPECT_EQ(*delete_below(machine, start), Offset{start});
    }
    LogMachine again(storage);
    again.start();
    EXPECT_EQ(again.marks().log_start, Offset{start});
    EXPECT_EQ(again.marks().high_watermark, Offset{20});
    EXPECT_TRUE(again.report().findings.empty());
    again.expect_log(seeds_from(static_cast<std::uint64_t>(start), 20), kLarge, Offset{start});
  }
}

TEST(PartitionTrim, AnEmptiedLogGoesOnAtTheNextOffsetInThisLifeAndTheNext) {
  SimStorage storage;
  for (std::uint64_t life = 0; life < 3; ++life) {
    LogMachine machine(storage);
    machine.start();
    // Into a second segment, and not so far that a third one is prepared.
    fill(machine, life * 4, life * 4 + 4);
    const auto end = static_cast<std::int64_t>(life * 4 + 4);
    EXPECT_EQ(*delete_below(machine, end), Offset{end});
    EXPECT_EQ(segment_files(storage), 0U);
    EXPECT_TRUE(machine.stop());
  }
}

TEST(PartitionTrim, ASegmentThatIsBeingReadStaysUntilItsReaderLetsGo) {
  SimStorage storage;
  LogMachineOptions options;
  options.partition.tail_bytes = 0;
  LogMachine machine(storage, options);
  machine.start();
  fill(machine, 0, 20);
  Started<Result<Batches>> reading(machine.partition().read(Offset{0}, {}));
  EXPECT_TRUE(delete_below(machine, 20));
  const auto found = machine.scheduler.run(end_of(reading));
  ASSERT_TRUE(found) << found.error().message();
  ASSERT_FALSE(found->batches.empty());
  EXPECT_TRUE(std::ranges::equal(found->batches.front().view(), stored_batch(0, Offset{0}, kLarge)));
}

TEST(PartitionTrim, AppendsAndDeletionsDoNotDisturbEachOther) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimStorage storage;
    LogMachine machine(storage, {.disk = {.seed = seed}});
    machine.start();
    fill(machine, 0, 7);
    std::deque<BackgroundAppend> appends;
    for (std::uint64_t i = 7; i < 15; ++i) {
      machine.start_append(appends.emplace_back(), i, kLarge);
      if (i % 3 == 0) {
        EXPECT_TRUE(delete_below(machine, machine.marks().high_watermark.value));
      }
    }
    for (BackgroundAppend& append : appends) {
      while (!append.outcome) machine.sleep(milliseconds(1));
      EXPECT_TRUE(*append.outcome);
    }
    const Offset start = machine.marks().log_start;
    EXPECT_EQ(machine.marks().high_watermark, Offset{15});
    machine.expect_log(seeds_from(static_cast<std::uint64_t>(start.value), 15), kLarge, start);
  }
}

TEST(PartitionTrim, ADeathAtAnyStepLosesNothingAboveTheStartAndBringsNothingBackThatWasDeleted) {
  for (const SimCrash how : {SimCrash::kKill, SimCrash::kPowerCut}) {
    std::uint64_t deaths = 0;
    for (std::uint64_t step = 1; step < 400; ++step) {
      SimStorage storage;
      bool deleted = false;
      {
        LogMachine machine(storage, {.disk = {.seed = step}});
        machine.start();
        fill(machine, 0, 20);
        machine.disk.crash_after(machine.disk.steps() + step, how);
        deleted = delete_below(machine, 11) && delete_below(machine, 14);
        if (!machine.disk.has_crashed()) break;
        (void)machine.stop();
        ++deaths;
      }
      LogMachine machine(storage);
      machine.start();
      const Offset start = machine.marks().log_start;
      EXPECT_LE(start, Offset{14});
      EXPECT_EQ(machine.marks().high_watermark, Offset{20}) << "step " << step;
      for (const std::string& finding : machine.report().findings) ADD_FAILURE() << finding;
      if (deleted) EXPECT_EQ(start, Offset{14});
      machine.expect_log(seeds_from(static_cast<std::uint64_t>(start.value), 20), kLarge, start);
      ASSERT_FALSE(HasFailure()) << "step " << step;
    }
    EXPECT_GT(deaths, 5U);
  }
}

// What a start has seen of a killed process's deletion, it has acted on.
TEST(PartitionTrim, WhatAStartAfterAKillTookForDeletedStaysSoAfterAPowerCut) {
  for (std::uint64_t step = 1; step < 60; ++step) {
    SimStorage storage;
    {
      LogMachine machine(storage, {.disk = {.seed = step}});
      machine.start();
      fill(machine, 0, 20);
      machine.disk.crash_after(machine.disk.steps() + step, SimCrash::kKill);
      (void)delete_below(machine, 20);  // and nothing is left to be sealed
      if (!machine.disk.has_crashed()) break;
      (void)machine.stop();
    }
    Offset start;
    {
      LogMachine machine(storage, {.disk = {.seed = step}});
      machine.start();
      start = machine.marks().log_start;
      machine.die(SimCrash::kPowerCut);
    }
    LogMachine machine(storage);
    machine.start();
    EXPECT_EQ(machine.marks().log_start, start) << "step " << step;
    EXPECT_EQ(machine.marks().high_watermark, Offset{20}) << "step " << step;
  }
}

// ---- retention

TEST(PartitionRetention, SegmentsGoWhenTheirNewestRecordIsTooOld) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  const std::int64_t now_ms = machine.scheduler.clock().wall_ms();
  BatchShape old = kLarge;
  old.timestamp_ms = now_ms - 7'200'000;
  BatchShape fresh = kLarge;
  fresh.timestamp_ms = now_ms;
  fill(machine, 0, 12, old);
  fill(machine, 12, 20, fresh);
  EXPECT_TRUE(machine.scheduler.run(machine.partition().apply({.time = hours(3), .bytes = {}})));
  EXPECT_EQ(machine.marks().log_start, Offset{0});
  EXPECT_TRUE(machine.scheduler.run(machine.partition().apply({.time = hours(1), .bytes = {}})));
  EXPECT_GT(machine.marks().log_start, Offset{0});
  EXPECT_LE(machine.marks().log_start, Offset{12});
  machine.sleep(hours(2));
  EXPECT_TRUE(machine.scheduler.run(machine.partition().apply({.time = hours(1), .bytes = {}})));
  EXPECT_EQ(machine.marks().log_start, Offset{20});
  EXPECT_EQ(machine.append_ok(20, kLarge), Offset{20});
}

TEST(PartitionRetention, TheOldestSegmentsGoWhileEnoughIsLeft) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  fill(machine, 0, 40);
  const std::uint64_t kept = 100 * kKiB;
  EXPECT_GT(machine.partition().size_bytes(), 2 * kept);
  EXPECT_TRUE(machine.scheduler.run(machine.partition().apply({.time = {}, .bytes = kept})));
  EXPECT_GE(machine.partition().size_bytes(), kept);
  EXPECT_LE(machine.partition().size_bytes(), kept + kLargestSegmentBytes);
  const Offset start = machine.marks().log_start;
  EXPECT_GT(start, Offset{0});
  machine.expect_log(seeds_from(static_cast<std::uint64_t>(start.value), 40), kLarge, start);
  EXPECT_TRUE(machine.scheduler.run(machine.partition().apply({})));
  EXPECT_EQ(machine.marks().log_start, start);
}

TEST(PartitionRetention, AFullDiskDoesNotKeepItFromFreeingSpace) {
  SimStorage storage;
  Offset start;
  {
    LogMachine machine(storage);
    machine.start();
    fill(machine, 0, 40);
    machine.disk.inject({.op = SimOp::kWrite, .path_part = "log_start", .errno_value = ENOSPC});
    EXPECT_TRUE(machine.scheduler.run(machine.partition().apply({.time = {}, .bytes = 1})));
    start = machine.marks().log_start;
    EXPECT_GT(start, Offset{0});
    machine.expect_log(seeds_from(static_cast<std::uint64_t>(start.value), 40), kLarge, start);
  }
  LogMachine again(storage);
  again.start();
  EXPECT_EQ(again.marks().log_start, start);
}

TEST(PartitionRetention, WhatAFullDiskHadItDeleteIsNotMissing) {
  SimStorage storage;
  {
    LogMachine machine(storage);
    machine.start();
    fill(machine, 0, 40);
    EXPECT_TRUE(delete_below(machine, 5));
    machine.disk.inject(
        {.op = SimOp::kWrite, .path_part = "log_start", .count = 100, .errno_value = ENOSPC});
    (void)machine.scheduler.run(machine.partition().apply({.time = {}, .bytes = 1}));
    EXPECT_GT(machine.marks().log_start, Offset{5});
  }
  LogMachine again(storage);
  again.start();
  EXPECT_EQ(again.report().findings, std::vector<std::string>{});
}

TEST(PartitionRetention, SegmentsWhoseIndexDidNotFitGoToo) {
  SimStorage storage;
  LogMachine machine(storage);
  machine.start();
  machine.disk.inject({.op = SimOp::kWrite, .path_part = ".idx", .count = 1000, .errno_value = ENOSPC});
  fill(machine, 0, 40);
  EXPECT_TRUE(machine.scheduler.run(machine.partition().apply({.time = {}, .bytes = 1})));
  EXPECT_GT(machine.marks().log_start, Offset{0});
  const Offset start = machine.marks().log_start;
  machine.expect_log(seeds_from(static_cast<std::uint64_t>(start.value), 40), kLarge, start);
  EXPECT_FALSE(storage.exists(segment_path(1)));
}

TEST(PartitionTrim, AnUnreadableStartIsReportedAndNoOffsetIsGivenAwayTwice) {
  SimStorage storage;
  {
    LogMachine machine(storage);
    machine.start();
    fill(machine, 0, 5);
    EXPECT_TRUE(delete_below(machine, 5));
    EXPECT_TRUE(machine.stop());
    const std::vector<std::byte> rubbish(20, std::byte{1});
    EXPECT_TRUE(machine.scheduler.run(file::replace_small_file(machine.disk, kPartitionDirectory,
                                                               std::string(kLogStartFile), rubbish)));
  }
  LogMachine machine(storage);
  machine.start();
  EXPECT_FALSE(machine.report().findings.empty());
  EXPECT_EQ(machine.append(5, kLarge).error().code(), ErrorCode::kFenced);
}

}  // namespace
}  // namespace penstock::log::testing
