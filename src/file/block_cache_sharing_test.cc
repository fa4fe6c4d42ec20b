// Concurrent misses, failures and erasures of one block, in virtual time.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "file/block_cache.h"
#include "file/testing/cache_machine.h"

namespace penstock::file {
namespace {

using testing::BackgroundGet;
using testing::bytes_at;
using testing::CacheMachine;
using testing::copy_of;
using namespace std::chrono_literals;

constexpr std::uint64_t kBlock = CacheMachine::kBlock;
constexpr std::uint64_t kFile = 7;

BlockKey block(std::uint64_t number) { return {.file_id = kFile, .block = number}; }

// Every read takes 100 us.
const SimDiskOptions kSteady{.latency_min = 100us, .latency_max = 100us};

TEST(BlockCacheSharingTest, ConcurrentMissesOfOneBlockDoOneRead) {
  CacheMachine machine(16, kSteady);
  File& file = machine.add_file(kFile, 4 * kBlock);
  std::vector<BackgroundGet> gets(10);
  for (std::size_t i = 0; i < 5; ++i) machine.start_get(gets[i], block(1), file);
  machine.run_for(50us);
  for (std::size_t i = 5; i < 10; ++i) machine.start_get(gets[i], block(1), file);
  machine.settle();
  for (const BackgroundGet& get : gets) {
    ASSERT_TRUE(*get.outcome);
    EXPECT_EQ(copy_of((*get.outcome)->bytes()), bytes_at(kFile, kBlock, kBlock));
  }
  EXPECT_EQ(machine.reads_ended(), 1U);
  EXPECT_EQ(machine.cache->stats().misses, 1U);
  EXPECT_EQ(machine.cache->stats().shared_misses, 9U);
  EXPECT_EQ(machine.cache->pinned_blocks(), 1U);
  gets.clear();
  EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
}

TEST(BlockCacheSharingTest, ABlockThatIsBeingReadIsNotFoundYet) {
  CacheMachine machine(16, kSteady);
  File& file = machine.add_file(kFile, 4 * kBlock);
  BackgroundGet get;
  machine.start_get(get, block(1), file);
  machine.run_for(50us);
  EXPECT_FALSE(machine.cache->find(block(1)));
  EXPECT_EQ(machine.cache->size_blocks(), 0U);
  EXPECT_EQ(machine.cache->pinned_blocks(), 1U);
  machine.settle();
  EXPECT_TRUE(machine.cache->find(block(1)));
}

TEST(BlockCacheSharingTest, DifferentBlocksAreReadAtTheSameTime) {
  CacheMachine machine(16, kSteady);
  File& file = machine.add_file(kFile, 16 * kBlock);
  std::vector<BackgroundGet> gets(8);
  for (std::uint64_t i = 0; i < 8; ++i) machine.start_get(gets[i], block(i), file);
  machine.run_for(150us);
  for (const BackgroundGet& get : gets) EXPECT_TRUE(get.outcome);
}

TEST(BlockCacheSharingTest, AReadThatFailsFailsForAllWhoWaitedAndNothingIsKept) {
  CacheMachine machine(16, kSteady);
  File& file = machine.add_file(kFile, 4 * kBlock);
  machine.disk.inject({.op = SimOp::kRead});
  std::vector<BackgroundGet> gets(4);
  for (BackgroundGet& get : gets) machine.start_get(get, block(1), file);
  machine.settle();
  for (const BackgroundGet& get : gets) {
    ASSERT_FALSE(*get.outcome);
    EXPECT_EQ(get.outcome->error().code(), ErrorCode::kIo);
    EXPECT_NE(get.outcome->error().message().find("/file-7"), std::string::npos);
  }
  EXPECT_EQ(machine.reads_ended(), 1U);
  EXPECT_EQ(machine.cache->size_blocks(), 0U);
  EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
  // And the next one reads again.
  EXPECT_EQ(copy_of(machine.get(block(1), file)->bytes()), bytes_at(kFile, kBlock, kBlock));
}

TEST(BlockCacheSharingTest, FailedReadsDoNotUseTheCacheUp) {
  CacheMachine machine(8, kSteady);
  File& file = machine.add_file(kFile, 100 * kBlock);
  machine.disk.inject({.op = SimOp::kRead, .nth = 1, .count = 50});
  for (std::uint64_t i = 0; i < 50; ++i) EXPECT_FALSE(machine.get(block(i), file));
  std::vector<BlockCache::Pin> pins;
  for (std::uint64_t i = 0; i < 8; ++i) pins.push_back(*machine.get(block(i), file));
}

TEST(BlockCacheSharingTest, AMachineThatDiesEndsAllWaits) {
  CacheMachine machine(16, kSteady);
  File& file = machine.add_file(kFile, 4 * kBlock);
  std::vector<BackgroundGet> gets(4);
  for (BackgroundGet& get : gets) machine.start_get(get, block(1), file);
  machine.run_for(50us);
  machine.disk.power_cut();
  machine.settle();
  for (const BackgroundGet& get : gets) {
    ASSERT_FALSE(*get.outcome);
    EXPECT_EQ(get.outcome->error().code(), ErrorCode::kClosed);
  }
  EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
}

// Gets a block, and then, in the same turn, as many others as turn the cache over.
Task<void> get_and_turn_over(CacheMachine& machine, File& file, File& instant) {
  {
    const auto read = co_await machine.cache->get(block(1), file);
    PENSTOCK_ASSERT(read, "get");
  }
  for (std::uint64_t number = 0; number < 100; ++number) {
    const BlockKey other{.file_id = 99, .block = number};
    const auto read = co_await machine.cache->get(other, instant);
    PENSTOCK_ASSERT(read, "get");
  }
}

// Between the end of the read and the turn in which a waiter goes on, everything else may run.
TEST(BlockCacheSharingTest, AWaiterHasItsBlockEvenIfTheCacheIsTurnedOverBeforeItGoesOn) {
  CacheMachine machine(8, kSteady);
  File& file = machine.add_file(kFile, 4 * kBlock);
  testing::InstantFile instant(99, 100 * kBlock);
  BackgroundGet waiter;
  machine.scheduler.spawn(get_and_turn_over(machine, file, instant));
  machine.start_get(waiter, block(1), file);
  machine.settle();
  EXPECT_EQ(machine.cache->stats().evictions, 93U) << "the block of the waiter is not among them";
  ASSERT_TRUE(*waiter.outcome);
  EXPECT_EQ(copy_of((*waiter.outcome)->bytes()), bytes_at(kFile, kBlock, kBlock));
}

TEST(BlockCacheSharingTest, EraseForgetsOneBlock) {
  CacheMachine machine(16, kSteady);
  File& file = machine.add_file(kFile, 4 * kBlock);
  ASSERT_TRUE(machine.get(block(0), file));
  ASSERT_TRUE(machine.get(block(1), file));
  machine.cache->erase(block(0));
  machine.cache->erase(block(0));
  machine.cache->erase(block(9));
  EXPECT_FALSE(machine.cache->find(block(0)));
  EXPECT_TRUE(machine.cache->find(block(1)));
  EXPECT_EQ(machine.cache->size_blocks(), 1U);
}

TEST(BlockCacheSharingTest, EraseFileForgetsThatFileOnly) {
  CacheMachine machine(16, kSteady);
  File& file = machine.add_file(kFile, 8 * kBlock);
  File& other = machine.add_file(8, 8 * kBlock);
  for (std::uint64_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(machine.get(block(i), file, i < 2 ? BlockPriority::kHigh : BlockPriority::kNormal));
    ASSERT_TRUE(machine.get({.file_id = 8, .block = i}, other));
  }
  machine.cache->erase_file(kFile);
  for (std::uint64_t i = 0; i < 6; ++i) {
    EXPECT_FALSE(machine.cache->find(block(i)));
    EXPECT_TRUE(machine.cache->find({.file_id = 8, .block = i}));
  }
  EXPECT_EQ(machine.cache->size_blocks(), 6U);
  EXPECT_EQ(machine.cache->reserved_blocks(), 0U);
  EXPECT_EQ(machine.cache->stats().evictions, 0U) << "there is room for ten more";
}

TEST(BlockCacheSharingTest, AnErasedBlockKeepsItsBytesUntilItsLastPinGoesAndIsThenFree) {
  CacheMachine machine(8, kSteady);
  File& file = machine.add_file(kFile, 100 * kBlock);
  std::vector<BlockCache::Pin> pins;
  for (std::uint64_t i = 0; i < 8; ++i) pins.push_back(*machine.get(block(i), file));
  machine.cache->erase_file(kFile);
  EXPECT_EQ(machine.cache->size_blocks(), 0U);
  EXPECT_EQ(machine.cache->pinned_blocks(), 8U);
  EXPECT_EQ(machine.get(block(0), file).error().code(), ErrorCode::kBusy);
  for (std::uint64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(copy_of(pins[i].bytes()), bytes_at(kFile, i * kBlock, kBlock));
  }
  pins.clear();
  for (std::uint64_t i = 0; i < 8; ++i) pins.push_back(*machine.get(block(i), file));
  EXPECT_EQ(machine.reads_ended(), 16U);
  EXPECT_EQ(machine.cache->stats().evictions, 0U);
}

TEST(BlockCacheSharingTest, ABlockErasedWhileItIsReadGoesToItsWaitersAndIsNotKept) {
  for (const bool whole_file : {false, true}) {
    CacheMachine machine(16, kSteady);
    File& file = machine.add_file(kFile, 4 * kBlock);
    std::vector<BackgroundGet> gets(3);
    for (BackgroundGet& get : gets) machine.start_get(get, block(1), file);
    machine.run_for(50us);
    if (whole_file) {
      machine.cache->erase_file(kFile);
    } else {
      machine.cache->erase(block(1));
    }
    machine.settle();
    for (const BackgroundGet& get : gets) {
      ASSERT_TRUE(*get.outcome);
      EXPECT_EQ(copy_of((*get.outcome)->bytes()), bytes_at(kFile, kBlock, kBlock));
    }
    EXPECT_FALSE(machine.cache->find(block(1)));
    EXPECT_EQ(machine.cache->size_blocks(), 0U);
    EXPECT_EQ(machine.cache->pinned_blocks(), 1U);
    gets.clear();
    EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
  }
}

TEST(BlockCacheSharingTest, WhoAsksAfterTheErasureGetsAReadOfItsOwn) {
  CacheMachine machine(16, kSteady);
  File& file = machine.add_file(kFile, 4 * kBlock);
  File& replacement = machine.add_file(8, 4 * kBlock);
  BackgroundGet before;
  BackgroundGet after;
  machine.start_get(before, block(1), file);
  machine.run_for(50us);
  machine.cache->erase(block(1));
  machine.start_get(after, block(1), replacement);
  machine.settle();
  EXPECT_EQ(machine.reads_ended(), 2U);
  EXPECT_EQ(copy_of((*before.outcome)->bytes()), bytes_at(kFile, kBlock, kBlock));
  EXPECT_EQ(copy_of((*after.outcome)->bytes()), bytes_at(8, kBlock, kBlock));
  EXPECT_EQ(copy_of(machine.cache->find(block(1))->bytes()), bytes_at(8, kBlock, kBlock));
}

TEST(BlockCacheSharingTest, ABlockErasedWhileAReadOfItFailsIsFree) {
  CacheMachine machine(8, kSteady);
  File& file = machine.add_file(kFile, 100 * kBlock);
  machine.disk.inject({.op = SimOp::kRead});
  std::vector<BackgroundGet> gets(3);
  for (BackgroundGet& get : gets) machine.start_get(get, block(1), file);
  machine.run_for(50us);
  machine.cache->erase(block(1));
  machine.settle();
  for (const BackgroundGet& get : gets) EXPECT_FALSE(*get.outcome);
  EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
  std::vector<BlockCache::Pin> pins;
  for (std::uint64_t i = 0; i < 8; ++i) pins.push_back(*machine.get(block(i), file));
}

// Many readers with random latencies, failures and erasures among them: the same seed gives the same
// run.
std::uint64_t busy_life(std::uint64_t seed) {
  CacheMachine machine(24, {.seed = seed});
  File& file = machine.add_file(kFile, 60 * kBlock);
  machine.disk.inject({.op = SimOp::kRead, .nth = 20, .count = 5});
  Random random(seed);
  std::vector<BackgroundGet> gets(400);
  for (BackgroundGet& get : gets) {
    const BlockPriority priority = random.one_in(8) ? BlockPriority::kHigh : BlockPriority::kNormal;
    machine.start_get(get, block(random.below(60)), file, priority);
    if (random.one_in(3)) machine.run_for(Duration(random.below(200'000)));
    if (random.one_in(20)) machine.cache->erase(block(random.below(60)));
    if (random.one_in(4)) {
      BackgroundGet& done = gets[random.below(gets.size())];
      if (done.outcome) done.outcome.emplace(fail(ErrorCode::kClosed, "unpinned"));
    }
  }
  machine.settle();
  const BlockCacheStats& stats = machine.cache->stats();
  std::uint64_t hash = machine.disk.trace_hash();
  for (const std::uint64_t count :
       {stats.hits, stats.misses, stats.shared_misses, stats.evictions, stats.ghost_hits,
        stats.refusals, std::uint64_t{machine.cache->size_blocks()}}) {
    hash = mix64(hash * 31 + count);
  }
  return hash;
}

TEST(BlockCacheSharingTest, TheSameSeedGivesTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) EXPECT_EQ(busy_life(seed), busy_life(seed));
  EXPECT_NE(busy_life(1), busy_life(2));
}

}  // namespace
}  // namespace penstock::file
