#include "file/block_cache.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "file/testing/cache_machine.h"

namespace penstock::file {
namespace {

using testing::BackgroundGet;
using testing::budget_for;
using testing::bytes_at;
using testing::CacheMachine;
using testing::copy_of;

constexpr std::uint64_t kBlock = CacheMachine::kBlock;
constexpr std::uint64_t kFile = 7;

BlockKey block(std::uint64_t number) { return {.file_id = kFile, .block = number}; }

TEST(BlockCacheTest, ABlockIsReadOnceAndThenFound) {
  CacheMachine machine(16);
  File& file = machine.add_file(kFile, 4 * kBlock);
  EXPECT_FALSE(machine.cache->find(block(2)));
  {
    const auto read = machine.get(block(2), file);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(copy_of(read->bytes()), bytes_at(kFile, 2 * kBlock, kBlock));
  }
  const auto again = machine.get(block(2), file);
  const auto found = machine.cache->find(block(2));
  ASSERT_TRUE(again);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes().data(), again->bytes().data());
  EXPECT_EQ(copy_of(found->bytes()), bytes_at(kFile, 2 * kBlock, kBlock));
  EXPECT_EQ(machine.reads_ended(), 1U);
  EXPECT_EQ(machine.cache->stats().misses, 1U);
  EXPECT_EQ(machine.cache->stats().hits, 2U);
  EXPECT_EQ(machine.cache->size_blocks(), 1U);
}

TEST(BlockCacheTest, BlocksOfDifferentFilesAreDifferent) {
  CacheMachine machine(16);
  File& one = machine.add_file(1, 2 * kBlock);
  File& other = machine.add_file(2, 2 * kBlock);
  EXPECT_EQ(copy_of(machine.get({.file_id = 1, .block = 1}, one)->bytes()),
            bytes_at(1, kBlock, kBlock));
  EXPECT_EQ(copy_of(machine.get({.file_id = 2, .block = 1}, other)->bytes()),
            bytes_at(2, kBlock, kBlock));
}

TEST(BlockCacheTest, TheLastBlockIsAsShortAsTheFileMakesIt) {
  for (const std::uint64_t rest : {1UL, 511UL, 4095UL, 4096UL, 4097UL, kBlock - 1}) {
    CacheMachine machine(16);
    File& file = machine.add_file(kFile, kBlock + rest);
    const auto last = machine.get(block(1), file);
    ASSERT_TRUE(last);
    EXPECT_EQ(copy_of(last->bytes()), bytes_at(kFile, kBlock, rest));
    EXPECT_EQ(machine.cache->find(block(1))->bytes().size(), rest);
  }
}

TEST(BlockCacheTest, ABlockBehindTheEndIsEmptyAndNotKept) {
  CacheMachine machine(16);
  File& file = machine.add_file(kFile, 2 * kBlock);
  {
    const auto behind = machine.get(block(2), file);
    ASSERT_TRUE(behind);
    EXPECT_TRUE(behind->bytes().empty());
    EXPECT_EQ(machine.cache->size_blocks(), 0U);
    EXPECT_EQ(machine.cache->pinned_blocks(), 1U);
  }
  EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
  machine.write(file, kFile, 3 * kBlock);
  EXPECT_EQ(copy_of(machine.get(block(2), file)->bytes()), bytes_at(kFile, 2 * kBlock, kBlock));
}

TEST(BlockCacheTest, ABlockBeyondAnyFileIsRefused) {
  CacheMachine machine(16);
  File& file = machine.add_file(kFile, kBlock);
  for (const std::uint64_t number :
       {std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::int64_t>::max() / kBlock}) {
    const auto refused = machine.get(block(number), file);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kOutOfRange);
  }
  EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
  EXPECT_EQ(machine.reads_ended(), 0U);
}

TEST(BlockCacheTest, ABlockIsWorthKeepingWhenItIsNotedForTheSecondTime) {
  CacheMachine machine(16);
  EXPECT_FALSE(machine.cache->note(block(3)));
  EXPECT_FALSE(machine.cache->contains(block(3)));
  EXPECT_TRUE(machine.cache->note(block(3)));
  const auto bytes = bytes_at(kFile, 3 * kBlock, kBlock);
  EXPECT_TRUE(machine.cache->insert(block(3), bytes));
  EXPECT_FALSE(machine.cache->note(block(3))) << "it is here";
  EXPECT_TRUE(machine.cache->contains(block(3)));
  const auto found = machine.cache->find(block(3));
  ASSERT_TRUE(found);
  EXPECT_EQ(copy_of(found->bytes()), bytes);
  EXPECT_EQ(machine.cache->stats().inserts, 1U);
  EXPECT_EQ(machine.cache->stats().ghost_hits, 1U);
  EXPECT_EQ(machine.reads_ended(), 0U);
}

