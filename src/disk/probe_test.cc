#include "penstock/probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.h"
#include "base/units.h"
#include "disk/testing/image_mount.h"

namespace penstock {
namespace {

TEST(Probe, TellsWhereADirectoryIs) {
  const TempDirectory directory;
  const Result<ProbeReport> report = probe(directory.path());
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->directory, directory.path());
  EXPECT_FALSE(report->file_system.type.empty());
  EXPECT_TRUE(directory.path().starts_with(report->file_system.mount_point));
  EXPECT_TRUE(report->kernel.is_at_least(4, 0)) << report->kernel.release;
  EXPECT_GT(report->file_system.total_bytes, 0U);
  EXPECT_GT(report->limits.memory_bytes, 0U);
  EXPECT_TRUE(report->writable.works());
  EXPECT_TRUE(report->durable_write.works()) << report->durable_write.why;
}

TEST(Probe, LeavesNothingBehind) {
  const TempDirectory directory;
  ASSERT_TRUE(probe(directory.path()));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Probe, TakesTheNameOfAFileThatIsOrIsNotThere) {
  const TempDirectory directory;
  std::ofstream(directory / "file").put('x');
  for (const char* name : {"file", "not-yet", "not-yet/"}) {
    const Result<ProbeReport> report = probe(directory / name);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->directory, directory.path());
  }
}

TEST(Probe, AMissingDirectoryIsNotFoundAndNamed) {
  const TempDirectory directory;
  const Result<ProbeReport> report = probe(directory / "missing/too");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(report.error().message().find(directory / "missing"), std::string::npos);
}

TEST(Probe, FindingsThatDoNotWorkHaveAReason) {
  const TempDirectory directory;
  const Result<ProbeReport> report = probe(directory.path());
  ASSERT_TRUE(report);
  for (const Finding& finding :
       {report->writable, report->direct, report->uncached, report->durable_write, report->nowait,
        report->allocate, report->write_zeroes, report->atomic_writes.finding,
        report->io_uring.finding}) {
    EXPECT_NE(finding.tried, Tried::kNotTried) << finding.why;
    EXPECT_EQ(finding.works(), finding.why.empty()) << finding.why;
  }
}

TEST(Probe, UnitsArePowersOfTwoAndWritesAreWholePhysicalBlocks) {
  const TempDirectory directory;
  const Result<ProbeReport> report = probe(directory.path());
  ASSERT_TRUE(report);
  const DirectAlignment& units = report->alignment;
  for (const std::uint32_t unit :
       {units.memory_bytes, units.offset_bytes, units.read_bytes, units.write_bytes}) {
    EXPECT_TRUE(std::has_single_bit(unit)) << unit;
  }
  EXPECT_GE(units.write_bytes, report->device.physical_block_bytes);
  EXPECT_LE(units.read_bytes, units.offset_bytes);
}

TEST(Probe, AnEmptyPathADeviceAndAPathThroughAFileAreNoDirectories) {
  const TempDirectory directory;
  std::ofstream(directory / "file").put('x');
  for (const std::string& path : {std::string(), std::string("/dev/null"), directory / "file/in"}) {
    const Result<ProbeReport> report = probe(path);
    ASSERT_FALSE(report) << path;
    EXPECT_EQ(report.error().code(), ErrorCode::kInvalidArgument) << report.error().message();
    EXPECT_NE(report.error().message().find("director"), std::string::npos) << report.error().message();
  }
}

// Ends the process with `report`'s outcome, as a user who is nobody; for tests that run as root.
void probe_as_nobody(const std::string& path, bool look_only) {
  constexpr unsigned kNobody = 65534;
  if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) std::exit(2);
  const Result<ProbeReport> report = probe(path, {.look_only_if_denied = look_only});
  if (!report) std::fprintf(stderr, "refused: %s\n", report.error().message().c_str());
  if (report) {
    std::fprintf(stderr, "file system %s, writable %s: %s; direct %s; mode: %s\n",
                 report->file_system.type.c_str(),
                 std::string(to_string(report->writable.tried)).c_str(), report->writable.why.c_str(),
                 std::string(to_string(report->direct.tried)).c_str(),
                 choose_io_mode(*report, RequestedIoMode::kAuto).error().message().c_str());
  }
  std::exit(report ? 0 : 1);
}

