#include "log/catch_up.h"

#include <gtest/gtest.h>

#include <chrono>

#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr BatchShape kShape{.payload_bytes = 50'000};
constexpr std::uint64_t kCount = 60;  // batches, 3 MB together
constexpr ReadLimits kOneBatch{.max_bytes = 1};
constexpr ReadLimits kMegabyte{.max_bytes = kMiB};
constexpr Duration kReadTime = milliseconds(1);

// Segments that hold several windows, on a device whose operations take one millisecond each, however
// many there are. Nothing but the newest commit is in the tail.
LogMachineOptions on_slow_device(std::uint64_t memory_bytes = CatchUpOptions().memory_bytes) {
  LogMachineOptions options;
  options.disk.latency_min = kReadTime;
  options.disk.latency_max = kReadTime;
  options.pool.smallest_bytes = 4 * kMiB;
  options.partition.segment_bytes = 4 * kMiB;
  options.partition.tail_bytes = 0;
  options.catch_up.memory_bytes = memory_bytes;
  return options;
}

class CatchUpReads : public ::testing::Test {
 protected:
  void start(LogMachineOptions options = on_slow_device()) {
    options.disk.trace = [this](std::string_view line) {
      if (line.find(" read ") != std::string_view::npos) ++device_reads_;
    };
    machine_.emplace(storage_, options);
    machine_->start();
  }
  void fill(std::uint64_t count = kCount, BatchShape shape = kShape) {
    for (std::uint64_t i = 0; i < count; ++i) machine_->append_ok(appended_++, shape);
    // While commits come, reads go out in pieces, which other tests are about.
    machine_->sleep(ReadPace::kQuietAfter);
    device_reads_ = 0;
  }

  // One batch at `from`, byte for byte; returns where the next one starts.
  Offset fetch(Offset from, BatchShape shape = kShape) {
    const auto found = machine_->read(from, kOneBatch);
    EXPECT_TRUE(found) << found.error().message();
    if (!found || found->batches.size() != 1) {
      ADD_FAILURE() << "no batch at offset " << from.value;
      return from + 1;
    }
    const auto expected = stored_batch(static_cast<std::uint64_t>(from.value), from, shape);
    EXPECT_TRUE(std::ranges::equal(found->batches[0].view(), expected)) << "offset " << from.value;
    return from + 1;
  }
  // All batches, one fetch each; how long it took.
  Duration fetch_all() {
    const Instant begin = machine_->scheduler.now();
    Offset next;
    while (next < machine_->marks().high_watermark) next = fetch(next);
    return machine_->scheduler.now() - begin;
  }
  // The fifth batch ends in the third window, so another one has been started.
  void fetch_until_reads_are_in_flight() {
    for (Offset next; next < Offset{5};) next = fetch(next);
  }
  Task<void> read_a_megabyte(Offset from, std::vector<Instant>& ended) {
    const auto found = co_await machine_->partition().read(from, kMegabyte);
    EXPECT_TRUE(found);
    ended.push_back(machine_->scheduler.now());
  }
  CatchUp& catch_up() { return machine_->catch_up(); }

  SimStorage storage_;
  std::optional<LogMachine> machine_;
  std::uint64_t appended_ = 0;
  std::uint64_t device_reads_ = 0;
};

TEST_F(CatchUpReads, FetchesThatGoOnDoNotWaitForTheDeviceEachTime) {
  start(on_slow_device(/*memory_bytes=*/0));
  fill();
  const Duration each_for_itself = fetch_all();
  EXPECT_EQ(catch_up().stats().without, kCount - 1) << "the last one is in the tail";
  EXPECT_GE(each_for_itself, kReadTime * (kCount - 1));

  machine_.reset();
  start();
  const Duration on_the_way = fetch_all();
  EXPECT_EQ(catch_up().stats().opened, 1U);
  EXPECT_EQ(catch_up().stats().continued, kCount - 1);
  EXPECT_LT(on_the_way * 8, each_for_itself);
}

