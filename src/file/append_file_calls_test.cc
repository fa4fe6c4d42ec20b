// What single calls of AppendFile do, and what they cost the device.

#include <gtest/gtest.h>

#include <thread>

#include "disk/testing/real_disks.h"
#include "file/testing/traced_machine.h"
#include "task/started.h"

namespace penstock::file {
namespace {

AppendOptions plain(Preparation preparation = Preparation::kNone) {
  AppendOptions options;
  options.buffer_bytes = 4 * kBlockBytes;
  options.preparation = preparation;
  options.preparation_step_bytes = 16 * kBlockBytes;
  return options;
}

class AppendFileCalls : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(model_.create());
    machine_.forget();
  }
  void TearDown() override { EXPECT_EQ(model_.complaint(), ""); }

  TracedMachine machine_{plain()};
  AppendModel& model_ = machine_.model();
};

TEST_F(AppendFileCalls, AnAppendThatFitsIntoTheBufferCostsNothing) {
  ASSERT_TRUE(model_.append(4 * kBlockBytes));
  EXPECT_EQ(machine_.count_all(), 0U);
}

TEST_F(AppendFileCalls, OneWriteMakesEverythingThatIsInMemoryDurable) {
  for (const std::size_t size : {1UL, 5000UL, 4096UL, 512UL}) {
    ASSERT_TRUE(model_.append(size));
    machine_.forget();
    ASSERT_TRUE(model_.sync());
    EXPECT_EQ(machine_.count(SimOp::kWrite), 1U);
    EXPECT_EQ(machine_.count_all(), 1U);
  }
}

TEST_F(AppendFileCalls, WhatWasWrittenWithoutBeingDurableNeedsASync) {
  ASSERT_TRUE(model_.append(100));
  ASSERT_TRUE(model_.flush());
  machine_.forget();
  ASSERT_TRUE(model_.sync());
  EXPECT_EQ(machine_.count(SimOp::kSync), 1U);
  EXPECT_EQ(machine_.count_all(), 1U);
}

TEST_F(AppendFileCalls, ACleanTailIsNotWrittenTwice) {
  ASSERT_TRUE(model_.append(100));
  ASSERT_TRUE(model_.flush());
  ASSERT_TRUE(model_.flush());
  EXPECT_EQ(machine_.count(SimOp::kWrite), 1U);
  ASSERT_TRUE(model_.sync());
  machine_.forget();
  ASSERT_TRUE(model_.sync());
  ASSERT_TRUE(model_.append(0));
  ASSERT_TRUE(model_.flush());
  ASSERT_TRUE(model_.sync());
  EXPECT_EQ(machine_.count_all(), 0U);
}

TEST_F(AppendFileCalls, AFullBufferThatIsCleanIsNotWrittenAgain) {
  ASSERT_TRUE(model_.append(4 * kBlockBytes));
  ASSERT_TRUE(model_.sync());
  machine_.forget();
  ASSERT_TRUE(model_.append(1));
  drain(machine_.scheduler());
  EXPECT_EQ(machine_.count_all(), 0U);
}

TEST_F(AppendFileCalls, OnlyTheDirtyBlocksOfAFullBufferAreWritten) {
  ASSERT_TRUE(model_.append(2 * kBlockBytes + 10));
  ASSERT_TRUE(model_.sync());
  ASSERT_TRUE(model_.append(2 * kBlockBytes));
  machine_.forget();
  ASSERT_TRUE(model_.flush());
  EXPECT_EQ(machine_.written_bytes(), 3 * kBlockBytes) << "two of the full buffer, and the tail";
  ASSERT_TRUE(model_.check_device());
}

TEST_F(AppendFileCalls, FullBuffersLeaveWhileTheNextOneFills) {
  ASSERT_TRUE(model_.append(4 * 4 * kBlockBytes + 1));
  ASSERT_TRUE(model_.flush());
  EXPECT_EQ(machine_.count(SimOp::kWrite), 5U);
  ASSERT_TRUE(model_.check_device());
}

