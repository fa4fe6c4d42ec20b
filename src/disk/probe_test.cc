#include "disk/probe.h"

#include <gtest/gtest.h>
#include <sys/statfs.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.h"
#include "disk/io_mode.h"
#include "disk/testing/image_mount.h"

namespace penstock {
namespace {

TEST(Probe, TellsWhereADirectoryIs) {
  const TempDirectory directory;
  const Result<ProbeReport> report = probe(directory.path());
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->directory, directory.path());
  EXPECT_FALSE(report->file_system.empty());
  EXPECT_TRUE(directory.path().starts_with(report->mount_point)) << report->mount_point;
  EXPECT_FALSE(report->kernel.empty());
  EXPECT_GT(report->total_bytes, 0U);
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
  for (const char* name : {"file", "not-yet"}) {
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
       {report->direct, report->uncached, report->durable_write, report->io_uring}) {
    EXPECT_EQ(finding.works(), finding.why.empty()) << finding.why;
  }
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
  EXPECT_EQ(report.file_system, "ext4");
  EXPECT_TRUE(report.device.starts_with("loop")) << report.device;
  EXPECT_TRUE(report.direct.works()) << report.direct.why;
  EXPECT_GE(report.alignment.write_bytes, 512U);
}

TEST(Probe, DirectIsHonouredOnXfs) {
  const ImageMount mount("mkfs.xfs -q", 320);
  SKIP_UNLESS_MOUNTED(mount);
  const ProbeReport report = probe_mount(mount);
  EXPECT_EQ(report.file_system, "xfs");
  EXPECT_TRUE(report.direct.works()) << report.direct.why;
}

TEST(Probe, Ext4WithJournaledDataIsNotDirect) {
  const ImageMount mount("mkfs.ext4 -q", 24, "data=journal");
  SKIP_UNLESS_MOUNTED(mount);
  EXPECT_FALSE(probe_mount(mount).direct.works());
}

TEST(Probe, BtrfsWithChecksumsIsNotDirectAndWithoutIs) {
  const ImageMount mount("mkfs.btrfs -q", 128);
  SKIP_UNLESS_MOUNTED(mount);
  EXPECT_EQ(probe_mount(mount).direct.tried, Tried::kIgnored);
  if (std::system(("chattr +C " + mount.path() + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no chattr";
  const ProbeReport report = probe_mount(mount);
  EXPECT_TRUE(report.direct.works()) << report.direct.why;
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
  report.file_system = "ext4";
  report.device = "vda";
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
  EXPECT_FALSE(choose_io_mode(report, RequestedIoMode::kBuffered));
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