TEST_F(CatchUpReads, NothingIsReadTwice) {
  start();
  fill();
  fetch_all();
  // 3 MB in windows of 128, 256 and then 512 KiB.
  EXPECT_LE(device_reads_, 9U);
}

TEST_F(CatchUpReads, WindowsAreOnTheirWayBetweenFetches) {
  start();
  fill();
  Offset next;
  for (int i = 0; i < 4; ++i) next = fetch(next);
  machine_->sleep(kReadTime);
  const Instant before = machine_->scheduler.now();
  for (int i = 0; i < 8; ++i) next = fetch(next);
  EXPECT_EQ(machine_->scheduler.now(), before) << "they were there already";
}

TEST_F(CatchUpReads, BesideCommitsOldDataIsReadInPieces) {
  LogMachineOptions options = on_slow_device();
  // Commits are so short that pieces are the smallest.
  options.disk.latency_min = options.disk.latency_max = std::chrono::microseconds(100);
  start(options);
  fill();
  machine_->append_ok(appended_++, kShape);
  device_reads_ = 0;
  fetch(Offset{0});
  EXPECT_GE(device_reads_, 128 * kKiB / ReadPace::kPieceBytes);
  machine_->sleep(ReadPace::kQuietAfter);
  device_reads_ = 0;
  fetch(Offset{30});
  EXPECT_LE(device_reads_, 2U);
}

TEST_F(CatchUpReads, ASeekAndASecondReaderGetCursorsOfTheirOwn) {
  start();
  fill();
  Offset first = fetch(Offset{0});
  Offset second = fetch(Offset{30});
  EXPECT_EQ(catch_up().stats().opened, 2U);
  for (int i = 0; i < 20; ++i) {
    first = fetch(first);
    second = fetch(second);
  }
  EXPECT_EQ(catch_up().stats().opened, 2U);
  EXPECT_EQ(catch_up().stats().continued, 40U);
}

TEST_F(CatchUpReads, TwoReadersAtOnePlaceGetOneCursorEach) {
  start();
  fill();
  fetch(Offset{0});
  fetch(Offset{0});
  fetch(Offset{1});
  fetch(Offset{1});
  EXPECT_EQ(catch_up().stats().opened, 2U);
  EXPECT_EQ(catch_up().stats().continued, 2U);
  EXPECT_EQ(catch_up().cursor_count(), 2U);
}

TEST_F(CatchUpReads, TheBudgetBoundsTheCursorsAndOneThatRestsMakesRoom) {
  start(on_slow_device(CatchUp::kSingleReadBytes + 2 * CatchUp::kCursorBytes + 1));
  fill();
  ASSERT_EQ(catch_up().max_cursors(), 2U);
  fetch(Offset{0});
  fetch(Offset{20});
  // Both were used just now: neither is taken away.
  fetch(Offset{40});
  EXPECT_EQ(catch_up().stats().without, 1U);
  EXPECT_EQ(catch_up().cursor_count(), 2U);
  fetch(Offset{1});
  EXPECT_EQ(catch_up().stats().continued, 1U);

  machine_->sleep(CatchUp::kIdleMin);
  fetch(Offset{41});
  EXPECT_EQ(catch_up().stats().opened, 3U);
  EXPECT_EQ(catch_up().cursor_count(), 2U);
  fetch(Offset{2});
  EXPECT_EQ(catch_up().stats().continued, 2U) << "the one that was used longest ago has gone";
}

TEST_F(CatchUpReads, ACursorFollowsItsReaderIntoTheNextSegment) {
  LogMachineOptions options = on_slow_device();
  options.pool.smallest_bytes = kMiB;
  options.partition.segment_bytes = kMiB;
  start(options);
  fill();
  ASSERT_TRUE(storage_.exists(segment_path(3)));
  fetch_all();
  EXPECT_EQ(catch_up().stats().opened, 1U);
}

