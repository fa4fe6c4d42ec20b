#include "file/read_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/aligned_buffer.h"

namespace penstock::file {
namespace {

TEST(BlockRange, AroundTakesEveryBlockThatIsTouched) {
  const auto around = [](std::uint64_t from, std::uint64_t to) {
    const BlockRange blocks = BlockRange::around(FilePosition{from}, FilePosition{to});
    return std::pair(blocks.start.value / kBlockBytes, blocks.end.value / kBlockBytes);
  };
  EXPECT_EQ(around(0, 1), std::pair(0UL, 1UL));
  EXPECT_EQ(around(4095, 4096), std::pair(0UL, 1UL));
  EXPECT_EQ(around(4095, 4097), std::pair(0UL, 2UL));
  EXPECT_EQ(around(4096, 8192), std::pair(1UL, 2UL));
}

TEST(BlockRange, InsideTakesOnlyWholeBlocks) {
  const auto inside = [](std::uint64_t from, std::uint64_t to) {
    return BlockRange::inside(FilePosition{from}, FilePosition{to}).size_bytes() / kBlockBytes;
  };
  EXPECT_EQ(inside(0, 4095), 0U);
  EXPECT_EQ(inside(0, 4096), 1U);
  EXPECT_EQ(inside(1, 4097), 0U);
  EXPECT_EQ(inside(1, 8192), 1U);
  EXPECT_EQ(inside(4095, 4097), 0U);
}

TEST(BlockRange, NoRangeEndsBehindAllFiles) {
  EXPECT_EQ(end_of(FilePosition{10}, 5), FilePosition{15});
  EXPECT_EQ(end_of(FilePosition{10}, UINT64_MAX), FilePosition{kFilePositionLimit});
  EXPECT_EQ(end_of(FilePosition{kFilePositionLimit}, 1), FilePosition{kFilePositionLimit});
  EXPECT_EQ(end_of(FilePosition{UINT64_MAX}, 1), FilePosition{UINT64_MAX});
}

RC_GTEST_PROP(ReadPlan, MakesWholeBlocksThatStayInTheCallersMemory, ()) {
  const AlignedBuffer memory(16 * kBlockBytes);
  const std::uint64_t from = *rc::gen::inRange<std::uint64_t>(0, 4 * kBlockBytes);
  const std::size_t at = *rc::gen::inRange<std::size_t>(0, 2 * kBlockBytes);
  const std::size_t size = *rc::gen::inRange<std::size_t>(1, 14 * kBlockBytes);
  const MutableBytes into(const_cast<std::byte*>(memory.data()) + at, size);

  const ReadPlan plan = ReadPlan::make(FilePosition{from}, into);
  const std::size_t middle_bytes = plan.middle.size_bytes();
  RC_ASSERT(plan.head_bytes + middle_bytes + plan.tail_bytes == size);
  if (middle_bytes == 0) {
    RC_ASSERT(size < 3 * kBlockBytes);
    return;
  }
  RC_ASSERT(plan.middle.start == FilePosition{from} + plan.head_bytes);
  RC_ASSERT(is_aligned(plan.middle.start.value, kBlockBytes));
  RC_ASSERT(is_aligned(middle_bytes, kBlockBytes));
  RC_ASSERT(is_aligned(reinterpret_cast<std::uintptr_t>(plan.slot), kBlockBytes));
  RC_ASSERT(plan.slot >= into.data());
  RC_ASSERT(plan.slot + middle_bytes <= into.data() + size);
  RC_ASSERT(plan.head_bytes < kBlockBytes);
  RC_ASSERT(plan.tail_bytes < 2 * kBlockBytes);
  RC_ASSERT(plan.lands_in_place(into) == ((from % kBlockBytes) == (at % kBlockBytes)));
}

}  // namespace
}  // namespace penstock::file
