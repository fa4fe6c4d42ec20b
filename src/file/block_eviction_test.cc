#include "file/block_eviction.h"

#include <gtest/gtest.h>

#include <cmath>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"

namespace penstock::file {
namespace {

// A cache without bytes: block numbers, their keys, and the eviction.
class CacheOfKeys {
 public:
  explicit CacheOfKeys(std::size_t capacity, std::size_t reserved_max = 0)
      : blocks_(capacity),
        ring_(BlockEviction::ghosts_for(capacity)),
        entries_(BlockTable::entries_for(ring_.size())),
        eviction_(blocks_, GhostQueue(ring_, entries_), reserved_max) {}

  // Whether it was here; afterwards it is, unless there was no room.
  bool use(std::uint64_t key, BlockPriority priority = BlockPriority::kNormal) {
    const auto known = number_of_.find(key);
    if (known != number_of_.end()) {
      eviction_.touch(known->second, priority);
      return true;
    }
    std::uint32_t number = used_count_;
    if (used_count_ < blocks_.size()) {
      ++used_count_;
    } else {
      number = eviction_.evict(priority);
      if (number == kNoBlock) return false;
      number_of_.erase(blocks_[number].key.block);
    }
    blocks_[number] = {.key = {.file_id = 1, .block = key}};
    number_of_.emplace(key, number);
    was_ghost_ = eviction_.add(number, priority);
    return false;
  }

  bool has(std::uint64_t key) const { return number_of_.contains(key); }
  bool was_ghost() const { return was_ghost_; }
  BlockPlace place_of(std::uint64_t key) const { return eviction_.place_of(number_of_.at(key)); }
  std::size_t reserved_count() const { return eviction_.reserved_count(); }

  void pin(std::uint64_t key) { ++blocks_[number_of_.at(key)].pins; }
  void unpin(std::uint64_t key) {
    const std::uint32_t number = number_of_.at(key);
    if (--blocks_[number].pins == 0) eviction_.unpinned(number);
  }

 private:
  std::vector<CachedBlock> blocks_;
  std::vector<BlockKey> ring_;
  std::vector<BlockTable::Entry> entries_;
  BlockEviction eviction_;
  std::map<std::uint64_t, std::uint32_t> number_of_;
  std::uint32_t used_count_ = 0;
  bool was_ghost_ = false;
};

// What S3-FIFO is measured against.
class LruOfKeys {
 public:
  explicit LruOfKeys(std::size_t capacity) : capacity_(capacity) {}

  bool use(std::uint64_t key) {
    const auto known = place_of_.find(key);
    if (known != place_of_.end()) {
      order_.splice(order_.begin(), order_, known->second);
      return true;
    }
    if (order_.size() == capacity_) {
      place_of_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(key);
    place_of_.emplace(key, order_.begin());
    return false;
  }

 private:
  std::size_t capacity_;
  std::list<std::uint64_t> order_;
  std::map<std::uint64_t, std::list<std::uint64_t>::iterator> place_of_;
};

// Keys that nothing else uses, for those that are read once.
class Scan {
 public:
  std::uint64_t next() { return next_++; }

