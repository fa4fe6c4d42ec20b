#include "file/cached_read_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "file/testing/cache_machine.h"

namespace penstock::file {
namespace {

using testing::bytes_at;
using testing::CacheMachine;
using namespace std::chrono_literals;

constexpr std::uint64_t kBlock = CacheMachine::kBlock;
constexpr std::uint64_t kFile = 7;
constexpr auto kUntouched = std::byte{0x5a};

// A file of the given size behind a cache of the given number of blocks.
class FileBehindCache : public CacheMachine {
 public:
  FileBehindCache(std::size_t blocks, std::uint64_t size_bytes, SimDiskOptions options = {})
      : CacheMachine(blocks, std::move(options)), raw_(add_file(kFile, size_bytes)) {
    auto opened = scheduler.run(ReadFile::open(disk, raw_.path()));
    PENSTOCK_ASSERT(opened, "open");
    file_.emplace(scheduler, *cache, std::move(*opened), kFile);
  }

  Result<std::vector<std::byte>> read(std::uint64_t from, std::size_t size_bytes) {
    std::vector<std::byte> memory(size_bytes + 16, kUntouched);
    const MutableBytes into = MutableBytes(memory).first(size_bytes);
    const auto read = scheduler.run(file_->read(FilePosition{from}, into));
    if (!read) return Unexpected(read.error());
    EXPECT_EQ(std::ranges::count(MutableBytes(memory).subspan(size_bytes), kUntouched), 16)
        << "wrote behind the caller's memory";
    memory.resize(*read);
    return memory;
  }

  CachedReadFile& file() { return *file_; }
  File& raw() { return raw_; }

 private:
  File& raw_;
  std::optional<CachedReadFile> file_;
};

TEST(CachedReadFileTest, ReadsAnyPositionAndLength) {
  constexpr std::uint64_t kSize = 40 * kBlock + 1234;
  FileBehindCache machine(16, kSize,
                          {.latency_min = Duration::zero(), .latency_max = Duration::zero()});
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t from = random.below(kSize + 2 * kBlock);
    const std::uint64_t size = random.below(random.coin() ? 100 : 12 * kBlock);
    const auto read = machine.read(from, size);
    ASSERT_TRUE(read);
    const std::uint64_t there = from < kSize ? std::min(size, kSize - from) : 0;
    ASSERT_EQ(*read, bytes_at(kFile, from, there)) << from << " +" << size;
    ASSERT_EQ(machine.cache->pinned_blocks(), 0U);
  }
}

TEST(CachedReadFileTest, EndsOfFilesAreExactWithAndWithoutTheCache) {
  for (const std::uint64_t size : {0UL, 1UL, kBlock - 1, kBlock, kBlock + 1, 3 * kBlock}) {
    FileBehindCache machine(16, size);
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(*machine.read(0, 10 * kBlock), bytes_at(kFile, 0, size));
      if (size > 0) EXPECT_EQ(*machine.read(size - 1, 2), bytes_at(kFile, size - 1, 1));
      EXPECT_TRUE(machine.read(size, 1)->empty());
      EXPECT_TRUE(machine.read(size + 5 * kBlock, 1)->empty());
      EXPECT_TRUE(machine.read(~std::uint64_t{0}, 100)->empty());
      EXPECT_TRUE(machine.read(0, 0)->empty());
    }
  }
}

TEST(CachedReadFileTest, WhatWasReadBeforeIsNotReadAgain) {
  FileBehindCache machine(16, 10 * kBlock);
  ASSERT_TRUE(machine.read(kBlock / 2, 3 * kBlock));
  EXPECT_EQ(machine.reads_ended(), 4U);
  ASSERT_TRUE(machine.read(0, 4 * kBlock));
  ASSERT_TRUE(machine.read(100, 10));
  EXPECT_EQ(machine.reads_ended(), 4U);
}

TEST(CachedReadFileTest, TheMissingBlocksOfOneReadAreFetchedTogether) {
  FileBehindCache machine(16, 10 * kBlock, {.latency_min = 100us, .latency_max = 100us});
  ASSERT_TRUE(machine.read(3 * kBlock, kBlock));
  const Instant start = machine.clock.now();
  EXPECT_EQ(*machine.read(0, 8 * kBlock), bytes_at(kFile, 0, 8 * kBlock));
  EXPECT_EQ(machine.clock.now() - start, 100us);
  EXPECT_EQ(machine.reads_ended(), 8U);
}

TEST(CachedReadFileTest, ALongReadHasABoundedNumberOfFetchesInFlight) {
  constexpr std::size_t kBlocks = 2 * CachedReadFile::kMaxFetchesInFlight + 1;
  FileBehindCache machine(100, kBlocks * kBlock, {.latency_min = 100us, .latency_max = 100us});
  const Instant start = machine.clock.now();
  EXPECT_EQ(*machine.read(0, kBlocks * kBlock), bytes_at(kFile, 0, kBlocks * kBlock));
  EXPECT_EQ(machine.clock.now() - start, 300us);
}

TEST(CachedReadFileTest, AReadLongerThanTheCacheIsRight) {
  FileBehindCache machine(8, 100 * kBlock);
  EXPECT_EQ(*machine.read(5, 99 * kBlock), bytes_at(kFile, 5, 99 * kBlock));
  EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
}

TEST(CachedReadFileTest, WithEverythingPinnedItReadsPastTheCache) {
  FileBehindCache machine(8, 20 * kBlock + 100);
  std::vector<BlockCache::Pin> pins;
  for (std::uint64_t number = 0; number < 8; ++number) {
    pins.push_back(*machine.get({.file_id = kFile, .block = number}, machine.raw()));
  }
  EXPECT_EQ(*machine.read(7 * kBlock + 1, 5 * kBlock), bytes_at(kFile, 7 * kBlock + 1, 5 * kBlock));
  EXPECT_EQ(*machine.read(19 * kBlock, 5 * kBlock), bytes_at(kFile, 19 * kBlock, kBlock + 100));
  EXPECT_GT(machine.cache->stats().refusals, 0U);
}

TEST(CachedReadFileTest, AFailedBlockFailsTheReadAndTheNextOneTriesAgain) {
  for (std::uint64_t nth = 1; nth <= 4; ++nth) {
    FileBehindCache machine(16, 10 * kBlock);
    machine.disk.inject({.op = SimOp::kRead, .nth = nth});
    const auto failed = machine.read(0, 4 * kBlock);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
    EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
    EXPECT_EQ(machine.cache->size_blocks(), 3U) << "the others are kept";
    EXPECT_EQ(*machine.read(0, 4 * kBlock), bytes_at(kFile, 0, 4 * kBlock));
    EXPECT_EQ(machine.reads_ended(), 5U);
  }
}

TEST(CachedReadFileTest, APassInSmallStepsIsOneReadPerBlockAndNoReasonToStay) {
  FileBehindCache machine(100, 500 * kBlock,
                          {.latency_min = Duration::zero(), .latency_max = Duration::zero()});
  for (std::uint64_t from = 0; from < 500 * kBlock; from += 512) ASSERT_TRUE(machine.read(from, 512));
  EXPECT_EQ(machine.reads_ended(), 500U);
  // Had the small steps counted as touches, the first blocks would be in the main queue now.
  EXPECT_FALSE(machine.cache->find({.file_id = kFile, .block = 0}));
  EXPECT_FALSE(machine.cache->find({.file_id = kFile, .block = 399}));
}

}  // namespace
}  // namespace penstock::file
