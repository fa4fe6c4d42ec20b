#include "cli/doctor.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/units.h"
#include "cli/doctor_command.h"
#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"

namespace penstock::cli {
namespace {

// A good NVMe device under ext4.
ProbeReport good_report() {
  const Finding works{.tried = Tried::kWorks, .why = ""};
  ProbeReport report;
  report.path = report.directory = "/data";
  report.file_system = "ext4";
  report.mount_point = "/data";
  report.mount_source = "/dev/nvme0n1";
  report.device = "nvme0n1";
  report.logical_block_bytes = 512;
  report.physical_block_bytes = 4096;
  report.write_cache = "write through";
  report.fua = true;
  report.io_scheduler = "none";
  report.rotational = false;
  report.alignment = {.memory_bytes = 512, .offset_bytes = 512, .write_bytes = 4096, .source = "statx"};
  report.direct = report.uncached = report.durable_write = report.io_uring = works;
  report.memlock_limit_bytes = UINT64_MAX;
  report.total_bytes = 100 * kGiB;
  report.available_bytes = 50 * kGiB;
  report.kernel = "6.18.0";
  return report;
}

Diagnosis line(const ProbeReport& report, std::string_view id) {
  const auto lines = diagnose(report);
  return *std::ranges::find(lines, id, &Diagnosis::id);
}

TEST(Doctor, AGoodMachineIsGoodInEveryLineAndHasNothingToDo) {
  for (const Diagnosis& line : diagnose(good_report())) {
    EXPECT_EQ(line.verdict, Verdict::kGood) << line.subject;
    EXPECT_EQ(line.remedy, "") << line.subject;
  }
}

TEST(Doctor, WhateverIsNotGoodComesWithARemedyOrAReason) {
  ProbeReport report = good_report();
  report.file_system = "nfs4";
  report.rotational = true;
  report.write_cache = "write back";
  report.fua = false;
  report.direct = {.tried = Tried::kFails, .why = "no"};
  report.uncached = {.tried = Tried::kFails, .why = "no"};
  report.io_uring = {.tried = Tried::kFails, .why = "denied"};
  report.memlock_limit_bytes = 64 * kKiB;
  report.available_bytes = kGiB;
  for (const Diagnosis& line : diagnose(report)) {
    if (line.verdict == Verdict::kGood) continue;
    EXPECT_EQ(line.verdict, Verdict::kCouldBeBetter) << line.subject;
    EXPECT_TRUE(!line.remedy.empty() || line.id == "io_mode") << line.subject;
  }
}

TEST(Doctor, WherePromisesCannotBeKeptIsWrong) {
  ProbeReport memory = good_report();
  memory.file_system = "tmpfs";
  EXPECT_EQ(line(memory, "file_system").verdict, Verdict::kWrong);
  ProbeReport forgetful = good_report();
  forgetful.durable_write = {.tried = Tried::kFails, .why = "no RWF_DSYNC"};
  EXPECT_EQ(line(forgetful, "durable_write").verdict, Verdict::kWrong);
  EXPECT_EQ(line(forgetful, "io_mode").verdict, Verdict::kWrong);
  ProbeReport full = good_report();
  full.available_bytes = kMiB;
  EXPECT_EQ(line(full, "space").verdict, Verdict::kWrong);
}

TEST(Doctor, AVolatileCacheIsFineWithFuaAndNotWithout) {
  ProbeReport report = good_report();
  report.write_cache = "write back";
  EXPECT_EQ(line(report, "write_cache").verdict, Verdict::kGood);
  report.fua = false;
  EXPECT_EQ(line(report, "write_cache").verdict, Verdict::kCouldBeBetter);
  EXPECT_EQ(line(report, "fua").verdict, Verdict::kCouldBeBetter);
}

TEST(Doctor, AVirtualDiskThatSaysItSpinsIsNotBelieved) {
  ProbeReport report = good_report();
  report.device = "vda";
  report.rotational = true;
  EXPECT_EQ(line(report, "device").verdict, Verdict::kUnknown);
}

TEST(Doctor, LinesFitTheColumnsAndTheExitCodeTellsWhatIsWrong) {
  MemoryStream out;
  MemoryStream err;
  Console console(out.get(), err.get());
  ProbeReport report = good_report();
  report.file_system = "tmpfs";
  EXPECT_EQ(print_diagnosis(report, console), kDamage);
  EXPECT_EQ(print_diagnosis(good_report(), console), kSuccess);
  std::string text = out.text();
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << "no colours where nobody can see them";
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    EXPECT_LE(end, console.columns()) << text.substr(0, end);
    text.erase(0, end + 1);
  }
}

}  // namespace
}  // namespace penstock::cli
