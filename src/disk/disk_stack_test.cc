#include "disk/disk_stack.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "base/testing/temp_directory.h"
#include "disk/testing/no_io_uring.h"

namespace penstock {
namespace {

// Runs `say` in a process without io_uring and ends it; what it returns goes to stderr.
template <typename Say>
void exit_without_io_uring(Say say) {
  deny_io_uring_setup();
  std::fprintf(stderr, "%s\n", std::string(say()).c_str());
  std::exit(0);
}

class DiskStackTest : public testing::Test {
 protected:
  DiskStackTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(DiskStackTest, ADeniedRingIsExplained) {
  const auto say = [] { return UringReactor::create().error().message(); };
  EXPECT_EXIT(exit_without_io_uring(say), testing::ExitedWithCode(0),
              "io_uring_setup .*io_uring_disabled.*: Operation not permitted");
}

TEST_F(DiskStackTest, AutoGoesOnWithoutARingAndSaysWhy) {
  const auto say = [] {
    auto stack = std::move(*DiskStack::create({.uring = UringUse::kAuto}));
    const bool epoll = stack->make_reactor()->epoll != nullptr;
    return std::string(epoll ? "epoll because " : "a ring because ") + stack->uring_reason();
  };
  EXPECT_EXIT(exit_without_io_uring(say), testing::ExitedWithCode(0), "epoll because io_uring_setup");
}

TEST_F(DiskStackTest, OnIsAnErrorWithoutARing) {
  const auto say = [] { return DiskStack::create({.uring = UringUse::kOn}).error().message(); };
  EXPECT_EXIT(exit_without_io_uring(say), testing::ExitedWithCode(0), "io_uring is set to 'on'");
}

Task<bool> write_one_block(Disk& disk, std::string path) {
  const OpenOptions options{.write = true, .create = true};
  auto file = co_await disk.open(std::move(path), options);
  if (!file) co_return false;
  const SharedSlice block = AlignedBuffer(kBlockBytes).freeze(kBlockBytes);
  const FilePosition start{0};
  const Result<void> written = co_await (*file)->write(start, block, Durability::kDevice);
  co_return written.has_value();
}

TEST_F(DiskStackTest, ShardsWithAndWithoutARingWrite) {
  const TempDirectory directory;
  const SystemClock clock;
  for (const UringUse use : {UringUse::kAuto, UringUse::kOff}) {
    auto stack = DiskStack::create({.mode = IoMode::kBuffered, .uring = use});
    ASSERT_TRUE(stack);
    auto reactor = (*stack)->make_reactor();
    ASSERT_TRUE(reactor);
    Scheduler scheduler(clock, reactor->reactor());
    const auto disk = (*stack)->make_disk(scheduler, *reactor);
    EXPECT_EQ(disk->mode(), IoMode::kBuffered);
    EXPECT_TRUE(scheduler.run(write_one_block(*disk, directory / "file")));
  }
}

TEST_F(DiskStackTest, UseOfARingIsParsed) {
  EXPECT_EQ(parse_uring_use("auto"), UringUse::kAuto);
  EXPECT_EQ(parse_uring_use("on"), UringUse::kOn);
  EXPECT_EQ(parse_uring_use("off"), UringUse::kOff);
  EXPECT_FALSE(parse_uring_use("yes"));
}

}  // namespace
}  // namespace penstock
