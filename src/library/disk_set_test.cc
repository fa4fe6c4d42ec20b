#include "library/disk_set.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "disk/testing/image_mount.h"

namespace penstock {

namespace {

class DiskSetTest : public testing::Test {
 protected:
  Result<ChosenDisk> for_reading(const std::string& path, RequestedIoMode requested) {
    return scheduler_.run(disks_.for_reading(path, requested));
  }
  static void write(const std::string& path) { std::ofstream(path) << "some bytes"; }

  // Files are closed by the pool, and a file system cannot be unmounted before.
  void TearDown() override {
    stack_->pool().finish_submitted();
    mount_.reset();
  }

  TempDirectory directory_;
  std::optional<ImageMount> mount_;
  SystemClock clock_;
  std::unique_ptr<DiskStack> stack_ = DiskStack::create({.uring = UringUse::kOff}).value();
  ShardReactor reactor_ = stack_->make_reactor().value();
  Scheduler scheduler_{clock_, reactor_.reactor()};
  DiskSet disks_{*stack_, reactor_, scheduler_};
};

TEST_F(DiskSetTest, AFileSystemIsProbedOnce) {
  std::filesystem::create_directory(directory_ / "inner");
  write(directory_ / "there");
  const ChosenDisk first = disks_.for_writing(directory_ / "a", RequestedIoMode::kAuto).value();
  const ChosenDisk second = disks_.for_writing(directory_ / "inner/b", RequestedIoMode::kAuto).value();
  const ChosenDisk third = for_reading(directory_ / "there", RequestedIoMode::kAuto).value();
  EXPECT_EQ(first.disk, second.disk);
  EXPECT_EQ(first.disk, third.disk);
  EXPECT_EQ(disks_.probe_count(), 1U);
}

TEST_F(DiskSetTest, AnImpossibleModeIsRefusedWithPathFileSystemAndRemedy) {
  if (!std::filesystem::exists("/dev/shm")) GTEST_SKIP() << "no tmpfs at /dev/shm";
  EXPECT_EQ(disks_.for_writing("/dev/shm/x", RequestedIoMode::kAuto)->disk->mode(), IoMode::kBuffered);
  for (const std::string& name :
       {std::string("/dev/shm/penstock-a"), std::string("/dev/shm/penstock-b")}) {
    const Result<ChosenDisk> direct = disks_.for_writing(name, RequestedIoMode::kDirect);
    ASSERT_FALSE(direct);
    EXPECT_EQ(direct.error().code(), ErrorCode::kNotSupported);
    for (const std::string& part :
         {name, std::string("tmpfs"), std::string("'direct'"), std::string("'buffered'")}) {
      EXPECT_NE(direct.error().message().find(part), std::string::npos) << direct.error().message();
    }
  }
}

TEST_F(DiskSetTest, ALinkLeadsToTheFileSystemOfItsTarget) {
  if (!std::filesystem::exists("/dev/shm")) GTEST_SKIP() << "no tmpfs at /dev/shm";
  const std::string target = "/dev/shm/penstock-disk-set-test";
  write(target);
  std::filesystem::create_symlink(target, directory_ / "link");
  EXPECT_EQ(for_reading(directory_ / "link", RequestedIoMode::kAuto)->disk->mode(), IoMode::kBuffered);
  std::filesystem::remove(target);
}

TEST_F(DiskSetTest, WhereNothingCanBeWrittenReadingIsTriedOut) {
  const ImageMount& mount = mount_.emplace("mkfs.ext4 -q", 32);
  if (!mount.is_mounted()) GTEST_SKIP() << "cannot mount an ext4 image";
  const std::string file = mount.path() + "/file";
  write(file);
  ASSERT_EQ(std::system(("mount -o remount,ro " + mount.path()).c_str()), 0);
  const Result<ChosenDisk> chosen = for_reading(file, RequestedIoMode::kAuto);
  ASSERT_TRUE(chosen) << chosen.error().message();
  EXPECT_EQ(chosen->disk->mode(), IoMode::kDirect);
  EXPECT_NE(chosen->reason.find("could be read"), std::string::npos);
  EXPECT_EQ(for_reading(file, RequestedIoMode::kBuffered)->disk->mode(), IoMode::kBuffered);
  EXPECT_EQ(disks_.for_writing(file, RequestedIoMode::kAuto).error().code(), ErrorCode::kPermission);
}

TEST_F(DiskSetTest, AFullFileSystemCanBeReadAndIsProbedAgainWhenThereIsSpace) {
  const ImageMount& mount = mount_.emplace("mkfs.ext4 -q -m 0", 16);
  if (!mount.is_mounted()) GTEST_SKIP() << "cannot mount an ext4 image";
  const std::string file = mount.path() + "/file";
  write(file);
  ASSERT_EQ(
      std::system(("cat /dev/zero > " + mount.path() + "/filler 2>/dev/null; sync " + file).c_str()),
      0);
  const Result<ChosenDisk> refused = disks_.for_writing(file, RequestedIoMode::kAuto);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("No space left"), std::string::npos)
      << refused.error().message();
  const Result<ChosenDisk> chosen = for_reading(file, RequestedIoMode::kAuto);
  ASSERT_TRUE(chosen) << chosen.error().message();
  EXPECT_EQ(chosen->disk->mode(), IoMode::kDirect);

  std::filesystem::remove(mount.path() + "/filler");
  EXPECT_TRUE(disks_.for_writing(file, RequestedIoMode::kAuto));
}

TEST_F(DiskSetTest, AModeThatCannotBeReadIsRefused) {
  const ImageMount& mount = mount_.emplace("mkfs.ext4 -q", 32);
  if (!mount.is_mounted()) GTEST_SKIP() << "cannot mount an ext4 image";
  const std::string file = mount.path() + "/file";
  EXPECT_EQ(for_reading(file, RequestedIoMode::kAuto).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(for_reading(mount.path(), RequestedIoMode::kAuto).error().code(),
            ErrorCode::kInvalidArgument);
}

}  // namespace

}  // namespace penstock