TEST_F(CatchUpReads, TheNextSegmentIsOnItsWayBeforeTheReaderGetsThere) {
  LogMachineOptions options = on_slow_device();
  options.pool.smallest_bytes = kMiB;
  options.partition.segment_bytes = kMiB;
  start(options);
  fill();
  Offset next;
  for (int i = 0; i < 8; ++i) next = fetch(next);
  while (next + 1 < machine_->marks().high_watermark) {
    machine_->sleep(3 * kReadTime);
    const Instant before = machine_->scheduler.now();
    next = fetch(next);
    EXPECT_EQ(machine_->scheduler.now(), before) << "offset " << next.value;
  }
  EXPECT_EQ(catch_up().stats().opened, 1U);
  EXPECT_GE(catch_up().stats().crossed, 2U);
}

TEST_F(CatchUpReads, ANextSegmentThatIsDeletedBeforeItIsReadIsLetGo) {
  LogMachineOptions options = on_slow_device();
  options.pool.smallest_bytes = kMiB;
  options.partition.segment_bytes = kMiB;
  start(options);
  fill();
  // Close to the end of the first segment, which holds 19.
  Offset next;
  while (next < Offset{15}) next = fetch(next);
  machine_->sleep(3 * kReadTime);
  ASSERT_TRUE(machine_->scheduler.run(machine_->partition().delete_below(Offset{45})));
  EXPECT_EQ(catch_up().cursor_count(), 0U);
  const auto spare = machine_->scheduler.run(machine_->disk.list(kPoolDirectory));
  ASSERT_TRUE(spare);
  EXPECT_GE(spare->size(), 2U) << "both files went back to the pool";
  for (next = Offset{45}; next < Offset{kCount};) next = fetch(next);
}

TEST_F(CatchUpReads, ReadsWithoutACursorWaitInLineForTheirMemory) {
  start(on_slow_device(/*memory_bytes=*/0));
  fill();
  std::vector<Instant> ended;
  for (const std::int64_t from : {0, 10, 20, 30}) {
    machine_->scheduler.spawn(read_a_megabyte(Offset{from}, ended));
  }
  machine_->sleep(100 * kReadTime);
  ASSERT_EQ(ended.size(), 4U);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_GE(ended[i] - ended[i - 1], kReadTime) << i;
}

TEST_F(CatchUpReads, ACursorReadsOnInASegmentThatHasGrown) {
  start();
  fill(2);
  EXPECT_EQ(machine_->read(Offset{0})->batches.size(), 2U);
  fill(30);
  for (Offset next{2}; next < Offset{32};) next = fetch(next);
  EXPECT_EQ(catch_up().stats().opened, 1U);
}

TEST_F(CatchUpReads, WhoHasCaughtUpGivesItsCursorBack) {
  start();
  fill(3);
  fetch(Offset{0});
  fetch(Offset{1});
  EXPECT_EQ(catch_up().cursor_count(), 1U);
  fetch(Offset{2});
  EXPECT_EQ(catch_up().cursor_count(), 0U);
}