class ProbeAsNobody : public testing::Test {
 protected:
  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "only root can become nobody";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

TEST_F(ProbeAsNobody, ADirectoryThatMayNotBeWrittenIsRefusedWithWhatToDo) {
  EXPECT_EXIT(
      probe_as_nobody("/", false), testing::ExitedWithCode(1),
      "refused: probe / \\(.* mounted at /\\): create a file in / \\(run as a user.*Permission denied");
}

TEST_F(ProbeAsNobody, LookingOnlySeesWhatNeedsNoFileAndNamesNoMode) {
  EXPECT_EXIT(probe_as_nobody("/", true), testing::ExitedWithCode(0),
              "writable fails: create a file in /.*direct not tried; mode: .*was not found out");
}

TEST(Probe, ALimitOnFileSizesIsAnErrorAndNotTheEndOfTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const TempDirectory directory;
  const TempDirectoryForChildren for_children(directory);
  const auto probe_with_limit = [&] {
    const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Result<ProbeReport> report = probe(directory.path());
    std::fprintf(stderr, "%s\n", report ? "no error" : report.error().message().c_str());
    std::exit(report ? 0 : 1);
  };
  EXPECT_EXIT(probe_with_limit(), testing::ExitedWithCode(1),
              "1000 bytes at most .RLIMIT_FSIZE.*ulimit -f");
}

ProbeReport probe_mount(const ImageMount& mount) {
  Result<ProbeReport> report = probe(mount.path());
  EXPECT_TRUE(report) << report.error().message();
  return report ? *report : ProbeReport{};
}

#define SKIP_UNLESS_MOUNTED(mount) \
  if (!(mount).is_mounted()) GTEST_SKIP() << "cannot mount such a file system here"

TEST(Probe, DirectIsHonouredOnExt4) {
  const ImageMount mount("mkfs.ext4 -q", 24);
  SKIP_UNLESS_MOUNTED(mount);
  const ProbeReport report = probe_mount(mount);
  EXPECT_EQ(report.file_system.type, "ext4");
  EXPECT_TRUE(report.device.name.starts_with("loop")) << report.device.name;
  ASSERT_FALSE(report.device.layers.empty());
  EXPECT_EQ(report.device.layers.front().kind, "loop");
  EXPECT_NE(report.device.layers.front().detail.find("/image"), std::string::npos);
  EXPECT_TRUE(report.device.loop_direct_io.has_value());
  EXPECT_TRUE(report.direct.works()) << report.direct.why;
  EXPECT_GE(report.alignment.write_bytes, 512U);
}

TEST(Probe, DirectIsHonouredOnXfs) {
  const ImageMount mount("mkfs.xfs -q", 320);
  SKIP_UNLESS_MOUNTED(mount);
  const ProbeReport report = probe_mount(mount);
  EXPECT_EQ(report.file_system.type, "xfs");
  EXPECT_TRUE(report.direct.works()) << report.direct.why;
}

TEST(Probe, Ext4WithJournaledDataIsNotDirect) {
  const ImageMount mount("mkfs.ext4 -q", 24, "data=journal");
  SKIP_UNLESS_MOUNTED(mount);
  const ProbeReport report = probe_mount(mount);
  EXPECT_EQ(report.direct.tried, Tried::kIgnored);
  EXPECT_NE(report.direct.why.find("data=ordered"), std::string::npos) << report.direct.why;
}

TEST(Probe, Ext4FilesThatJournalTheirDataAreNotDirect) {
  const ImageMount mount("mkfs.ext4 -q", 24);
  SKIP_UNLESS_MOUNTED(mount);
  const std::string made = mount.path() + "/journaled";
  std::filesystem::create_directory(made);
  if (std::system(("chattr +j " + made + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "chattr +j is not allowed here";
  const Result<ProbeReport> report = probe(made);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->direct.tried, Tried::kIgnored);
  EXPECT_NE(report->direct.why.find("chattr -j"), std::string::npos) << report->direct.why;
}

TEST(Probe, AFullDiskIsSaidToBeFullAndNotToRefuseDirectIo) {
  const ImageMount mount("mkfs.ext4 -q", 24);
  if (!mount.is_mounted()) GTEST_SKIP() << "cannot mount a loop device (needs root, mkfs.ext4)";
  mount.fill();
  const Result<ProbeReport> full = probe(mount.path());
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace);
  EXPECT_TRUE(full.error().message().contains("make room")) << full.error().message();
  mount.make_room();
  const Result<ProbeReport> now = probe(mount.path());
  ASSERT_TRUE(now) << now.error().message();
  EXPECT_TRUE(now->direct.works());
}

TEST(Probe, AReadOnlyMountIsRefusedOrOnlyLookedAt) {
  const ImageMount mount("mkfs.ext4 -q", 24, "ro");
  SKIP_UNLESS_MOUNTED(mount);
  const Result<ProbeReport> refused = probe(mount.path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kPermission);
  for (const std::string& part : {mount.path(), std::string("ext4"), std::string("remount,rw")}) {
    EXPECT_NE(refused.error().message().find(part), std::string::npos) << refused.error().message();
  }
  const Result<ProbeReport> looked = probe(mount.path(), {.look_only_if_denied = true});
  ASSERT_TRUE(looked) << looked.error().message();
  EXPECT_EQ(looked->writable.tried, Tried::kFails);
  EXPECT_EQ(looked->durable_write.tried, Tried::kNotTried);
  EXPECT_TRUE(looked->file_system.has_option("ro"));
}

// Mounts an overlay over `lower` for the life of the object; needs root.
class OverlayMount {
 public:
  explicit OverlayMount(const std::string& base) : merged_(base + "/merged") {
    for (const char* name : {"/lower", "/upper", "/work", "/merged"}) {
      std::filesystem::create_directory(base + name);
    }
    const std::string command = "mount -t overlay overlay -o lowerdir=" + base +
                                "/lower,upperdir=" + base + "/upper,workdir=" + base + "/work " +
                                merged_ + " 2>/dev/null";
    is_mounted_ = std::system(command.c_str()) == 0;
  }
  OverlayMount(const OverlayMount&) = delete;
  OverlayMount& operator=(const OverlayMount&) = delete;
  ~OverlayMount() {
    if (is_mounted_) EXPECT_EQ(std::system(("umount " + merged_).c_str()), 0);
  }
  bool is_mounted() const { return is_mounted_; }
  const std::string& path() const { return merged_; }

 private:
  std::string merged_;
  bool is_mounted_ = false;
};

TEST(Probe, AnOverlayIsOnTheDeviceOfItsUpperDirectoryAndHasNoNowait) {
  const TempDirectory directory;
  const OverlayMount mount(directory.path());
  SKIP_UNLESS_MOUNTED(mount);
  const Result<ProbeReport> report = probe(mount.path());
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->file_system.type, "overlay");
  EXPECT_EQ(report->device.name, probe(directory.path())->device.name);
  EXPECT_FALSE(report->nowait.works());
  EXPECT_FALSE(report->uncached.works());
  EXPECT_TRUE(std::filesystem::is_empty(mount.path()));
}

TEST(Probe, BtrfsWithChecksumsIsNotDirectAndWithoutIs) {
  const ImageMount mount("mkfs.btrfs -q", 128);
  SKIP_UNLESS_MOUNTED(mount);
  EXPECT_EQ(probe_mount(mount).direct.tried, Tried::kIgnored);
  if (std::system(("chattr +C " + mount.path() + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no chattr";
  const ProbeReport report = probe_mount(mount);
  EXPECT_TRUE(report.direct.works()) << report.direct.why;
  EXPECT_TRUE(report.nowait.works()) << report.nowait.why;
  EXPECT_TRUE(report.device.name.starts_with("loop")) << "btrfs has device numbers of its own";
}

TEST(Probe, TmpfsIsNotDirect) {
  struct statfs status{};
  constexpr auto kTmpfsMagic = 0x01021994;
  if (::statfs("/dev/shm", &status) != 0 || status.f_type != kTmpfsMagic) GTEST_SKIP() << "no tmpfs";
  const Result<ProbeReport> report = probe("/dev/shm");
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_FALSE(report->direct.works());
  EXPECT_FALSE(report->uncached.works());
}

// choose_io_mode

ProbeReport report_with(bool direct, bool uncached) {
  ProbeReport report;
  report.path = "/data";
  report.file_system.type = "ext4";
  report.device.name = "vda";
  report.direct = direct ? Finding{Tried::kWorks, ""} : Finding{Tried::kIgnored, "it only pretends"};
  report.uncached = uncached ? Finding{Tried::kWorks, ""} : Finding{Tried::kFails, "too old"};
  report.durable_write = {Tried::kWorks, ""};
  return report;
}

TEST(ChooseIoMode, AutoTakesTheBestThatIsHonoured) {
  EXPECT_EQ(choose_io_mode(report_with(true, true), RequestedIoMode::kAuto)->mode, IoMode::kDirect);
  EXPECT_EQ(choose_io_mode(report_with(false, true), RequestedIoMode::kAuto)->mode, IoMode::kUncached);
  EXPECT_EQ(choose_io_mode(report_with(false, false), RequestedIoMode::kAuto)->mode, IoMode::kBuffered);
}

TEST(ChooseIoMode, AModeAskedForIsHad) {
  const ProbeReport report = report_with(true, true);
  EXPECT_EQ(choose_io_mode(report, RequestedIoMode::kDirect)->mode, IoMode::kDirect);
  EXPECT_EQ(choose_io_mode(report, RequestedIoMode::kUncached)->mode, IoMode::kUncached);
  EXPECT_EQ(choose_io_mode(report, RequestedIoMode::kBuffered)->mode, IoMode::kBuffered);
}

TEST(ChooseIoMode, AModeThatCannotBeHadIsRefusedAndTheWayOutNamed) {
  const Result<ChosenMode> chosen = choose_io_mode(report_with(false, true), RequestedIoMode::kDirect);
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code(), ErrorCode::kNotSupported);
  for (const char* part :
       {"'direct'", "/data", "ext4 on vda", "it only pretends", "'uncached'", "'auto'"}) {
    EXPECT_NE(chosen.error().message().find(part), std::string::npos) << chosen.error().message();
  }
}

TEST(ChooseIoMode, WithoutDurableWritesEveryModeIsRefused) {
  ProbeReport report = report_with(true, true);
  report.durable_write = {Tried::kFails, "no RWF_DSYNC"};
  EXPECT_FALSE(choose_io_mode(report, RequestedIoMode::kAuto));
  const Result<ChosenMode> refused = choose_io_mode(report, RequestedIoMode::kBuffered);
  ASSERT_FALSE(refused);
  for (const char* part : {"'buffered'", "/data", "ext4 on vda", "no RWF_DSYNC", "Use a directory"}) {
    EXPECT_NE(refused.error().message().find(part), std::string::npos) << refused.error().message();
  }
}

TEST(ChooseIoMode, ModesAreParsed) {
  EXPECT_EQ(parse_io_mode("auto"), RequestedIoMode::kAuto);
  EXPECT_EQ(parse_io_mode("direct"), RequestedIoMode::kDirect);
  EXPECT_EQ(parse_io_mode("uncached"), RequestedIoMode::kUncached);
  EXPECT_EQ(parse_io_mode("buffered"), RequestedIoMode::kBuffered);
  const Result<RequestedIoMode> wrong = parse_io_mode("Direct");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock
