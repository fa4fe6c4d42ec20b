#include "log/segment_cache.h"

#include <gtest/gtest.h>

#include "log/testing/log_machine.h"

namespace penstock::log::testing {
namespace {

constexpr BatchShape kShape{.payload_bytes = 5'000};
constexpr std::uint64_t kBlock = SegmentCache::kCacheBlockBytes;

// Whether fetches have cursors or each reads for itself; and a log of several segments of which only
// the newest commit is in the tail.
class CachedReads : public ::testing::TestWithParam<bool> {
 protected:
  void start(std::uint64_t cache_bytes = 4 * kMiB) {
    LogMachineOptions options;
    options.partition.tail_bytes = 0;
    options.catch_up.memory_bytes = GetParam() ? 64 * kMiB : 0;
    options.catch_up.cache_bytes = cache_bytes;
    options.salt_seed = ++lives_;
    machine_.emplace(storage_, options);
    machine_->start();
  }
  void fill(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) machine_->append_ok(appended_++, kShape);
  }
  // Everything, byte for byte, in fetches of a few batches; how much came from the device.
  std::uint64_t scan() {
    const std::uint64_t before = stats().missed_bytes;
    const ReadLimits limits{.max_bytes = 20'000};
    Offset next = machine_->marks().log_start;
    while (next < machine_->marks().high_watermark) {
      const auto found = machine_->read(next, limits);
      if (!found || found->batches.empty()) {
        ADD_FAILURE() << "offset " << next.value << ": "
                      << (found ? "nothing" : found.error().message());
        break;
      }
      for (const SharedSlice& batch : found->batches) {
        const auto expected = stored_batch(static_cast<std::uint64_t>(next.value), next, kShape);
        EXPECT_TRUE(std::ranges::equal(batch.view(), expected)) << "offset " << next.value;
        next = next + 1;
      }
    }
    return stats().missed_bytes - before;
  }
  const SegmentCache& cache() { return *machine_->catch_up().cache(); }
  const SegmentCacheStats& stats() { return cache().stats(); }

  SimStorage storage_;
  std::optional<LogMachine> machine_;
  std::uint64_t appended_ = 0;
  std::uint64_t lives_ = 0;
};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutCursors, CachedReads, ::testing::Bool());

TEST_P(CachedReads, WhatWasReadTwiceIsReadFromMemory) {
  start();
  fill(100);
  EXPECT_GE(scan(), 400 * kKiB);
  // Without a cursor, each fetch reads again what lies between it and its place in the index.
  if (GetParam()) {
    EXPECT_EQ(cache().blocks().size_blocks(), 0U) << "one scan leaves notes, and nothing else";
  }
  scan();
  EXPECT_GE(stats().kept_blocks * kBlock, 400 * kKiB);
  const std::uint64_t third = scan();
  EXPECT_LE(third, 2 * kBlock) << "the end of the active segment, which goes on";
}

TEST_P(CachedReads, WhatGrowsBehindACachedBlockIsSeen) {
  start();
  for (int round = 0; round < 30; ++round) {
    fill(1 + round % 3);
    scan();
    scan();
  }
  EXPECT_GT(stats().hit_bytes, 0U);
}

TEST_P(CachedReads, AFileThatIsUsedAgainServesNothingOld) {
  start();
  for (int round = 0; round < 6; ++round) {
    fill(40);
    for (int pass = 0; pass < 3; ++pass) scan();
    const Offset end = machine_->marks().high_watermark;
    ASSERT_TRUE(machine_->scheduler.run(machine_->partition().delete_below(end)));
    machine_->sleep(std::chrono::seconds(1));
  }
  EXPECT_GT(stats().hit_bytes, 0U);
  EXPECT_EQ(stats().forgotten, 0U);
}

TEST_P(CachedReads, ACacheThatIsTooSmallIsRightToo) {
  start(SegmentCache::kSmallestBytes);
  fill(100);
  for (int pass = 0; pass < 5; ++pass) scan();
  EXPECT_LE(cache().blocks().allocated_bytes(), SegmentCache::kSmallestBytes);
}

TEST_P(CachedReads, WhatIsDamagedInMemoryIsReadFromTheDevice) {
  start();
  fill(60);
  for (int pass = 0; pass < 2; ++pass) scan();
  auto& blocks = const_cast<file::BlockCache&>(cache().blocks());
  std::uint64_t damaged = 0;
  for (std::uint64_t file = 1; file <= 10; ++file) {
    for (std::uint64_t number = 0; number < 8; ++number) {
      const auto pin = blocks.find({.file_id = file, .block = number});
      if (!pin) continue;
      const_cast<std::byte*>(pin->bytes().data())[9'000 % pin->bytes().size()] ^= std::byte{4};
      ++damaged;
    }
  }
  ASSERT_GT(damaged, 10U);
  scan();
  EXPECT_GE(stats().forgotten, 2U);
  EXPECT_TRUE(machine_->reports().empty()) << "nothing is wrong with the log";
}

TEST_P(CachedReads, DamageOnTheDeviceNeverEnters) {
  start();
  fill(60);
  machine_->stop().value();
  const FilePosition damage = kFirstCommit + 8192 + 1'000;
  storage_.flip_bit(segment_path(1), damage, 3);
  start();
  const std::int64_t damaged = 1;
  for (int pass = 0; pass < 4; ++pass) {
    for (const std::int64_t from : {0, 1, 2, 3}) {
      const auto found = machine_->read(Offset{from}, {.max_bytes = 1});
      EXPECT_EQ(found.has_value(), from != damaged) << from;
      if (!found) EXPECT_EQ(found.error().code(), ErrorCode::kCorrupt);
    }
  }
  storage_.flip_bit(segment_path(1), damage, 3);
  for (int pass = 0; pass < 3; ++pass) scan();
}

TEST_P(CachedReads, AnErrorAtAnyReadIsToldOnceAndNothingWrongIsKept) {
  std::uint64_t met = 0;
  for (std::uint64_t nth = 1; nth <= 40; ++nth) {
    start();
    if (appended_ == 0) fill(40);
    machine_->disk.inject({.op = SimOp::kRead, .nth = nth});
    std::uint64_t errors = 0;
    for (int pass = 0; pass < 3; ++pass) {
      Offset next;
      while (next < Offset{40}) {
        const auto found = machine_->read(next, {.max_bytes = 20'000});
        if (!found) {
          EXPECT_EQ(found.error().code(), ErrorCode::kIo);
          ASSERT_LE(++errors, 1U);
          continue;
        }
        for (const SharedSlice& batch : found->batches) {
          const auto expected = stored_batch(static_cast<std::uint64_t>(next.value), next, kShape);
          ASSERT_TRUE(std::ranges::equal(batch.view(), expected)) << nth;
          next = next + 1;
        }
      }
    }
    met += errors;
    machine_.reset();
  }
  EXPECT_GE(met, 10U) << "as many reads, at least, go to the device";
}

}  // namespace
}  // namespace penstock::log::testing