TEST_F(CatchUpReads, ABatchThatDidNotFitIsServedNext) {
  start();
  fill();
  Offset next;
  while (next < Offset{kCount}) {
    const auto found = machine_->read(next, {.max_bytes = 120'000});
    ASSERT_TRUE(found) << found.error().message();
    ASSERT_FALSE(found->batches.empty());
    for (const SharedSlice& batch : found->batches) {
      const auto expected = stored_batch(static_cast<std::uint64_t>(next.value), next, kShape);
      EXPECT_TRUE(std::ranges::equal(batch.view(), expected)) << next.value;
      next = next + 1;
    }
  }
  EXPECT_EQ(catch_up().stats().opened, 1U);
}

TEST_F(CatchUpReads, ABatchThatIsTooLargeToKeepCostsTheCursor) {
  constexpr BatchShape kTwoMegabytes{.payload_bytes = 2'000'000};
  start();
  fill(5, kTwoMegabytes);
  const auto found = machine_->read(Offset{0}, {.max_bytes = 3'000'000});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->batches.size(), 1U);
  EXPECT_EQ(catch_up().cursor_count(), 0U);
  fetch(Offset{1}, kTwoMegabytes);
}

TEST_F(CatchUpReads, DamageAheadIsServedUpToAndThenAnError) {
  start();
  fill();
  machine_->stop().value();
  storage_.flip_bit(segment_path(1), kFirstCommit + 5 * align_up(kShape.payload_bytes, kBlockBytes) + 9,
                    3);
  start();
  const auto before = machine_->read(Offset{0});
  ASSERT_TRUE(before);
  const Offset damaged{static_cast<std::int64_t>(before->batches.size())};
  EXPECT_EQ(damaged, Offset{5});
  const auto error = machine_->read(damaged);
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(catch_up().cursor_count(), 0U);
  fetch(damaged + 1);
}

TEST_F(CatchUpReads, AfterADeviceErrorTheNextFetchReadsAgain) {
  start();
  fill();
  fetch(Offset{0});
  machine_->disk.inject({.op = SimOp::kRead});
  Offset next{1};
  std::uint64_t errors = 0;
  while (next < Offset{kCount}) {
    const auto found = machine_->read(next, kOneBatch);
    if (!found) {
      EXPECT_EQ(found.error().code(), ErrorCode::kIo);
      ++errors;
      continue;
    }
    next = next + 1;
  }
  EXPECT_EQ(errors, 1U);
}

TEST_F(CatchUpReads, CloseWaitsForReadsInFlight) {
  start();
  fill();
  fetch_until_reads_are_in_flight();
  const std::uint64_t ended = device_reads_;
  ASSERT_TRUE(machine_->scheduler.run(machine_->partition().close()));
  EXPECT_GT(device_reads_, ended);
  const std::uint64_t at_close = device_reads_;
  EXPECT_EQ(catch_up().cursor_count(), 0U);
  machine_->forget_partition();
  machine_->sleep(seconds(1));
  EXPECT_EQ(device_reads_, at_close);
  machine_.reset();
  start();
  fetch_all();
}

TEST_F(CatchUpReads, DestroyWaitsForReadsInFlightAndTheFilesAreUsedAgain) {
  start();
  fill();
  fetch_until_reads_are_in_flight();
  ASSERT_TRUE(machine_->scheduler.run(machine_->partition().destroy()));
  EXPECT_FALSE(storage_.exists(kPartitionDirectory));
  EXPECT_EQ(catch_up().cursor_count(), 0U);
  const auto spare = machine_->scheduler.run(machine_->disk.list(kPoolDirectory));
  ASSERT_TRUE(spare);
  EXPECT_FALSE(spare->empty()) << "an open cursor keeps no segment from the pool";
  machine_->forget_partition();
}

TEST_F(CatchUpReads, ACursorKeepsNoDeletedSegmentFromThePool) {
  LogMachineOptions options = on_slow_device();
  options.pool.smallest_bytes = kMiB;
  options.partition.segment_bytes = kMiB;
  start(options);
  fill();
  for (Offset next; next < Offset{4};) next = fetch(next);
  machine_->sleep(kReadTime);
  EXPECT_EQ(catch_up().cursor_count(), 1U);
  ASSERT_TRUE(machine_->scheduler.run(machine_->partition().delete_below(Offset{30})));
  EXPECT_EQ(catch_up().cursor_count(), 0U);
  const auto spare = machine_->scheduler.run(machine_->disk.list(kPoolDirectory));
  ASSERT_TRUE(spare);
  EXPECT_FALSE(spare->empty());
  fetch(Offset{30});
}

TEST_F(CatchUpReads, DyingWithReadsInFlightLosesNothing) {
  start();
  fill();
  fetch_until_reads_are_in_flight();
  machine_->die(SimCrash::kPowerCut);
  machine_.reset();
  start();
  fetch_all();
}

}  // namespace
}  // namespace penstock::log::testing