TEST(BlockCacheTest, NotesOfAScanPushEachOtherOutAndNothingElse) {
  CacheMachine machine(16);
  const auto bytes = bytes_at(kFile, 0, kBlock);
  for (std::uint64_t number = 0; number < 16; ++number) {
    EXPECT_TRUE(machine.cache->insert(block(number), bytes));
  }
  for (std::uint64_t number = 100; number < 1000; ++number) {
    EXPECT_FALSE(machine.cache->note(block(number)));
  }
  EXPECT_FALSE(machine.cache->note(block(100))) << "noted too long ago";
  EXPECT_TRUE(machine.cache->note(block(999)));
  for (std::uint64_t number = 0; number < 16; ++number) {
    EXPECT_TRUE(machine.cache->contains(block(number)));
  }
}

TEST(BlockCacheTest, AnInsertedBlockTakesThePlaceOfTheOldOneAndPinsKeepTheirs) {
  CacheMachine machine(16);
  const auto old = bytes_at(kFile, 0, kBlock);
  const auto shorter = bytes_at(kFile, kBlock, kBlock / 2);
  EXPECT_TRUE(machine.cache->insert(block(0), old));
  {
    const auto pin = machine.cache->find(block(0));
    EXPECT_TRUE(machine.cache->insert(block(0), shorter));
    EXPECT_EQ(copy_of(pin->bytes()), old);
    EXPECT_EQ(copy_of(machine.cache->find(block(0))->bytes()), shorter);
  }
  EXPECT_EQ(machine.cache->size_blocks(), 1U);
  EXPECT_EQ(machine.cache->pinned_blocks(), 0U);
}

TEST(BlockCacheTest, NothingIsInsertedWhileAllBlocksArePinned) {
  CacheMachine machine(16);
  const auto bytes = bytes_at(kFile, 0, kBlock);
  std::vector<BlockCache::Pin> pins;
  for (std::uint64_t number = 0; number < 16; ++number) {
    EXPECT_TRUE(machine.cache->insert(block(number), bytes));
    pins.push_back(*machine.cache->find(block(number)));
  }
  EXPECT_FALSE(machine.cache->insert(block(16), bytes));
  EXPECT_EQ(machine.cache->stats().refusals, 1U);
  pins.pop_back();
  EXPECT_TRUE(machine.cache->insert(block(16), bytes));
  EXPECT_FALSE(machine.cache->contains(block(15)));
}

TEST(BlockCacheTest, HoldsAsManyBlocksAsItSaysAndNoMore) {
  CacheMachine machine(20);
  File& file = machine.add_file(kFile, 100 * kBlock);
  ASSERT_EQ(machine.cache->capacity_blocks(), 20U);
  for (std::uint64_t number = 0; number < 20; ++number) ASSERT_TRUE(machine.get(block(number), file));
  EXPECT_EQ(machine.cache->size_blocks(), 20U);
  EXPECT_EQ(machine.cache->stats().evictions, 0U);
  for (std::uint64_t number = 20; number < 100; ++number) {
    const auto read = machine.get(block(number), file);
    ASSERT_TRUE(read);
    EXPECT_EQ(copy_of(read->bytes()), bytes_at(kFile, number * kBlock, kBlock));
    EXPECT_EQ(machine.cache->size_blocks(), 20U);
  }
  EXPECT_EQ(machine.cache->stats().evictions, 80U);
}

TEST(BlockCacheTest, AnEvictedBlockIsReadAgainAndItsGhostIsCounted) {
  CacheMachine machine(20);
  File& file = machine.add_file(kFile, 100 * kBlock);
  for (std::uint64_t number = 0; number < 25; ++number) ASSERT_TRUE(machine.get(block(number), file));
  EXPECT_FALSE(machine.cache->find(block(0)));
  EXPECT_EQ(copy_of(machine.get(block(0), file)->bytes()), bytes_at(kFile, 0, kBlock));
  EXPECT_EQ(machine.cache->stats().ghost_hits, 1U);
  EXPECT_EQ(machine.reads_ended(), 26U);
}

// The cache-sized version of the test in block_eviction_test.cc: small reads, real blocks.
TEST(BlockCacheTest, AScanLeavesTheHotSet) {
  CacheMachine machine(100, {.latency_min = Duration::zero(), .latency_max = Duration::zero()});
  File& hot = machine.add_file(1, 50 * kBlock);
  File& scanned = machine.add_file(2, 2000 * kBlock);
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t number = 0; number < 50; ++number) {
      ASSERT_TRUE(machine.get({.file_id = 1, .block = number}, hot));
    }
    for (std::uint64_t number = 0; number < 20; ++number) {
      ASSERT_TRUE(machine.get({.file_id = 3, .block = number}, scanned));
    }
  }
  for (std::uint64_t number = 0; number < 2000; ++number) {
    for (int read = 0; read < 4; ++read) {
      ASSERT_TRUE(machine.get({.file_id = 2, .block = number}, scanned));
    }
  }
  for (std::uint64_t number = 0; number < 50; ++number) {
    EXPECT_TRUE(machine.cache->find({.file_id = 1, .block = number})) << number;
  }
}