TEST_F(AppendFileCalls, SealingTwiceIsSealingOnce) {
  ASSERT_TRUE(model_.append(10));
  ASSERT_TRUE(model_.seal());
  machine_.forget();
  ASSERT_TRUE(model_.seal());
  ASSERT_TRUE(model_.sync());
  ASSERT_TRUE(model_.flush());
  EXPECT_EQ(machine_.count_all(), 0U);
}

TEST_F(AppendFileCalls, WritesInFlightOfADroppedFileStillArrive) {
  ASSERT_TRUE(model_.append(3 * 4 * kBlockBytes));
  model_.drop();
  EXPECT_GT(machine_.scheduler().spawned_count(), 0U);
  drain(machine_.scheduler());
  const auto found = model_.read_back();
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2 * 4 * kBlockBytes);
  EXPECT_TRUE(std::ranges::equal(*found, model_.bytes().first(found->size())));
}

TEST_F(AppendFileCalls, AfterClosingNothingIsInFlight) {
  ASSERT_TRUE(model_.append(3 * 4 * kBlockBytes));
  ASSERT_GT(machine_.scheduler().spawned_count(), 0U);
  machine_.run(machine_.file().close());
  model_.drop();
  machine_.forget();
  drain(machine_.scheduler());
  EXPECT_EQ(machine_.count_all(), 0U);
}

TEST_F(AppendFileCalls, AFileThatIsOpenedAndDroppedStaysAsItIs) {
  ASSERT_TRUE(model_.append(1234));
  ASSERT_TRUE(model_.seal());
  ASSERT_TRUE(model_.open(std::nullopt));
  ASSERT_TRUE(model_.append(0));
  model_.drop();
  drain(machine_.scheduler());
  EXPECT_EQ(model_.read_back()->size(), 1234U);
}

TEST_F(AppendFileCalls, AFileMovesWithWhatItHolds) {
  ASSERT_TRUE(model_.append(100));
  AppendFile moved = std::move(model_.file());
  EXPECT_EQ(moved.size_bytes(), 100U);
  ASSERT_TRUE(machine_.run(moved.sync()));
  model_.file() = std::move(moved);
  EXPECT_EQ(model_.file().durable_bytes(), 100U);
  ASSERT_TRUE(model_.sync());
}

Task<void> append_later(AppendFile& file, ByteView bytes) { (void)co_await file.append(bytes); }

TEST_F(AppendFileCalls, TwoCallsAtATimeAreABug) {
  const std::vector<std::byte> bytes(20 * 4 * kBlockBytes);
  const auto both = [&] {
    machine_.scheduler().spawn(append_later(machine_.file(), bytes));
    machine_.scheduler().spawn(append_later(machine_.file(), bytes));
    drain(machine_.scheduler());
  };
  EXPECT_DEATH(both(), "two calls to one AppendFile at a time");
}

TEST_F(AppendFileCalls, CreateTakesNoNameThatIsThere) {
  const auto again =
      machine_.run(AppendFile::create(machine_.scheduler(), machine_.disk(), model_.path(), plain()));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::kExists);
}

TEST_F(AppendFileCalls, ACreateThatCannotMakeItsNameDurableLeavesNothing) {
  machine_.disk().inject({.op = SimOp::kSyncDirectory});
  const auto failed =
      machine_.run(AppendFile::create(machine_.scheduler(), machine_.disk(), "/d/g", plain()));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
  EXPECT_FALSE(machine_.storage().exists("/d/g"));
}

TEST_F(AppendFileCalls, AnEndBehindTheFileIsRefused) {
  ASSERT_TRUE(model_.append(1000));
  ASSERT_TRUE(model_.seal());
  model_.drop();
  AppendOpen how;
  how.end = 1001;
  const auto refused =
      machine_.run(AppendFile::open(machine_.scheduler(), machine_.disk(), model_.path(), how));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kOutOfRange);
  EXPECT_NE(refused.error().message().find("1001"), std::string::npos);
}

