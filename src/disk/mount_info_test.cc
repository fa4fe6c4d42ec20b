#include "disk/mount_info.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(MountInfo, ALineIsParsed) {
  const auto mount = parse_mount_line(
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->id, 36U);
  EXPECT_EQ(mount->root, "/mnt1");
  EXPECT_EQ(mount->mount_point, "/mnt2");
  EXPECT_EQ(mount->options, "rw,noatime,rw,errors=continue");
  EXPECT_EQ(mount->file_system, "ext3");
  EXPECT_EQ(mount->source, "/dev/root");
}

TEST(MountInfo, ALineNeedsNoTags) {
  const auto mount = parse_mount_line("1 0 8:1 / / rw - ext4 /dev/sda1 rw");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->file_system, "ext4");
}

TEST(MountInfo, SpacesAndBackslashesComeAsOctal) {
  const auto mount = parse_mount_line(R"(1 0 8:1 / /a\040b\134c\011d rw - ext4 /dev/x\040y rw)");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->mount_point, "/a b\\c\td");
  EXPECT_EQ(mount->source, "/dev/x y");
}

TEST(MountInfo, WhatOnlyLooksLikeOctalStaysAsItIs) {
  const auto mount = parse_mount_line(R"(1 0 8:1 / /a\04x\9\777\ rw - ext4 s\04 rw)");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->mount_point, R"(/a\04x\9\777\)");
  EXPECT_EQ(mount->source, R"(s\04)");
}

TEST(MountInfo, AnEmptySourceIsEmpty) {
  const auto mount = parse_mount_line("1 0 0:30 / /x rw - tmpfs  rw,size=1k");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->source, "");
  EXPECT_EQ(mount->options, "rw,rw,size=1k");
}

TEST(MountInfo, MalformedLinesAreNoMounts) {
  for (const char* line :
       {"", " ", "-", "x", "1", "1 0 8:1 / /a rw", "1 0 8:1 / /a rw -", "1 0 8:1 / /a rw - ",
        "1x 0 8:1 / / rw - ext4 a rw", "-1 0 8:1 / / rw - ext4 a rw",
        "99999999999999999999999 0 8:1 / / rw - ext4 a rw", "1 0 8:1 /  rw - ext4 a rw"}) {
    EXPECT_FALSE(parse_mount_line(line)) << "'" << line << "'";
  }
}

TEST(MountInfo, BadLinesDoNotHideGoodOnes) {
  const auto mounts = parse_mounts("garbage\n1 0 8:1 / / rw - ext4 a rw\n\n2 0 8:2 / /b rw - xfs b rw");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].file_system, "ext4");
  EXPECT_EQ(mounts[1].mount_point, "/b");
}

TEST(MountInfo, TheMountOfADirectoryIsFound) {
  const auto mounts = read_mounts();
  const auto proc = find_mount("/proc", mounts);
  if (!proc) GTEST_SKIP() << "statx tells no mount here";
  EXPECT_EQ(proc->file_system, "proc");
  EXPECT_EQ(proc->mount_point, "/proc");
  EXPECT_FALSE(find_mount("/not/there", mounts));
  EXPECT_FALSE(find_mount("/proc", {}));
}

TEST(MountInfo, OptionsAreWholeWords) {
  EXPECT_TRUE(has_mount_option("rw,noatime,data=journal", "noatime"));
  EXPECT_TRUE(has_mount_option("rw,noatime,data=journal", "data=journal"));
  EXPECT_TRUE(has_mount_option("ro", "ro"));
  EXPECT_FALSE(has_mount_option("rw,noatime", "atime"));
  EXPECT_FALSE(has_mount_option("rw,errors=remount-ro", "ro"));
  EXPECT_FALSE(has_mount_option("nodiscard,discard=async", "discard"));
  EXPECT_FALSE(has_mount_option("", "ro"));
}

TEST(MountInfo, ValuesAreThoseOfWholeNames) {
  const std::string_view options = "rw,lowerdir=/l,upperdir=/u=1,workdir=";
  EXPECT_EQ(mount_option_value(options, "upperdir"), "/u=1");
  EXPECT_EQ(mount_option_value(options, "workdir"), "");
  EXPECT_EQ(mount_option_value(options, "dir"), "");
  EXPECT_EQ(mount_option_value(options, "rw"), "");
  EXPECT_EQ(mount_option_value("", "upperdir"), "");
}

}  // namespace
}  // namespace penstock