TEST(BlockCacheTest, APinnedBlockStaysWhereItIs) {
  CacheMachine machine(10);
  File& file = machine.add_file(kFile, 200 * kBlock);
  std::optional<BlockCache::Pin> pin(*machine.get(block(0), file));
  const std::byte* address = pin->bytes().data();
  for (std::uint64_t number = 1; number < 200; ++number) ASSERT_TRUE(machine.get(block(number), file));
  EXPECT_EQ(copy_of(pin->bytes()), bytes_at(kFile, 0, kBlock));
  EXPECT_EQ(pin->bytes().data(), address);
  EXPECT_EQ(machine.cache->size_blocks(), 10U);
  pin.reset();
  for (std::uint64_t number = 1; number < 200; ++number) ASSERT_TRUE(machine.get(block(number), file));
  EXPECT_FALSE(machine.cache->find(block(0)));
}

TEST(BlockCacheTest, PinsAreCountedAndMoveWithoutBeing) {
  CacheMachine machine(10);
  File& file = machine.add_file(kFile, 200 * kBlock);
  auto first = machine.get(block(0), file);
  ASSERT_TRUE(first);
  std::optional<BlockCache::Pin> second = machine.cache->find(block(0));
  EXPECT_EQ(machine.cache->pinned_blocks(), 1U);
  {
    const BlockCache::Pin moved = std::move(*first);
    EXPECT_EQ(machine.cache->pinned_blocks(), 1U);
  }
  EXPECT_EQ(machine.cache->pinned_blocks(), 1U);

  auto other = machine.get(block(1), file);
  ASSERT_TRUE(other);
  EXPECT_EQ(machine.cache->pinned_blocks(), 2U);
  *other = std::move(*second);
  EXPECT_EQ(machine.cache->pinned_blocks(), 1U) << "what it held before is let go at once";
  EXPECT_EQ(copy_of(other->bytes()), bytes_at(kFile, 0, kBlock));
}

TEST(BlockCacheTest, IsBusyWhenEverythingIsPinnedUntilAPinGoes) {
  CacheMachine machine(10);
  File& file = machine.add_file(kFile, 200 * kBlock);
  std::vector<BlockCache::Pin> pins;
  for (std::uint64_t number = 0; number < 10; ++number) {
    pins.push_back(*machine.get(block(number), file));
  }
  const auto refused = machine.get(block(10), file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kBusy);
  EXPECT_NE(refused.error().message().find("10 of its 10 blocks are pinned"), std::string::npos)
      << refused.error().message();
  EXPECT_EQ(machine.cache->stats().refusals, 1U);
  EXPECT_EQ(machine.reads_ended(), 10U);
  EXPECT_TRUE(machine.get(block(3), file)) << "what is here can be had";

  pins.erase(pins.begin() + 4);
  const auto read = machine.get(block(10), file);
  ASSERT_TRUE(read);
  EXPECT_EQ(copy_of(read->bytes()), bytes_at(kFile, 10 * kBlock, kBlock));
  EXPECT_FALSE(machine.cache->find(block(4)));
}

TEST(BlockCacheTest, BlocksBeingReadCountAsPinned) {
  CacheMachine machine(10);
  File& file = machine.add_file(kFile, 200 * kBlock);
  std::vector<BackgroundGet> gets(11);
  for (std::uint64_t number = 0; number < 11; ++number) {
    machine.start_get(gets[number], block(number), file);
  }
  machine.settle();
  for (std::uint64_t number = 0; number < 10; ++number) EXPECT_TRUE(*gets[number].outcome);
  ASSERT_FALSE(*gets[10].outcome);
  EXPECT_EQ(gets[10].outcome->error().code(), ErrorCode::kBusy);
}