 private:
  std::uint64_t next_ = 1'000'000;
};

void scan(CacheOfKeys& cache, Scan& keys, std::size_t blocks) {
  for (std::size_t i = 0; i < blocks; ++i) cache.use(keys.next());
}

// Keys 0 .. count - 1, each used twice, with a little of something else between.
void warm_up(CacheOfKeys& cache, Scan& keys, std::uint64_t count) {
  for (std::uint64_t key = 0; key < count; ++key) cache.use(key);
  scan(cache, keys, 100);
  for (std::uint64_t key = 0; key < count; ++key) cache.use(key);
}

TEST(BlockEvictionTest, ABlockThatIsReadOnceLeavesThroughTheSmallQueue) {
  CacheOfKeys cache(100);
  Scan keys;
  scan(cache, keys, 100);
  cache.use(1);
  EXPECT_EQ(cache.place_of(1), BlockPlace::kSmall);
  scan(cache, keys, 99);
  EXPECT_TRUE(cache.has(1));
  scan(cache, keys, 1);
  EXPECT_FALSE(cache.has(1));
}

TEST(BlockEvictionTest, ASecondTouchMovesABlockToTheMainQueue) {
  CacheOfKeys cache(100);
  Scan keys;
  cache.use(1);
  scan(cache, keys, 50);
  EXPECT_TRUE(cache.use(1));
  scan(cache, keys, 10'000);
  ASSERT_TRUE(cache.has(1));
  EXPECT_EQ(cache.place_of(1), BlockPlace::kMain);
}

// The small queue has 10 blocks here, and the window is half of it.
TEST(BlockEvictionTest, TouchesThatFollowTheArrivalAtOnceDoNotCount) {
  for (const bool in_time : {false, true}) {
    CacheOfKeys cache(100);
    Scan keys;
    cache.use(1);
    scan(cache, keys, in_time ? 5 : 4);
    for (int i = 0; i < 16; ++i) EXPECT_TRUE(cache.use(1));
    scan(cache, keys, 10'000);
    EXPECT_EQ(cache.has(1), in_time);
  }
}

// With 50 of 100 blocks reserved the small queue has 5 blocks, and the window is 2.
TEST(BlockEvictionTest, TheSmallQueueIsATenthOfWhatIsNotReserved) {
  for (const bool in_time : {false, true}) {
    CacheOfKeys cache(100, 50);
    Scan keys;
    for (std::uint64_t key = 100; key < 150; ++key) cache.use(key, BlockPriority::kHigh);
    cache.use(1);
    scan(cache, keys, in_time ? 2 : 1);
    cache.use(1);
    scan(cache, keys, 10'000);
    EXPECT_EQ(cache.has(1), in_time);
  }
}

TEST(BlockEvictionTest, ABlockThatComesBackWhileItsGhostIsThereGoesToTheMainQueue) {
  CacheOfKeys cache(100);
  Scan keys;
  cache.use(1);
  scan(cache, keys, 100);
  ASSERT_FALSE(cache.has(1));
  cache.use(1);
  EXPECT_TRUE(cache.was_ghost());
  EXPECT_EQ(cache.place_of(1), BlockPlace::kMain);
}

TEST(BlockEvictionTest, AsManyGhostsAreRememberedAsTheMainQueueHasBlocks) {
  for (const std::size_t later : {88U, 89U}) {
    CacheOfKeys cache(100);
    Scan keys;
    cache.use(1);
    scan(cache, keys, 100 + later);
    ASSERT_FALSE(cache.has(1));
    cache.use(1);
    // To make room for it, one more block went.
    EXPECT_EQ(cache.was_ghost(), later + 1 < 90) << later;
  }
}

// A cache of 20 blocks, 18 of them in the main queue when nothing else happens. A key is brought there
// through its ghost.
class MainQueue {
 public:
  static constexpr std::size_t kCapacity = 20;
  static constexpr std::size_t kMainBlocks = 18;

  void enter(std::uint64_t key) {
    cache.use(key);
    while (cache.has(key)) cache.use(keys.next());
    cache.use(key);
  }

  // How many others enter it until `key` is gone.
  std::size_t newcomers_until_gone(std::uint64_t key) {
    std::size_t newcomers = 0;
    for (std::uint64_t other = 100; cache.has(key) && newcomers < 1000; ++other) {
      enter(other);
      ++newcomers;
    }
    return newcomers;
  }

  CacheOfKeys cache{kCapacity};
  Scan keys;
};

TEST(BlockEvictionTest, TheMainQueueKeepsABlockOneRoundForEachTouchUpToThree) {
  for (const std::size_t touches : {0U, 1U, 2U, 3U, 9U}) {
    MainQueue queue;
    queue.enter(1);
    ASSERT_EQ(queue.cache.place_of(1), BlockPlace::kMain);
    for (std::size_t i = 0; i < touches; ++i) queue.cache.use(1);
    // The first one takes the small queue's last block but one, and nothing of the main queue.
    EXPECT_EQ(queue.newcomers_until_gone(1),
              1 + MainQueue::kMainBlocks * (1 + std::min<std::size_t>(touches, 3)))
        << touches;
  }
}

TEST(BlockEvictionTest, TouchesOnTrialBuyThePlaceInTheMainQueueAndNoRoundsThere) {
  MainQueue queue;
  queue.cache.use(1);
  scan(queue.cache, queue.keys, 10);
  for (int i = 0; i < 3; ++i) queue.cache.use(1);
  scan(queue.cache, queue.keys, 10);
  ASSERT_EQ(queue.cache.place_of(1), BlockPlace::kMain);
  EXPECT_EQ(queue.newcomers_until_gone(1), 1 + MainQueue::kMainBlocks);
}

TEST(BlockEvictionTest, ABlockThatLeavesTheMainQueueHasNoGhost) {
  MainQueue queue;
  queue.enter(1);
  queue.newcomers_until_gone(1);
  ASSERT_FALSE(queue.cache.has(1));
  queue.cache.use(1);
  EXPECT_FALSE(queue.cache.was_ghost());
}

TEST(BlockEvictionTest, AnEvictionTakesWhatComesAfterABoundedNumberOfLooks) {
  constexpr std::size_t kCapacity = 1000;
  CacheOfKeys cache(kCapacity);
  Scan keys;
  for (std::uint64_t key = 0; key < kCapacity; ++key) cache.use(key);
  for (int round = 0; round < 5; ++round) {
    for (std::uint64_t key = 0; key < kCapacity; ++key) cache.use(key);
  }
  scan(cache, keys, 1);
  std::vector<std::uint64_t> evicted;
  for (std::uint64_t key = 0; key < kCapacity; ++key) {
    if (!cache.has(key)) evicted.push_back(key);
  }
  EXPECT_EQ(evicted, std::vector<std::uint64_t>{BlockEviction::kLooksMax});
}

TEST(BlockEvictionTest, APinnedBlockIsNotEvictedAndIsAgainWhenItsLastPinIsGone) {
  CacheOfKeys cache(20);
  Scan keys;
  cache.use(1);
  cache.pin(1);
  cache.pin(1);
  scan(cache, keys, 1000);
  EXPECT_TRUE(cache.has(1));
  cache.unpin(1);
  scan(cache, keys, 1000);
  EXPECT_TRUE(cache.has(1));
  cache.unpin(1);
  scan(cache, keys, 1000);
  EXPECT_FALSE(cache.has(1));
}

TEST(BlockEvictionTest, ThereIsNothingToEvictWhenAllIsPinned) {
  CacheOfKeys cache(20, 5);
  for (std::uint64_t key = 0; key < 20; ++key) {
    cache.use(key, key < 5 ? BlockPriority::kHigh : BlockPriority::kNormal);
    cache.pin(key);
  }
  cache.use(100);
  cache.use(100, BlockPriority::kHigh);
  EXPECT_FALSE(cache.has(100));
  cache.unpin(13);
  cache.use(100);
  EXPECT_TRUE(cache.has(100));
  EXPECT_FALSE(cache.has(13));
}

TEST(BlockEvictionTest, OrdinaryBlocksNeverPushAReservedOneOut) {
  CacheOfKeys cache(100, 10);
  Scan keys;
  for (std::uint64_t key = 0; key < 10; ++key) cache.use(key, BlockPriority::kHigh);
  warm_up(cache, keys, 60);
  scan(cache, keys, 10'000);
  for (std::uint64_t key = 0; key < 10; ++key) EXPECT_TRUE(cache.has(key)) << key;
  // Not even when nothing else could go.
  CacheOfKeys pinned(10, 5);
  for (std::uint64_t key = 0; key < 10; ++key) {
    pinned.use(key, key < 5 ? BlockPriority::kHigh : BlockPriority::kNormal);
    if (key >= 5) pinned.pin(key);
  }
  pinned.use(100);
  EXPECT_FALSE(pinned.has(100));
  pinned.use(100, BlockPriority::kHigh);
  EXPECT_TRUE(pinned.has(100));
}

TEST(BlockEvictionTest, HighBlocksBeyondTheShareCompeteAsOrdinaryOnes) {
  CacheOfKeys cache(100, 10);
  Scan keys;
  for (std::uint64_t key = 0; key < 30; ++key) cache.use(key, BlockPriority::kHigh);
  EXPECT_EQ(cache.reserved_count(), 10U);
  scan(cache, keys, 10'000);
  for (std::uint64_t key = 20; key < 30; ++key) EXPECT_EQ(cache.place_of(key), BlockPlace::kReserved);
  // The others had their chance in the main queue, and lose it to blocks that are used.
  for (int round = 0; round < 20; ++round) {
    for (std::uint64_t key = 1000; key < 1085; ++key) cache.use(key);
    scan(cache, keys, 20);
  }
  std::size_t left = 0;
  for (std::uint64_t key = 0; key < 20; ++key) left += cache.has(key) ? 1 : 0;
  EXPECT_LE(left, 5U);
  for (std::uint64_t key = 20; key < 30; ++key) EXPECT_TRUE(cache.has(key)) << key;
}

TEST(BlockEvictionTest, AReservedBlockThatIsUsedStaysWhenANewOneComes) {
  CacheOfKeys cache(100, 10);
  for (std::uint64_t key = 0; key < 10; ++key) cache.use(key, BlockPriority::kHigh);
  cache.use(0, BlockPriority::kHigh);
  cache.use(10, BlockPriority::kHigh);
  EXPECT_EQ(cache.place_of(0), BlockPlace::kReserved);
  EXPECT_EQ(cache.place_of(1), BlockPlace::kMain);
  EXPECT_EQ(cache.place_of(10), BlockPlace::kReserved);
  // For one round; then it is its turn, before that of 10.
  for (std::uint64_t key = 11; key < 20; ++key) cache.use(key, BlockPriority::kHigh);
  EXPECT_EQ(cache.place_of(0), BlockPlace::kMain);
  EXPECT_EQ(cache.place_of(10), BlockPlace::kReserved);
}

TEST(BlockEvictionTest, AnOrdinaryBlockThatIsGotAsHighIsReservedFromThenOn) {
  CacheOfKeys cache(100, 10);
  Scan keys;
  cache.use(1);
  cache.use(1, BlockPriority::kHigh);
  EXPECT_EQ(cache.place_of(1), BlockPlace::kReserved);
  scan(cache, keys, 10'000);
  EXPECT_TRUE(cache.has(1));
}

TEST(BlockEvictionTest, WithoutAShareHighBlocksAreOrdinary) {
  CacheOfKeys cache(100, 0);
  Scan keys;
  cache.use(1, BlockPriority::kHigh);
  EXPECT_EQ(cache.place_of(1), BlockPlace::kSmall);
  scan(cache, keys, 1000);
  EXPECT_FALSE(cache.has(1));
}

TEST(BlockEvictionTest, WhenAllReservedBlocksArePinnedANewHighOneIsOrdinary) {
  CacheOfKeys cache(100, 10);
  for (std::uint64_t key = 0; key < 10; ++key) {
    cache.use(key, BlockPriority::kHigh);
    cache.pin(key);
  }
  cache.use(10, BlockPriority::kHigh);
  EXPECT_EQ(cache.place_of(10), BlockPlace::kSmall);
  EXPECT_EQ(cache.reserved_count(), 10U);
}

TEST(BlockEvictionTest, OrdinaryBlocksUseWhatIsNotReservedYet) {
  CacheOfKeys cache(100, 90);
  for (std::uint64_t key = 0; key < 100; ++key) cache.use(key);
  for (std::uint64_t key = 0; key < 100; ++key) EXPECT_TRUE(cache.has(key)) << key;
}

// The point of it all. 1,000 blocks, 600 of them hot, and a scan of 100 times the cache; one hot read
// for ten of the scan. With LRU a hot block is long gone when its turn comes: between two touches of it
// lie 6,000 other blocks.
TEST(BlockEvictionTest, AScanOfAHundredTimesTheCacheLeavesTheHotSet) {
  constexpr std::size_t kCapacity = 1000;
  constexpr std::uint64_t kHot = 600;
  // A block in one read, and in sixteen small ones.
  for (const int reads_per_block : {1, 16}) {
    CacheOfKeys cache(kCapacity);
    LruOfKeys lru(kCapacity);
    Scan keys;
    warm_up(cache, keys, kHot);
    for (std::uint64_t key = 0; key < kHot; ++key) lru.use(key);

    Random random(1);
    std::size_t hot_reads = 0;
    std::size_t hits = 0;
    std::size_t lru_hits = 0;
    for (std::size_t i = 0; i < 100 * kCapacity; ++i) {
      const std::uint64_t scanned = keys.next();
      for (int read = 0; read < reads_per_block; ++read) {
        cache.use(scanned);
        lru.use(scanned);
      }
      if (i % 10 != 0) continue;
      const std::uint64_t hot = random.below(kHot);
      ++hot_reads;
      hits += cache.use(hot) ? 1 : 0;
      lru_hits += lru.use(hot) ? 1 : 0;
    }
    std::size_t resident = 0;
    for (std::uint64_t key = 0; key < kHot; ++key) resident += cache.has(key) ? 1 : 0;

    const double rate = static_cast<double>(hits) / static_cast<double>(hot_reads);
    const double lru_rate = static_cast<double>(lru_hits) / static_cast<double>(hot_reads);
    RecordProperty("hot_hit_rate_" + std::to_string(reads_per_block), std::to_string(rate));
    RecordProperty("hot_hit_rate_lru_" + std::to_string(reads_per_block), std::to_string(lru_rate));
    EXPECT_GE(rate, 0.99) << reads_per_block;
    EXPECT_LE(lru_rate, 0.25) << "the reference has become too good to compare with";
    EXPECT_GE(resident, kHot * 99 / 100);
  }
}

TEST(BlockEvictionTest, AScanAloneTakesNothingOfTheHotSet) {
  CacheOfKeys cache(1000);
  Scan keys;
  warm_up(cache, keys, 600);
  scan(cache, keys, 100'000);
  // The bound on looks lets one in 129 go on the way to the main queue, where it would be back at once.
  std::size_t resident = 0;
  for (std::uint64_t key = 0; key < 600; ++key) resident += cache.has(key) ? 1 : 0;
  EXPECT_GE(resident, 595U);
}

// Skewed reads without any scan, the case that LRU is good at.
TEST(BlockEvictionTest, SkewedReadsHitAtLeastAsOftenAsWithLru) {
  constexpr std::uint64_t kKeys = 20'000;
  CacheOfKeys cache(1000);
  LruOfKeys lru(1000);
  // Zipf with exponent 1: key k is the share of [ln k, ln (k + 1)) of [0, ln kKeys).
  Random random(3);
  const double range = std::log(static_cast<double>(kKeys));
  std::size_t hits = 0;
  std::size_t lru_hits = 0;
  for (int i = 0; i < 300'000; ++i) {
    const double uniform = static_cast<double>(random.below(1U << 30)) / static_cast<double>(1U << 30);
    const auto key = static_cast<std::uint64_t>(std::exp(uniform * range));
    hits += cache.use(key) ? 1 : 0;
    lru_hits += lru.use(key) ? 1 : 0;
  }
  RecordProperty("hits", static_cast<int>(hits));
  RecordProperty("lru_hits", static_cast<int>(lru_hits));
  EXPECT_GE(hits, lru_hits);
}

// A new hot set takes the place of one that is not used any more.
TEST(BlockEvictionTest, AHotSetThatIsNotUsedAnyMoreMakesRoomForANewOne) {
  CacheOfKeys cache(1000);
  Scan keys;
  warm_up(cache, keys, 900);
  Random random(5);
  std::size_t hits = 0;
  for (int i = 0; i < 20'000; ++i) {
    const bool hit = cache.use(10'000 + random.below(900));
    if (i >= 15'000 && hit) ++hits;
  }
  EXPECT_GE(hits, 4900U);
}

}  // namespace
}  // namespace penstock::file
