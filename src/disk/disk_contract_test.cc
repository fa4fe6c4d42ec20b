#include <algorithm>
#include <numeric>
#include <vector>

#include "disk/testing/disk_contract.h"
#include "disk/testing/real_disks.h"
#include "penstock/probe.h"

namespace penstock {
namespace {

bool same_bytes(ByteView a, ByteView b) { return std::ranges::equal(a, b); }

ByteView filled(const ReadResult& result) { return result.buffer.view().first(result.size_bytes); }

TEST_P(DiskContract, BytesWrittenAreReadBack) {
  const auto file = create("file");
  const SharedSlice data = pattern(3 * kBlockBytes, 1);
  ASSERT_TRUE(write(*file, kBlockBytes, data));
  const Result<ReadResult> result = read(*file, kBlockBytes, 3 * kBlockBytes);
  ASSERT_TRUE(result);
  EXPECT_TRUE(same_bytes(filled(*result), data.view()));
}

TEST_P(DiskContract, DurableWritesAreReadBack) {
  const auto file = create("file");
  const SharedSlice data = pattern(kBlockBytes, 2);
  ASSERT_TRUE(write(*file, 0, data, Durability::kDevice));
  const Result<ReadResult> result = read(*file, 0, kBlockBytes);
  ASSERT_TRUE(result);
  EXPECT_TRUE(same_bytes(filled(*result), data.view()));
}

TEST_P(DiskContract, SharedMemoryIsTheContentsOfItsFile) {
  auto memory = run(disk().create_shared(at("shared"), 4 * kBlockBytes));
  if (!memory && memory.error().code() == ErrorCode::kNotSupported)
    GTEST_SKIP() << memory.error().message();
  ASSERT_TRUE(memory) << memory.error().message();
  const MutableBytes bytes = (*memory)->bytes();
  ASSERT_EQ(bytes.size(), 4 * kBlockBytes);
  EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; }));
  const SharedSlice data = pattern(2 * kBlockBytes, 9);
  std::ranges::copy(data.view(), bytes.begin() + kBlockBytes);
  // While it is mapped, and after.
  for (int i = 0; i < 2; ++i) {
    const auto file = run(disk().open(at("shared"), {}));
    ASSERT_TRUE(file) << file.error().message();
    const Result<ReadResult> result = read(**file, kBlockBytes, 2 * kBlockBytes);
    ASSERT_TRUE(result);
    EXPECT_TRUE(same_bytes(filled(*result), data.view()));
    memory->reset();
  }
}

TEST_P(DiskContract, SharedMemoryReplacesWhatWasInItsFile) {
  for (const std::uint64_t blocks : {3, 1, 2}) {
    auto memory = run(disk().create_shared(at("shared"), blocks * kBlockBytes));
    if (!memory && memory.error().code() == ErrorCode::kNotSupported)
      GTEST_SKIP() << memory.error().message();
    ASSERT_TRUE(memory) << memory.error().message();
    const MutableBytes bytes = (*memory)->bytes();
    EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; }));
    std::ranges::fill(bytes, std::byte{7});
  }
  const auto info = run(disk().info(at("shared")));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size_bytes, 2 * kBlockBytes);
}

TEST_P(DiskContract, ALaterWriteReplacesAnEarlierOne) {
  const auto file = create("file");
  ASSERT_TRUE(write(*file, 0, pattern(4 * kBlockBytes, 1)));
  const SharedSlice newer = pattern(kBlockBytes, 77);
  ASSERT_TRUE(write(*file, kBlockBytes, newer));
  const Result<ReadResult> result = read(*file, kBlockBytes, kBlockBytes);
  ASSERT_TRUE(result);
  EXPECT_TRUE(same_bytes(filled(*result), newer.view()));
}

