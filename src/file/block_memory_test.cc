#include "file/block_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace penstock::file {
namespace {

constexpr std::uint64_t kSize = 3 * kMiB + 100;

TEST(BlockMemoryTest, IsWholePagesOfZerosThatAreResident) {
  auto memory = BlockMemory::map(kSize);
  ASSERT_TRUE(memory) << memory.error().message();
  const std::uint64_t mapped = BlockMemory::mapped_bytes(kSize);
  EXPECT_GE(mapped, kSize);
  const MutableBytes bytes = memory->take(mapped);
  std::vector<unsigned char> resident(mapped / static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  ASSERT_EQ(::mincore(bytes.data(), bytes.size(), resident.data()), 0);
  EXPECT_TRUE(std::ranges::all_of(resident, [](unsigned char page) { return (page & 1) != 0; }));
  EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(BlockMemoryTest, IsTakenFromTheStartAndNoFurtherThanItsEnd) {
  auto memory = BlockMemory::map(kSize);
  ASSERT_TRUE(memory);
  const MutableBytes first = memory->take(4096);
  EXPECT_TRUE(is_aligned(reinterpret_cast<std::uintptr_t>(first.data()), kBlockBytes));
  const std::span<std::uint64_t> array = memory->take_array<std::uint64_t>(10);
  EXPECT_EQ(reinterpret_cast<std::byte*>(array.data()), first.data() + 4096);
  EXPECT_DEATH(memory->take(kSize), "more is taken of a block memory than there is");
}

TEST(BlockMemoryTest, AChildProcessDoesNotHaveIt) {
  auto memory = BlockMemory::map(kSize);
  ASSERT_TRUE(memory);
  const MutableBytes bytes = memory->take(4096);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    unsigned char resident = 0;
    const bool is_there = ::mincore(bytes.data(), bytes.size(), &resident) == 0;
    ::_exit(is_there ? 1 : errno == ENOMEM ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace penstock::file
