#include "rocksdb/places.h"

#include <gtest/gtest.h>

#include "disk/testing/image_mount.h"

namespace penstock::rocksdb {
namespace {

TEST(Places, AFullDiskGoesThroughThePageCacheUntilThereIsRoom) {
  const ImageMount mount("mkfs.ext4 -q", 24);
  if (!mount.is_mounted()) GTEST_SKIP() << "needs root, mkfs.ext4 and loop devices";
  mount.fill();
  Reports reports;
  Places places(RequestedIoMode::kAuto, reports);
  const std::string path = mount.path() + "/000007.sst";
  const Result<Disk*> full = places.disk_for(path);
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_EQ((*full)->mode(), IoMode::kBuffered);
  mount.make_room();
  const Result<Disk*> roomy = places.disk_for(path);
  ASSERT_TRUE(roomy) << roomy.error().message();
  EXPECT_EQ((*roomy)->mode(), IoMode::kDirect);
}

TEST(Places, AModeThatWasAskedForIsRefusedOnAFullDiskByWhatToDo) {
  const ImageMount mount("mkfs.ext4 -q", 24);
  if (!mount.is_mounted()) GTEST_SKIP() << "needs root, mkfs.ext4 and loop devices";
  mount.fill();
  Reports reports;
  Places places(RequestedIoMode::kDirect, reports);
  const Result<Disk*> full = places.disk_for(mount.path() + "/000007.sst");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace);
  EXPECT_TRUE(full.error().message().contains("make room")) << full.error().message();
}

}  // namespace
}  // namespace penstock::rocksdb