TEST_F(AppendFileCalls, OptionsWithoutAMeaningAreRefusedByName) {
  const auto refusal = [&](AppendOptions options) {
    const auto refused =
        machine_.run(AppendFile::create(machine_.scheduler(), machine_.disk(), "/d/g", options));
    EXPECT_FALSE(refused);
    if (refused) return std::string();
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    AppendOpen open;
    open.options = options;
    EXPECT_FALSE(machine_.run(AppendFile::open(machine_.scheduler(), machine_.disk(), "/d/f", open)));
    return refused.error().message();
  };
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{4095}, 128 * kMiB}) {
    AppendOptions options;
    options.buffer_bytes = bytes;
    EXPECT_NE(refusal(options).find("buffer_bytes"), std::string::npos);
  }
  for (const std::size_t count : {0UL, 65UL}) {
    AppendOptions options;
    options.write_behind_max = count;
    EXPECT_NE(refusal(options).find("write_behind_max"), std::string::npos);
  }
  for (const std::size_t count : {0UL, 65UL}) {
    AppendOptions options;
    options.write_depth = count;
    EXPECT_NE(refusal(options).find("write_depth"), std::string::npos);
  }
  AppendOptions options;
  options.preparation_step_bytes = 1000;
  EXPECT_NE(refusal(options).find("preparation_step_bytes"), std::string::npos);
  EXPECT_FALSE(machine_.storage().exists("/d/g"));
}

// A disk without latency is one that blocks: see every append through it.
TEST(AppendFileOverABlockingDisk, LargeAlignedAppendsAreWrittenFromTheCallersMemory) {
  SimStorage storage;
  storage.make_directories("/d");
  SimDiskOptions options;
  options.latency_min = options.latency_max = Duration::zero();
  std::size_t writes = 0;
  options.trace = [&](std::string_view line) { writes += line.contains(" write ") ? 1 : 0; };
  SimMachine machine(storage, options);
  AppendModel model("/d/f", plain());
  model.use(machine.scheduler, machine.disk);
  ASSERT_TRUE(model.create());
  ASSERT_TRUE(model.append(8 * kBlockBytes));
  writes = 0;
  ASSERT_TRUE(model.append(64 * kBlockBytes + 100));
  EXPECT_LE(writes, 2U) << "the tail, and everything else at once";
  ASSERT_TRUE(model.append(64 * kBlockBytes));
  ASSERT_TRUE(model.sync());
  ASSERT_TRUE(model.check_device());
  EXPECT_EQ(model.complaint(), "");
}

// Runs a task that never has to wait, without a scheduler.
template <typename T>
T at_once(Task<T> task) {
  Started<T> started(std::move(task));
  PENSTOCK_ASSERT(started.has_ended(), "it waits for something");
  return started.await_resume();
}

TEST(AppendFileOverABlockingDisk, AnyThreadMayCallAndNoSchedulerRuns) {
  const auto under_test = RealDiskUnderTest::make(RealMake::kInline, IoMode::kBuffered);
  ASSERT_NE(under_test, nullptr);
  const auto live = [&](int number) {
    const std::string path = under_test->root() + "/" + std::to_string(number);
    auto file = at_once(AppendFile::create(under_test->scheduler(), under_test->disk(), path,
                                           plain(Preparation::kWritten)));
    const std::vector<std::byte> bytes(10'000, static_cast<std::byte>(number));
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(at_once(file->append(bytes)));
      EXPECT_TRUE(i % 2 == 0 ? at_once(file->flush()) : at_once(file->sync()));
    }
    EXPECT_TRUE(at_once(file->seal()));
    EXPECT_EQ(file->durable_bytes(), 200'000U);
  };
  std::vector<std::jthread> threads;
  for (int number = 1; number <= 4; ++number) threads.emplace_back(live, number);
  threads.clear();
  EXPECT_EQ(under_test->scheduler().spawned_count(), 0U);
}

}  // namespace
}  // namespace penstock::file
