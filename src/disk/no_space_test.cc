// What the real disks say when the device is full.

#include "disk/testing/disk_contract.h"
#include "disk/testing/image_mount.h"
#include "disk/testing/real_disks.h"

namespace penstock {
namespace {

class NoSpace : public testing::TestWithParam<RealMake> {
 protected:
  static constexpr OpenOptions kNew{.write = true, .create = true, .exclusive = true};

  void SetUp() override {
    if (!mount_.is_mounted()) GTEST_SKIP() << "cannot mount a loop device (needs root, mkfs.ext4)";
    under_test_ = RealDiskUnderTest::make(GetParam(), IoMode::kDirect, mount_.path());
    if (!under_test_) GTEST_SKIP() << "this machine cannot have such a disk";
  }

  template <typename T>
  T run(Task<T> task) {
    return under_test_->scheduler().run(std::move(task));
  }
  std::unique_ptr<File> create(const std::string& name) {
    return std::move(*run(under_test_->disk().open(mount_.path() + "/" + name, kNew)));
  }
  // Writes until the disk refuses.
  Error fill(File& file) {
    const SharedSlice data = pattern(kMiB, 1);
    for (FilePosition to{0}; to.value < kGiB; to = to + kMiB) {
      const Result<void> written = run(file.write(to, data, Durability::kDevice));
      if (!written) return written.error();
    }
    return {ErrorCode::kIo, "a small device never became full"};
  }

  ImageMount mount_{"mkfs.ext4 -q", 24};
  std::unique_ptr<RealDiskUnderTest> under_test_;
};

TEST_P(NoSpace, AWriteToAFullDiskSaysSoAndWhere) {
  const auto file = create("file");
  const Error error = fill(*file);
  EXPECT_EQ(error.code(), ErrorCode::kNoSpace) << error.message();
  EXPECT_NE(error.message().find(file->path()), std::string::npos) << error.message();
}

TEST_P(NoSpace, AllocateRefusesMoreThanThereIs) {
  const auto file = create("file");
  const Result<void> allocated = run(file->allocate(100 * kMiB));
  ASSERT_FALSE(allocated);
  EXPECT_EQ(allocated.error().code(), ErrorCode::kNoSpace);
}

TEST_P(NoSpace, AllocatedSpaceCanBeWrittenOnAFullDisk) {
  const auto reserved = create("reserved");
  ASSERT_TRUE(run(reserved->allocate(2 * kMiB)));
  const auto file = create("file");
  ASSERT_EQ(fill(*file).code(), ErrorCode::kNoSpace);
  EXPECT_TRUE(run(reserved->write(FilePosition{0}, pattern(2 * kMiB, 1), Durability::kDevice)));
}

TEST_P(NoSpace, RemovingAFileMakesRoom) {
  auto file = create("file");
  ASSERT_EQ(fill(*file).code(), ErrorCode::kNoSpace);
  ASSERT_TRUE(run(under_test_->disk().remove(file->path())));
  file.reset();
  under_test_->stack().pool().finish_submitted();  // where files are closed
  EXPECT_TRUE(run(create("another")->write(FilePosition{0}, pattern(kMiB, 1), Durability::kDevice)));
}

std::string make_name(const testing::TestParamInfo<RealMake>& info) {
  switch (info.param) {
    case RealMake::kUring: return "Uring";
    case RealMake::kInline: return "Inline";
    case RealMake::kPool: return "Pool";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Real, NoSpace,
                         testing::Values(RealMake::kUring, RealMake::kInline, RealMake::kPool),
                         make_name);

}  // namespace
}  // namespace penstock
