#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/device_copy.h"
#include "base/error.h"
#include "base/random.h"
#include "base/units.h"

namespace penstock {
namespace {

TEST(Crc32c, MatchesThePublishedCheckValue) { EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U); }

TEST(Crc32c, GoesOnWhereAnEarlierCallEnded) {
  EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xE3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Bytes, IntegersKeepTheirByteOrderAtAnyAlignment) {
  std::array<std::byte, 9> memory{};
  store_be<std::uint32_t>(memory, 1, 0x01020304);
  EXPECT_EQ(memory[1], std::byte{1});
  EXPECT_EQ(load_be<std::uint32_t>(memory, 1), 0x01020304U);
  EXPECT_EQ(load_le<std::uint32_t>(memory, 1), 0x04030201U);
}

TEST(DeviceCopy, CopiesEveryByteAndNothingElseAtAnyAlignment) {
  Random random(1);
  std::vector<std::byte> source(300 * kKiB);
  for (std::byte& byte : source) byte = static_cast<std::byte>(random.next());
  constexpr std::byte kUntouched{0xEE};
  for (const std::size_t size_bytes :
       {0UL, 1UL, 63UL, 64 * kKiB - 1, 64 * kKiB, 64 * kKiB + 1, 256 * kKiB + 77}) {
    for (const std::size_t from : {0UL, 1UL, 16UL, 63UL}) {
      for (const std::size_t to : {0UL, 1UL, 16UL, 63UL, 64UL}) {
        std::vector<std::byte> target(300 * kKiB, kUntouched);
        copy_for_device(MutableBytes(target).subspan(to), ByteView(source).subspan(from, size_bytes));
        const auto first = std::next(target.begin(), static_cast<std::ptrdiff_t>(to));
        const auto last = std::next(first, static_cast<std::ptrdiff_t>(size_bytes));
        EXPECT_TRUE(
            std::equal(first, last, std::next(source.begin(), static_cast<std::ptrdiff_t>(from))));
        EXPECT_EQ(std::count(target.begin(), first, kUntouched), std::distance(target.begin(), first));
        EXPECT_EQ(std::count(last, target.end(), kUntouched), std::distance(last, target.end()));
      }
    }
  }
}

TEST(BytesDeathTest, ReadingPastTheEndIsABug) {
  const std::array<std::byte, 3> memory{};
  EXPECT_DEATH(load_le<std::uint32_t>(memory, 0), "read past the end");
}

TEST(AlignedBuffer, IsBlockAlignedAndWholeBlocks) {
  AlignedBuffer buffer(5000);
  EXPECT_EQ(buffer.capacity(), 2 * kBlockBytes);
  EXPECT_TRUE(is_aligned(reinterpret_cast<std::uintptr_t>(buffer.data()), kBlockBytes));
}

TEST(SharedSlice, KeepsItsBytesAliveAfterTheBufferIsGone) {
  SharedSlice part;
  {
    AlignedBuffer buffer(kBlockBytes);
    std::memset(buffer.data(), 'x', kBlockBytes);
    part = std::move(buffer).freeze(kBlockBytes).slice(100, 3);
  }
  EXPECT_EQ(as_text(part.view()), "xxx");
}

TEST(Error, FromTheSystemNamesTheActionAndKeepsTheCode) {
  const Error error = Error::from_errno(ENOSPC, "write /data/segment at 4096");
  EXPECT_EQ(error.code(), ErrorCode::kNoSpace);
  EXPECT_EQ(error.os_error(), ENOSPC);
  EXPECT_EQ(error.message(), "write /data/segment at 4096: No space left on device");
  EXPECT_EQ(error.context("append to orders/3").message(),
            "append to orders/3: write /data/segment at 4096: No space left on device");
}

TEST(Units, AlignmentRoundsToWholeBlocks) {
  EXPECT_EQ(align_down(8191, 4096), 4096U);
  EXPECT_EQ(align_up(4097, 4096), 8192U);
  EXPECT_EQ(align_up(4096, 4096), 4096U);
  EXPECT_TRUE(is_aligned(0, 4096));
}

}  // namespace
}  // namespace penstock
