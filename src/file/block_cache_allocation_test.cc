// What a BlockCache allocates: its budget at the start, and nothing in the cache afterwards.
//
// Counts every operator new of the process. The sanitizers have their own, and this is skipped with
// them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "file/block_cache.h"
#include "file/testing/cache_machine.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PENSTOCK_NEW_IS_TAKEN
#endif
#endif

namespace {

std::atomic<std::uint64_t> allocation_count{0};
std::atomic<std::uint64_t> allocated_bytes{0};

}  // namespace

#ifndef PENSTOCK_NEW_IS_TAKEN

void* operator new(std::size_t size_bytes) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes.fetch_add(size_bytes, std::memory_order_relaxed);
  if (void* memory = std::malloc(size_bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#endif

namespace penstock::file {
namespace {

using testing::InstantFile;

class BlockCacheAllocationTest : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef PENSTOCK_NEW_IS_TAKEN
    GTEST_SKIP() << "a sanitizer counts allocations itself";
#endif
  }

  void make_cache(std::uint64_t budget_bytes, std::uint64_t block_bytes) {
    auto created = BlockCache::create(machine_.scheduler,
                                      {.budget_bytes = budget_bytes, .block_bytes = block_bytes});
    ASSERT_TRUE(created);
    cache_ = std::move(*created);
  }

  // Of one get() of each of these blocks, in one coroutine.
  std::uint64_t allocations_of_gets(File& file, std::uint64_t first, std::uint64_t count) {
    return machine_.scheduler.run(count_gets(file, first, count));
  }

  SimStorage storage_;
  SimMachine machine_{storage_};
  std::unique_ptr<BlockCache> cache_;

 private:
  Task<std::uint64_t> count_gets(File& file, std::uint64_t first, std::uint64_t count) {
    const std::uint64_t before = allocation_count;
    for (std::uint64_t block = first; block < first + count; ++block) {
      const BlockKey key{.file_id = 1, .block = block};
      const auto pin = co_await cache_->get(key, file);
      PENSTOCK_ASSERT(pin, "get");
    }
    co_return allocation_count - before;
  }
};

TEST_F(BlockCacheAllocationTest, AHitAllocatesNothing) {
  make_cache(4 * kMiB, 64 * kKiB);
  InstantFile file(1, 64 * kMiB);
  allocations_of_gets(file, 0, 20);
  const std::uint64_t before = allocation_count;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const BlockKey key{.file_id = 1, .block = i % 20};
    const auto pin = cache_->find(key);
    PENSTOCK_ASSERT(pin, "find");
  }
  const std::uint64_t after = allocation_count;
  EXPECT_EQ(after - before, 0U);
}

TEST_F(BlockCacheAllocationTest, AGetAllocatesItsCoroutineAndTheFilesAndAnEvictionNothing) {
  make_cache(1 * kMiB, 4 * kKiB);
  const std::uint64_t capacity = cache_->capacity_blocks();
  InstantFile file(1, 64 * kMiB);
  // Into free memory, by eviction of blocks on trial, and as hits.
  EXPECT_EQ(allocations_of_gets(file, 0, capacity), 2 * capacity);
  EXPECT_EQ(allocations_of_gets(file, capacity, 5 * capacity), 2 * 5 * capacity);
  EXPECT_EQ(cache_->stats().evictions, 5 * capacity);
  EXPECT_EQ(allocations_of_gets(file, 6 * capacity - 50, 50), 50U);
}

// In pages of this process: its whole size, and what of it is resident.
struct ProcessSize {
  static ProcessSize now() {
    ProcessSize size;
    std::ifstream("/proc/self/statm") >> size.mapped >> size.resident;
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    size.mapped *= page_bytes;
    size.resident *= page_bytes;
    return size;
  }

  std::uint64_t mapped = 0;
  std::uint64_t resident = 0;
};

TEST_F(BlockCacheAllocationTest, TheBudgetIsWhatTheProcessGrowsByAndAllOfItIsResident) {
  constexpr std::uint64_t kBudget = 96 * kMiB + 12'345;
  make_cache(8 * kMiB, 4 * kKiB);  // whatever the allocator and the library do for the first time
  cache_.reset();
  for (const std::uint64_t block_bytes : {4 * kKiB, 64 * kKiB, 4 * kMiB}) {
    const ProcessSize before = ProcessSize::now();
    const std::uint64_t heap_before = allocated_bytes;
    make_cache(kBudget, block_bytes);
    const std::uint64_t heap_bytes = allocated_bytes - heap_before;
    const ProcessSize after = ProcessSize::now();

    const std::uint64_t grown_bytes = after.mapped - before.mapped;
    EXPECT_LE(grown_bytes + heap_bytes, kBudget) << block_bytes;
    EXPECT_GE(grown_bytes + heap_bytes + block_bytes + 64 * kKiB, kBudget) << block_bytes;
    EXPECT_EQ(align_up(cache_->allocated_bytes(), 4 * kKiB),
              align_up(grown_bytes + heap_bytes, 4 * kKiB));
    EXPECT_GE(after.resident - before.resident, grown_bytes * 99 / 100) << block_bytes;

    // Turned over twice, it has not grown.
    InstantFile file(1, 4 * kGiB);
    allocations_of_gets(file, 0, 2 * cache_->capacity_blocks());
    const ProcessSize used = ProcessSize::now();
    EXPECT_LE(used.mapped - before.mapped, grown_bytes + 64 * kKiB);
    cache_.reset();
  }
}

}  // namespace
}  // namespace penstock::file
