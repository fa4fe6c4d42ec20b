#include "file/buffer_pool.h"

#include <gtest/gtest.h>

#include <thread>

namespace penstock::file {
namespace {

TEST(BufferPool, GivesTheMemoryOfADroppedSliceAgain) {
  const auto pool = std::make_shared<BufferPool>(2, kMiB);
  AlignedBuffer buffer = pool->take(kMiB);
  const std::byte* const address = buffer.data();
  {
    const SharedSlice slice = pool->lease(std::move(buffer), 100);
    EXPECT_EQ(slice.data(), address);
    EXPECT_EQ(slice.size(), 100U);
    EXPECT_NE(pool->take(kMiB).data(), address) << "it is in use";
  }
  EXPECT_EQ(pool->take(64 * kKiB).data(), address) << "more than enough will do";
}

TEST(BufferPool, APartOfASliceKeepsAllOfItsMemory) {
  const auto pool = std::make_shared<BufferPool>(2, kMiB);
  AlignedBuffer buffer = pool->take(kMiB);
  const std::byte* const address = buffer.data();
  SharedSlice part = pool->lease(std::move(buffer), 100).slice(50, 10);
  EXPECT_NE(pool->take(kMiB).data(), address);
  part = SharedSlice();
  EXPECT_EQ(pool->take(kMiB).data(), address);
}

TEST(BufferPool, KeepsOnlyAsManySparesAsItMayAndNoneThatIsTooLarge) {
  const auto pool = std::make_shared<BufferPool>(1, kMiB);
  AlignedBuffer first = pool->take(kMiB);
  AlignedBuffer second = pool->take(kMiB);
  AlignedBuffer large = pool->take(2 * kMiB);
  const std::byte* const kept = first.data();
  pool->give_back(std::move(large));
  EXPECT_EQ(pool->spare_count(), 0U);
  pool->give_back(std::move(first));
  pool->give_back(std::move(second));
  EXPECT_EQ(pool->spare_count(), 1U);
  EXPECT_EQ(pool->take(kMiB).data(), kept);
}

TEST(BufferPool, SlicesOutliveItAndMayBeDroppedOnAnyThread) {
  auto pool = std::make_shared<BufferPool>(2, kMiB);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    SharedSlice slice = pool->lease(pool->take(kBlockBytes), kBlockBytes);
    threads.emplace_back([dropped = std::move(slice)]() mutable { dropped = SharedSlice(); });
  }
  for (int i = 0; i < 100; ++i) pool->give_back(pool->take(kBlockBytes));
  pool.reset();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace penstock::file