TEST_P(DiskContract, BlocksNeverWrittenReadAsZeros) {
  const auto file = create("file");
  ASSERT_TRUE(write(*file, 4 * kBlockBytes, pattern(kBlockBytes, 1)));
  const Result<ReadResult> result = read(*file, 0, kBlockBytes);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->size_bytes, kBlockBytes);
  EXPECT_TRUE(
      std::ranges::all_of(filled(*result), [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST_P(DiskContract, AReadStopsAtTheEndOfTheFile) {
  const auto file = create("file");
  const SharedSlice data = pattern(2 * kBlockBytes, 5);
  ASSERT_TRUE(write(*file, 0, data));
  ASSERT_TRUE(run(file->truncate(kBlockBytes + 1000)));
  const Result<ReadResult> across = read(*file, 0, 8 * kBlockBytes);
  ASSERT_TRUE(across);
  EXPECT_EQ(across->size_bytes, kBlockBytes + 1000);
  EXPECT_TRUE(same_bytes(filled(*across), data.view().first(kBlockBytes + 1000)));
  const Result<ReadResult> tail = read(*file, kBlockBytes, kBlockBytes);
  ASSERT_TRUE(tail);
  EXPECT_EQ(tail->size_bytes, 1000U);
}

TEST_P(DiskContract, AReadPastTheEndGivesNothing) {
  const auto file = create("file");
  ASSERT_TRUE(write(*file, 0, pattern(kBlockBytes, 5)));
  for (const std::uint64_t position : {kBlockBytes, 100 * kBlockBytes}) {
    const Result<ReadResult> result = read(*file, position, kBlockBytes);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->size_bytes, 0U);
  }
}

TEST_P(DiskContract, AReadGivesItsBufferBack) {
  const auto file = create("file");
  AlignedBuffer buffer(2 * kBlockBytes);
  const std::byte* address = buffer.data();
  const Result<ReadResult> result = run(file->read(FilePosition{0}, std::move(buffer), kBlockBytes));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->buffer.data(), address);
  EXPECT_EQ(result->buffer.capacity(), 2 * kBlockBytes);
}

TEST_P(DiskContract, MisalignedCallsAreBugs) {
  const auto file = create("file");
  const SharedSlice data = pattern(2 * kBlockBytes, 1);
  EXPECT_DEATH((void)write(*file, 512, data), "not a whole block");
  EXPECT_DEATH((void)write(*file, 0, data.slice(0, 1000)), "not whole blocks");
  EXPECT_DEATH((void)write(*file, 0, data.slice(512, kBlockBytes)), "not block-aligned");
  EXPECT_DEATH((void)read(*file, 512, kBlockBytes), "not a whole block");
  EXPECT_DEATH((void)run(file->read(FilePosition{0}, AlignedBuffer(kBlockBytes), 2 * kBlockBytes)),
               "longer than its buffer");
}

TEST_P(DiskContract, BigTransfersAreWhole) {
  const auto file = create("file");
  const SharedSlice data = pattern(8 * kMiB, 9);
  ASSERT_TRUE(write(*file, 0, data, Durability::kDevice));
  const Result<ReadResult> result = read(*file, 0, 8 * kMiB);
  ASSERT_TRUE(result);
  EXPECT_TRUE(same_bytes(filled(*result), data.view()));
}

Task<void> write_and_count(File& file, FilePosition to, SharedSlice data, int& succeeded_count) {
  const Result<void> written = co_await file.write(to, std::move(data), Durability::kDevice);
  if (written) ++succeeded_count;
}

Task<void> wait_for(Scheduler& scheduler, const int& count, int goal) {
  while (count < goal) co_await scheduler.sleep_for(std::chrono::microseconds(100));
}

TEST_P(DiskContract, ManyWritesMayBeInFlight) {
  constexpr int kWriteCount = 400;  // more than a ring's submission queue holds
  const auto file = create("file");
  int succeeded_count = 0;
  for (int i = 0; i < kWriteCount; ++i) {
    scheduler().spawn(write_and_count(*file, FilePosition{i * kBlockBytes}, pattern(kBlockBytes, i),
                                      succeeded_count));
  }
  run(wait_for(scheduler(), succeeded_count, kWriteCount));
  for (int i = 0; i < kWriteCount; ++i) {
    const Result<ReadResult> result = read(*file, i * kBlockBytes, kBlockBytes);
    ASSERT_TRUE(result);
    ASSERT_TRUE(same_bytes(filled(*result), pattern(kBlockBytes, i).view())) << "block " << i;
  }
}

TEST_P(DiskContract, SyncOfEitherScopeSucceeds) {
  const auto file = create("file");
  ASSERT_TRUE(write(*file, 0, pattern(kBlockBytes, 1)));
  EXPECT_TRUE(run(file->sync(SyncScope::kData)));
  EXPECT_TRUE(run(file->sync(SyncScope::kAll)));
}

TEST_P(DiskContract, AllocatedSpaceHasItsSizeAndReadsAsZeros) {
  const auto file = create("file");
  ASSERT_TRUE(run(file->allocate(kMiB)));
  EXPECT_EQ(run(file->size()), kMiB);
  const Result<ReadResult> result = read(*file, kMiB - kBlockBytes, kBlockBytes);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->size_bytes, kBlockBytes);
  EXPECT_TRUE(
      std::ranges::all_of(filled(*result), [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST_P(DiskContract, AllocateKeepsWhatIsThere) {
  const auto file = create("file");
  const SharedSlice data = pattern(kBlockBytes, 3);
  ASSERT_TRUE(write(*file, 0, data));
  ASSERT_TRUE(run(file->allocate(kMiB)));
  const Result<ReadResult> result = read(*file, 0, kBlockBytes);
  ASSERT_TRUE(result);
  EXPECT_TRUE(same_bytes(filled(*result), data.view()));
}

TEST_P(DiskContract, TruncateSetsAnySize) {
  const auto file = create("file");
  ASSERT_TRUE(write(*file, 0, pattern(2 * kBlockBytes, 3)));
  for (const std::uint64_t size_bytes :
       {kBlockBytes + 1, kBlockBytes, std::uint64_t{7}, 5 * kBlockBytes + 3, std::uint64_t{0}}) {
    ASSERT_TRUE(run(file->truncate(size_bytes)));
    EXPECT_EQ(run(file->size()), size_bytes);
  }
}

TEST_P(DiskContract, BytesCutOffDoNotComeBack) {
  const auto file = create("file");
  ASSERT_TRUE(write(*file, 0, pattern(2 * kBlockBytes, 3)));
  ASSERT_TRUE(run(file->truncate(100)));
  ASSERT_TRUE(run(file->truncate(kBlockBytes)));
  const Result<ReadResult> result = read(*file, 0, kBlockBytes);
  ASSERT_TRUE(result);
  EXPECT_TRUE(same_bytes(filled(*result).first(100), pattern(kBlockBytes, 3).view().first(100)));
  EXPECT_TRUE(std::ranges::all_of(filled(*result).subspan(100),
                                  [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST_P(DiskContract, AFileKnowsThePathItWasOpenedBy) { EXPECT_EQ(create("file")->path(), at("file")); }

TEST_P(DiskContract, AnOpenFileSurvivesItsRenamingAndRemoval) {
  const auto file = create("old");
  const SharedSlice data = pattern(kBlockBytes, 3);
  ASSERT_TRUE(write(*file, 0, data));
  ASSERT_TRUE(run(disk().rename(at("old"), at("new"))));
  ASSERT_TRUE(run(disk().remove(at("new"))));
  const Result<ReadResult> result = read(*file, 0, kBlockBytes);
  ASSERT_TRUE(result);
  EXPECT_TRUE(same_bytes(filled(*result), data.view()));
}

TEST_P(DiskContract, RenameReplacesTheFileThatWasThere) {
  ASSERT_TRUE(write(*create("a"), 0, pattern(kBlockBytes, 1)));
  ASSERT_TRUE(write(*create("b"), 0, pattern(2 * kBlockBytes, 2)));
  ASSERT_TRUE(run(disk().rename(at("a"), at("b"))));
  EXPECT_EQ(run(open("b", kRead)->size()), kBlockBytes);
  EXPECT_EQ(run(disk().list(under_test_->root())), std::vector<std::string>{"b"});
}

TEST_P(DiskContract, ListIsSortedAndWholeAndWithoutDots) {
  const std::string root = under_test_->root();
  EXPECT_EQ(run(disk().list(root)), std::vector<std::string>());
  for (const char* name : {"c", "a", "b10", "b9"}) create(name);
  ASSERT_TRUE(run(disk().make_directory(at("d"))));
  const std::vector<std::string> expected{"a", "b10", "b9", "c", "d"};
  EXPECT_EQ(run(disk().list(root)), expected);
}

TEST_P(DiskContract, InfoTellsFilesFromDirectories) {
  ASSERT_TRUE(run(create("file")->truncate(1234)));
  ASSERT_TRUE(run(disk().make_directory(at("directory"))));
  const Result<FileInfo> file = run(disk().info(at("file")));
  const Result<FileInfo> directory = run(disk().info(at("directory")));
  ASSERT_TRUE(file && directory);
  EXPECT_FALSE(file->is_directory);
  EXPECT_EQ(file->size_bytes, 1234U);
  EXPECT_TRUE(directory->is_directory);
}

TEST_P(DiskContract, DirectoriesAreMadeSyncedAndRemoved) {
  ASSERT_TRUE(run(disk().make_directory(at("d"))));
  create("d/file");
  EXPECT_TRUE(run(disk().sync_directory(at("d"))));
  EXPECT_FALSE(run(disk().remove_directory(at("d")))) << "it is not empty";
  ASSERT_TRUE(run(disk().remove(at("d/file"))));
  EXPECT_TRUE(run(disk().remove_directory(at("d"))));
  EXPECT_FALSE(run(disk().info(at("d"))));
}

TEST_P(DiskContract, SpaceIsReported) {
  const Result<SpaceInfo> space = run(disk().space(under_test_->root()));
  ASSERT_TRUE(space);
  EXPECT_GT(space->total_bytes, 0U);
  EXPECT_LE(space->available_bytes, space->total_bytes);
}

TEST_P(DiskContract, WhatIsMissingIsNotFoundAndNamed) {
  const auto expect_not_found = [this](const auto& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::kNotFound);
    EXPECT_NE(result.error().message().find(at("missing")), std::string::npos)
        << result.error().message();
  };
  expect_not_found(run(disk().open(at("missing"), kRead)));
  expect_not_found(run(disk().open(at("missing/file"), kNew)));
  expect_not_found(run(disk().rename(at("missing"), at("other"))));
  expect_not_found(run(disk().remove(at("missing"))));
  expect_not_found(run(disk().remove_directory(at("missing"))));
  expect_not_found(run(disk().make_directory(at("missing/directory"))));
  expect_not_found(run(disk().sync_directory(at("missing"))));
  expect_not_found(run(disk().list(at("missing"))));
  expect_not_found(run(disk().info(at("missing"))));
}

TEST_P(DiskContract, WhatIsThereExists) {
  create("file");
  ASSERT_TRUE(run(disk().make_directory(at("directory"))));
  const auto file = run(disk().open(at("file"), kNew));
  const auto directory = run(disk().make_directory(at("directory")));
  ASSERT_FALSE(file);
  ASSERT_FALSE(directory);
  EXPECT_EQ(file.error().code(), ErrorCode::kExists);
  EXPECT_EQ(directory.error().code(), ErrorCode::kExists);
}

TEST_P(DiskContract, CreateWithoutExclusiveOpensWhatIsThere) {
  ASSERT_TRUE(run(create("file")->truncate(kBlockBytes)));
  const auto again = open("file", {.write = true, .create = true});
  EXPECT_EQ(run(again->size()), kBlockBytes);
}

TEST_P(DiskContract, AFileOpenedForReadingTakesNoWrites) {
  create("file");
  const auto file = open("file", kRead);
  const Result<void> written = write(*file, 0, pattern(kBlockBytes, 1));
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message().find(at("file")), std::string::npos);
}

// The real makes. A mode that the test directory's file system does not honour is skipped.
bool has_mode(IoMode mode) {
  const TempDirectory directory;
  const Result<ProbeReport> report = probe(directory.path());
  if (!report || mode == IoMode::kBuffered) return report.has_value();
  return mode == IoMode::kDirect ? report->direct.works() : report->uncached.works();
}

template <RealMake kMake, IoMode kMode>
std::unique_ptr<DiskUnderTest> make_real() {
  if (!has_mode(kMode)) return nullptr;
  return RealDiskUnderTest::make(kMake, kMode);
}

INSTANTIATE_TEST_SUITE_P(
    Real, DiskContract,
    testing::Values(DiskMake{"UringDirect", make_real<RealMake::kUring, IoMode::kDirect>},
                    DiskMake{"UringUncached", make_real<RealMake::kUring, IoMode::kUncached>},
                    DiskMake{"UringBuffered", make_real<RealMake::kUring, IoMode::kBuffered>},
                    DiskMake{"InlineDirect", make_real<RealMake::kInline, IoMode::kDirect>},
                    DiskMake{"InlineUncached", make_real<RealMake::kInline, IoMode::kUncached>},
                    DiskMake{"PoolDirect", make_real<RealMake::kPool, IoMode::kDirect>},
                    DiskMake{"PoolBuffered", make_real<RealMake::kPool, IoMode::kBuffered>}),
    name_of_make);

}  // namespace
}  // namespace penstock
