#include "disk/device_info.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

// A sysfs tree of the test's own making.
class DeviceInfo : public testing::Test {
 protected:
  DeviceInfo() { fs::create_directories(root_ / "dev/block"); }

  // The directory of a device, and its number.
  std::string add(const std::string& path, unsigned minor_number) {
    const std::string device = root_ / "devices/" + path;
    fs::create_directories(device);
    fs::create_directory_symlink(device, root_ / "dev/block/8:" + std::to_string(minor_number));
    return device;
  }
  static void put(const std::string& file, const std::string& text) {
    fs::create_directories(fs::path(file).parent_path());
    std::ofstream(file) << text << "\n";
  }
  DeviceReport describe(unsigned minor_number) {
    return DeviceTree(root_.path()).describe(makedev(8, minor_number), unknown_);
  }

  TempDirectory root_;
  std::vector<std::string> unknown_;
};

TEST_F(DeviceInfo, ADiskIsDescribed) {
  const std::string disk = add("sda", 0);
  put(disk + "/device/model", "Fast SSD  ");
  put(disk + "/queue/logical_block_size", "512");
  put(disk + "/queue/physical_block_size", "4096");
  put(disk + "/queue/write_cache", "write back");
  put(disk + "/queue/fua", "1");
  put(disk + "/queue/rotational", "0");
  put(disk + "/queue/scheduler", "none [mq-deadline] kyber");
  const DeviceReport report = describe(0);
  EXPECT_EQ(report.name, "sda");
  EXPECT_EQ(report.logical_block_bytes, 512U);
  EXPECT_EQ(report.physical_block_bytes, 4096U);
  EXPECT_EQ(report.write_cache, "write back");
  EXPECT_EQ(report.fua, true);
  EXPECT_EQ(report.rotational, false);
  EXPECT_EQ(report.io_scheduler, "mq-deadline");
  EXPECT_EQ(report.io_scheduler_device, "sda");
  ASSERT_EQ(report.layers.size(), 1U);
  EXPECT_EQ(report.layers[0].kind, "disk");
  EXPECT_EQ(report.layers[0].detail, "Fast SSD");
  EXPECT_TRUE(unknown_.empty());
}

TEST_F(DeviceInfo, APartitionHasTheQueueOfItsDisk) {
  const std::string disk = add("sda", 0);
  put(disk + "/queue/write_cache", "write through");
  put(disk + "/queue/scheduler", "none");
  put(add("sda/sda1", 1) + "/partition", "1");
  const DeviceReport report = describe(1);
  EXPECT_EQ(report.name, "sda1");
  EXPECT_EQ(report.write_cache, "write through");
  EXPECT_EQ(report.io_scheduler, "none");
  EXPECT_EQ(report.io_scheduler_device, "sda");
  ASSERT_EQ(report.layers.size(), 2U);
  EXPECT_EQ(report.layers[0].kind, "partition");
  EXPECT_EQ(report.layers[1].name, "sda");
}

TEST_F(DeviceInfo, AVolumeOnARaidIsFollowedToEachDisk) {
  const std::string volume = add("dm-0", 0);
  const std::string raid = add("md0", 1);
  put(volume + "/dm/name", "vg-data");
  put(volume + "/dm/uuid", "LVM-abc");
  put(volume + "/queue/scheduler", "none");
  put(raid + "/md/level", "raid1");
  fs::create_directories(volume + "/slaves");
  fs::create_directories(raid + "/slaves");
  fs::create_directory_symlink(raid, volume + "/slaves/md0");
  for (const char* name : {"sda", "sdb"}) {
    const std::string disk = add(name, name[2]);
    put(disk + "/queue/scheduler", "[bfq]");
    fs::create_directory_symlink(disk, raid + "/slaves/" + name);
  }
  const DeviceReport report = describe(0);
  ASSERT_EQ(report.layers.size(), 4U);
  EXPECT_EQ(report.layers[0].detail, "LVM volume vg-data");
  EXPECT_EQ(report.layers[1].detail, "raid1");
  EXPECT_EQ(report.layers[2].name, "sda");
  EXPECT_EQ(report.layers[3].name, "sdb");
  EXPECT_EQ(report.io_scheduler, "bfq") << "of the disk, not of the volume";
  EXPECT_EQ(report.io_scheduler_device, "sda");
}

TEST_F(DeviceInfo, ALoopDeviceSaysWhatBacksIt) {
  const std::string loop = add("loop0", 0);
  put(loop + "/loop/backing_file", "/not/there.img");
  put(loop + "/loop/dio", "0");
  const DeviceReport report = describe(0);
  ASSERT_EQ(report.layers.size(), 1U);
  EXPECT_EQ(report.layers[0].detail, "in /not/there.img");
  EXPECT_EQ(report.loop_direct_io, false);
  ASSERT_EQ(unknown_.size(), 1U);
  EXPECT_NE(unknown_[0].find("/not/there.img"), std::string::npos);
}

TEST_F(DeviceInfo, ACircleOfDevicesEnds) {
  const std::string first = add("dm-0", 0);
  const std::string second = add("dm-1", 1);
  put(first + "/dm/name", "a");
  put(second + "/dm/name", "b");
  fs::create_directories(first + "/slaves");
  fs::create_directories(second + "/slaves");
  for (const char* name : {"x", "y"}) {
    fs::create_directory_symlink(second, first + "/slaves/" + name);
    fs::create_directory_symlink(first, second + "/slaves/" + name);
  }
  EXPECT_LE(describe(0).layers.size(), 32U);
  EXPECT_FALSE(unknown_.empty());
}

TEST_F(DeviceInfo, WhatCannotBeReadIsNotKnown) {
  const std::string disk = add("sda", 0);
  put(disk + "/queue/logical_block_size", "many");
  put(disk + "/queue/physical_block_size", "99999999999999999999");
  put(disk + "/queue/fua", "");
  put(disk + "/queue/rotational", "yes");
  put(disk + "/queue/scheduler", "]none[");
  const DeviceReport report = describe(0);
  EXPECT_EQ(report.logical_block_bytes, 0U);
  EXPECT_EQ(report.physical_block_bytes, 0U);
  EXPECT_EQ(report.write_cache, "");
  EXPECT_FALSE(report.fua.has_value());
  EXPECT_FALSE(report.rotational.has_value());
  EXPECT_EQ(report.io_scheduler, "]none[") << "as it stands there";
}

TEST_F(DeviceInfo, ANumberWithoutADeviceIsNone) {
  EXPECT_FALSE(DeviceTree(root_.path()).has(makedev(8, 7)));
  EXPECT_EQ(describe(7).name, "");
  EXPECT_TRUE(unknown_.empty());
}

TEST(FindDevice, AMountWhoseDeviceIsOutOfSightIsNamed) {
  MountInfo mount;
  mount.source = "/dev/not-there";
  std::vector<std::string> unknown;
  EXPECT_EQ(find_device("/proc", mount, unknown).name, "");
  ASSERT_EQ(unknown.size(), 1U);
  EXPECT_NE(unknown[0].find("/dev/not-there"), std::string::npos);
}

}  // namespace
}  // namespace penstock
