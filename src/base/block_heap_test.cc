#include "base/block_heap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <new>
#include <thread>
#include <vector>

#include "base/random.h"

namespace penstock {
namespace {

struct Taken {
  std::byte* bytes;
  std::size_t size_bytes;
  std::byte mark;
};

void fill(const Taken& taken) {
  std::memset(taken.bytes, std::to_integer<int>(taken.mark), taken.size_bytes);
}

bool is_untouched(const Taken& taken) {
  for (std::size_t at = 0; at < taken.size_bytes; at += 64) {
    if (taken.bytes[at] != taken.mark) return false;
  }
  return taken.bytes[taken.size_bytes - 1] == taken.mark;
}

// Takes and gives back at random, and checks that nobody else has written to what it holds.
void churn(BlockHeap& heap, std::uint64_t seed, int steps) {
  Random random(seed);
  std::vector<Taken> held;
  for (int step = 0; step < steps; ++step) {
    const bool takes = held.size() < 8 || (held.size() < 200 && random.coin());
    if (takes) {
      const std::size_t most = random.coin() ? 16 * kKiB : BlockHeap::kLargestBytes;
      const std::size_t size_bytes = 1 + random.below(most);
      const Taken taken{heap.take(size_bytes), size_bytes, static_cast<std::byte>(random.below(256))};
      ASSERT_TRUE(is_aligned(reinterpret_cast<std::uintptr_t>(taken.bytes), kBlockBytes));
      fill(taken);
      held.push_back(taken);
    } else {
      const std::size_t which = random.below(held.size());
      ASSERT_TRUE(is_untouched(held[which])) << "seed " << seed << ", step " << step;
      heap.give_back(held[which].bytes, held[which].size_bytes);
      held[which] = held.back();
      held.pop_back();
    }
  }
  for (const Taken& taken : held) {
    ASSERT_TRUE(is_untouched(taken));
    heap.give_back(taken.bytes, taken.size_bytes);
  }
}

TEST(BlockHeap, NobodysBytesAreSomebodyElses) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    BlockHeap heap;
    churn(heap, seed, 2000);
    EXPECT_EQ(heap.stats().used_bytes, 0U);
  }
}

TEST(BlockHeap, ServesManyThreads) {
  BlockHeap heap;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      threads.emplace_back([&heap, seed] { churn(heap, seed, 2000); });
    }
  }
  EXPECT_EQ(heap.stats().used_bytes, 0U);
}

TEST(BlockHeap, EverySizeFitsAndWastesAQuarterAtMost) {
  BlockHeap heap;
  for (std::size_t size_bytes = kBlockBytes; size_bytes <= BlockHeap::kLargestBytes;
       size_bytes += kBlockBytes) {
    std::byte* const bytes = heap.take(size_bytes);
    const std::size_t used_bytes = heap.stats().used_bytes;
    EXPECT_GE(used_bytes, size_bytes);
    EXPECT_LE(used_bytes, size_bytes + size_bytes / 4);
    heap.give_back(bytes, size_bytes);
  }
}

TEST(BlockHeap, PartsOfOneSizeLieInOneChunk) {
  BlockHeap heap;
  constexpr std::size_t kParts = BlockHeap::kChunkBytes / kBlockBytes;
  std::map<std::byte*, bool> taken;
  for (std::size_t i = 0; i < kParts; ++i) taken[heap.take(kBlockBytes)] = true;
  EXPECT_EQ(taken.size(), kParts);
  EXPECT_EQ(heap.stats().chunk_count, 1U);
  taken[heap.take(kBlockBytes)] = true;
  EXPECT_EQ(heap.stats().chunk_count, 2U);
  for (const auto& [bytes, is_taken] : taken) heap.give_back(bytes, kBlockBytes);
}

TEST(BlockHeap, WhatWasUsedLastIsUsedFirst) {
  BlockHeap heap;
  std::byte* const older = heap.take(kBlockBytes);
  std::byte* const newer = heap.take(kBlockBytes);
  std::byte* const kept = heap.take(kBlockBytes);
  heap.give_back(older, kBlockBytes);
  heap.give_back(newer, kBlockBytes);
  EXPECT_EQ(heap.take(kBlockBytes), newer);
  heap.give_back(newer, kBlockBytes);
  heap.give_back(kept, kBlockBytes);
}

TEST(BlockHeap, AChunkThatIsNotInUseServesAnotherSize) {
  BlockHeap heap;
  heap.give_back(heap.take(kBlockBytes), kBlockBytes);
  std::byte* const other = heap.take(3 * kBlockBytes);
  EXPECT_EQ(heap.stats().chunk_count, 1U);
  std::byte* const huge = heap.take(BlockHeap::kLargestBytes);
  EXPECT_EQ(heap.stats().chunk_count, 2U) << "of another kind";
  heap.give_back(other, 3 * kBlockBytes);
  heap.give_back(huge, BlockHeap::kLargestBytes);
}

TEST(BlockHeap, KeepsAFewChunksAndGivesTheRestBack) {
  BlockHeap heap;
  std::vector<std::byte*> taken;
  for (int i = 0; i < 40; ++i) taken.push_back(heap.take(BlockHeap::kLargestBytes));
  EXPECT_EQ(heap.stats().chunk_count, 20U);
  for (std::byte* const bytes : taken) heap.give_back(bytes, BlockHeap::kLargestBytes);
  EXPECT_EQ(heap.stats().chunk_count, BlockHeap::kSpareChunksMax);
}

TEST(BlockHeap, WhatIsReservedServesAllSizesAndStaysAsLongAsTheReservation) {
  BlockHeap heap;
  auto reservation = heap.reserve(20 * BlockHeap::kChunkBytes);
  EXPECT_EQ(heap.stats().chunk_count, 20U);
  std::vector<std::byte*> large;
  for (int i = 0; i < 30; ++i) large.push_back(heap.take(BlockHeap::kLargestBytes));
  std::vector<std::byte*> small;
  for (int i = 0; i < 1000; ++i) small.push_back(heap.take(kBlockBytes));
  EXPECT_EQ(heap.stats().chunk_count, 20U);
  for (std::byte* const bytes : large) heap.give_back(bytes, BlockHeap::kLargestBytes);
  for (std::byte* const bytes : small) heap.give_back(bytes, kBlockBytes);
  EXPECT_EQ(heap.stats().chunk_count, 20U);
  reservation = {};
  EXPECT_EQ(heap.stats().chunk_count, BlockHeap::kSpareChunksMax);
}

TEST(BlockHeap, EachReservationIsOfItsOwn) {
  BlockHeap heap;
  auto first = heap.reserve(10 * BlockHeap::kChunkBytes);
  {
    const auto second = heap.reserve(10 * BlockHeap::kChunkBytes);
    EXPECT_EQ(heap.stats().chunk_count, 20U);
  }
  const auto moved = std::move(first);
  EXPECT_EQ(heap.stats().chunk_count, 10U + BlockHeap::kSpareChunksMax);
}

}  // namespace
}  // namespace penstock
