#include "rocksdb/places.h"

#include <gtest/gtest.h>

#include "disk/testing/image_mount.h"

namespace penstock::rocksdb {
namespace {

class PlacesOnAFullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (!mount_.is_mounted()) GTEST_SKIP() << "needs root, mkfs.ext4 and loop devices";
    mount_.fill();
  }

  ImageMount mount_{"mkfs.ext4 -q", 24};
  const std::string path_ = mount_.path() + "/000007.sst";
  Reports reports_;
};

TEST_F(PlacesOnAFullDisk, FilesGoThroughThePageCacheUntilThereIsRoom) {
  Places places(RequestedIoMode::kAuto, reports_);
  const Result<Disk*> full = places.disk_for(path_);
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_EQ((*full)->mode(), IoMode::kBuffered);
  mount_.make_room();
  const Result<Disk*> roomy = places.disk_for(path_);
  ASSERT_TRUE(roomy) << roomy.error().message();
  EXPECT_EQ((*roomy)->mode(), IoMode::kDirect);
}

TEST_F(PlacesOnAFullDisk, AModeThatWasAskedForIsRefusedByWhatToDo) {
  Places places(RequestedIoMode::kDirect, reports_);
  const Result<Disk*> full = places.disk_for(path_);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace);
  EXPECT_TRUE(full.error().message().contains("make room")) << full.error().message();
}

}  // namespace
}  // namespace penstock::rocksdb