TEST(BlockCacheTest, ReservedBlocksStayWhenAllOthersArePinnedAndGiveWayToHighOnesOnly) {
  CacheMachine machine(
      {.budget_bytes = budget_for(kBlock, 10), .block_bytes = kBlock, .high_priority_share = 0.3});
  File& file = machine.add_file(kFile, 200 * kBlock);
  ASSERT_EQ(machine.cache->reserved_blocks_max(), 3U);
  for (std::uint64_t number = 0; number < 3; ++number) {
    ASSERT_TRUE(machine.get(block(number), file, BlockPriority::kHigh));
  }
  std::vector<BlockCache::Pin> pins;
  for (std::uint64_t number = 3; number < 10; ++number) {
    pins.push_back(*machine.get(block(number), file));
  }
  EXPECT_EQ(machine.cache->reserved_blocks(), 3U);
  EXPECT_EQ(machine.get(block(10), file).error().code(), ErrorCode::kBusy);
  EXPECT_TRUE(machine.get(block(11), file, BlockPriority::kHigh));
  EXPECT_FALSE(machine.cache->find(block(0)));
  EXPECT_TRUE(machine.cache->find(block(1)));
  EXPECT_EQ(machine.cache->reserved_blocks(), 3U);
}

TEST(BlockCacheTest, AWaiterOfHighPriorityMakesTheBlockOne) {
  CacheMachine machine(100);
  File& file = machine.add_file(kFile, 4 * kBlock);
  std::vector<BackgroundGet> gets(2);
  machine.start_get(gets[0], block(0), file);
  machine.start_get(gets[1], block(0), file, BlockPriority::kHigh);
  machine.settle();
  EXPECT_EQ(machine.cache->reserved_blocks(), 1U);
}

TEST(BlockCacheTest, TakesLessThanItsBudgetAndWastesLittle) {
  for (const std::uint64_t block_bytes : {4 * kKiB, 64 * kKiB, 1 * kMiB}) {
    for (const std::uint64_t budget : {8 * kMiB + 64 * kKiB, 33'333'333UL, 64 * kMiB}) {
      CacheMachine machine({.budget_bytes = budget, .block_bytes = block_bytes});
      const BlockCache& cache = *machine.cache;
      EXPECT_LE(cache.allocated_bytes(), budget);
      EXPECT_GT(cache.allocated_bytes() + block_bytes + 8 * kKiB, budget) << "one more would have fit";
      const double overhead = static_cast<double>(cache.allocated_bytes()) /
                              static_cast<double>(cache.capacity_blocks() * block_bytes);
      EXPECT_LE(overhead, 1.04) << block_bytes;
    }
  }
}

TEST(BlockCacheTest, OptionsThatMakeNoCacheAreRefusedWithWhatWouldDo) {
  SimStorage storage;
  SimMachine machine(storage);
  const auto error_of = [&machine](BlockCacheOptions options) {
    auto cache = BlockCache::create(machine.scheduler, options);
    return cache ? std::string()
                 : std::string(to_string(cache.error().code())) + ": " + cache.error().message();
  };
  for (const std::uint64_t block_bytes : {0UL, 1UL, 2048UL, 4097UL, 12288UL, 32 * kMiB, 1UL << 63}) {
    EXPECT_NE(error_of({.block_bytes = block_bytes}).find("must be a power of two from 4096"),
              std::string::npos);
  }
  for (const double share : {-0.01, 0.91, 1.0, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    EXPECT_NE(error_of({.high_priority_share = share}).find("must be from 0 to 0.9"),
              std::string::npos);
  }
  EXPECT_NE(error_of({.budget_bytes = std::numeric_limits<std::uint64_t>::max(), .block_bytes = 4096})
                .find("use larger blocks"),
            std::string::npos);
  for (const std::uint64_t budget : {0UL, 1UL, 500'000UL}) {
    EXPECT_NE(error_of({.budget_bytes = budget}).find("needs 8 of them: give it at least"),
              std::string::npos);
  }
  // What the message says is right to the byte.
  const std::string message = error_of({.budget_bytes = 0});
  const std::string before_number = "give it at least ";
  const std::uint64_t enough =
      std::stoull(message.substr(message.find(before_number) + before_number.size()));
  EXPECT_EQ(error_of({.budget_bytes = enough}), "");
  EXPECT_NE(error_of({.budget_bytes = enough - 1}), "");
}

TEST(BlockCacheTest, MemoryThatCannotBeHadIsAnError) {
  SimStorage storage;
  SimMachine machine(storage);
  // More than an address space.
  const auto refused =
      BlockCache::create(machine.scheduler, {.budget_bytes = 1UL << 50, .block_bytes = 16 * kMiB});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kNoSpace);
  EXPECT_NE(refused.error().message().find("create a block cache: allocate"), std::string::npos)
      << refused.error().message();
}

TEST(BlockCacheTest, EndingItWithAPinIsABug) {
  CacheMachine machine(10);
  File& file = machine.add_file(kFile, kBlock);
  auto pin = machine.get(block(0), file);
  EXPECT_DEATH(machine.cache.reset(), "blocks pinned or being read");
}

}  // namespace
}  // namespace penstock::file
