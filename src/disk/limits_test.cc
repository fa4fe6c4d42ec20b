#include "disk/limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.h"
#include "disk/system_text.h"

namespace penstock {
namespace {

// Control groups of the test's own making.
class ControlGroups : public testing::Test {
 protected:
  void put(const std::string& file, const std::string& text) {
    const std::filesystem::path path = root_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  MountInfo mount(const std::string& version, const std::string& options = "rw",
                  const std::string& root = "/") {
    MountInfo info;
    info.file_system = version;
    info.mount_point = root_.path();
    info.options = options;
    info.root = root;
    return info;
  }

  TempDirectory root_;
};

TEST_F(ControlGroups, TheLowestLimitOnTheWayUpCounts) {
  put("a/memory.max", "500");
  put("a/b/memory.max", "max");
  put("a/b/c/memory.max", "900");
  EXPECT_EQ(control_group_limit("0::/a/b/c\n", {mount("cgroup2")}), 500U);
  EXPECT_EQ(control_group_limit("0::/a/b\n", {mount("cgroup2")}), 500U);
}

TEST_F(ControlGroups, NoLimitIsNoLimit) {
  put("a/memory.max", "max");
  EXPECT_EQ(control_group_limit("0::/a\n", {mount("cgroup2")}), kUnlimited);
  EXPECT_EQ(control_group_limit("0::/\n", {mount("cgroup2")}), kUnlimited);
  EXPECT_EQ(control_group_limit("0::/a\n", {}), kUnlimited);
}

TEST_F(ControlGroups, TheFirstVersionHasAHierarchyOfItsOwn) {
  put("x/memory.limit_in_bytes", "12345");
  const std::string groups = "5:cpu,cpuacct:/x\n4:memory:/x\n0::/\n";
  EXPECT_EQ(control_group_limit(groups, {mount("cgroup", "rw,memory")}), 12345U);
  EXPECT_EQ(control_group_limit(groups, {mount("cgroup", "rw,cpu")}), kUnlimited);
  put("x/memory.limit_in_bytes", "9223372036854771712");  // how it says "none"
  EXPECT_EQ(control_group_limit(groups, {mount("cgroup", "rw,memory")}), kUnlimited);
}

TEST_F(ControlGroups, AContainerSeesItsGroupAsTheRoot) {
  put("memory.max", "700");
  put("inner/memory.max", "600");
  const MountInfo seen = mount("cgroup2", "rw", "/docker/abc");
  EXPECT_EQ(control_group_limit("0::/docker/abc\n", {seen}), 700U);
  EXPECT_EQ(control_group_limit("0::/docker/abc/inner\n", {seen}), 600U);
}

TEST_F(ControlGroups, MalformedLinesAreLeftOut) {
  put("a/memory.max", "5");
  for (const char* text : {"", "\n", ":", "::", "0:/a", "0::a", "0", "::::::", "0:memory"}) {
    EXPECT_EQ(control_group_limit(text, {mount("cgroup2"), mount("cgroup", "memory")}), kUnlimited)
        << text;
  }
  EXPECT_EQ(control_group_limit("garbage\n0::/a", {mount("cgroup2")}), 5U);
}

TEST(Limits, AreThoseOfThisProcess) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  const LimitsReport limits = read_limits(read_mounts());
  EXPECT_EQ(limits.open_files, files.rlim_cur == RLIM_INFINITY ? kUnlimited : files.rlim_cur);
  EXPECT_LE(limits.open_files, limits.open_files_hard);
  EXPECT_GT(limits.memory_bytes, 0U);
}

TEST(SystemText, NumbersAreWholeLines) {
  EXPECT_EQ(parse_number("42"), 42U);
  for (const char* text : {"", "x", "4x", "-1", " 4", "18446744073709551616"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

TEST(SystemText, FilesAreReadToTheirEndOrTheirBound) {
  const TempDirectory directory;
  const std::string path = directory / "file";
  std::ofstream(path) << std::string(10'000, 'x');
  EXPECT_EQ(read_system_file(path, 1 << 20).size(), 10'000U);
  EXPECT_EQ(read_system_file(path, 5'000).size(), 5'000U);
  EXPECT_EQ(read_system_file(directory / "missing"), "");
  std::ofstream(path) << "  two words \t\nmore";
  EXPECT_EQ(first_line_of(path), "two words");
}

}  // namespace
}  // namespace penstock
