#include "cli/doctor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "cli/testing/good_examination.h"

namespace penstock::cli {
namespace {

Diagnosis line_of(const Examination& examination, std::string_view id) {
  const auto lines = diagnose(examination);
  const auto found = std::ranges::find(lines, id, &Diagnosis::id);
  if (found != lines.end()) return *found;
  ADD_FAILURE() << "no line " << id;
  return {};
}

TEST(Doctor, AGoodMachineIsGoodInEveryLineAndHasNothingToDo) {
  const auto lines = diagnose(good_examination());
  for (const Diagnosis& line : lines) {
    EXPECT_EQ(line.verdict, Verdict::kGood) << line.subject << ": " << line.finding;
    EXPECT_EQ(line.remedy, "") << line.subject;
    EXPECT_NE(line.finding, "") << line.subject;
  }
  EXPECT_EQ(worst_of(lines), Verdict::kGood);
}

TEST(Doctor, EveryLineHasAnIdOfItsOwnAndTheModeComesLast) {
  std::set<std::string> ids;
  const auto lines = diagnose(good_examination());
  for (const Diagnosis& line : lines) EXPECT_TRUE(ids.insert(line.id).second) << line.id;
  EXPECT_EQ(lines.back().id, "io_mode");
  EXPECT_EQ(lines.size(), 29U);
}

// What makes a line of a good machine another one.
struct Case {
  const char* name;
  const char* id;
  Verdict verdict;
  const char* said;  // a part of finding or remedy
  std::function<void(ProbeReport&)> change;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

Finding fails(const char* why) { return {.tried = Tried::kFails, .why = why}; }
Finding untried() { return {.tried = Tried::kNotTried, .why = "no file"}; }

class DoctorCase : public testing::TestWithParam<Case> {};

TEST_P(DoctorCase, HasItsVerdictAndRemedy) {
  Examination examination = good_examination();
  GetParam().change(examination.report);
  const Diagnosis line = line_of(examination, GetParam().id);
  EXPECT_EQ(line.verdict, GetParam().verdict) << line.finding;
  EXPECT_NE((line.finding + " | " + line.remedy).find(GetParam().said), std::string::npos)
      << line.finding << " | " << line.remedy;
  const bool needs_remedy = line.verdict == Verdict::kWrong || line.verdict == Verdict::kCouldBeBetter;
  if (needs_remedy) EXPECT_NE(line.remedy, "");
  if (line.verdict == Verdict::kGood) EXPECT_EQ(line.remedy, "");
}

constexpr Verdict kGood = Verdict::kGood;
constexpr Verdict kBetter = Verdict::kCouldBeBetter;
constexpr Verdict kWrong = Verdict::kWrong;
constexpr Verdict kUnknown = Verdict::kUnknown;
using Report = ProbeReport;

const Case kStorageCases[] = {
    {"Tmpfs", "file_system", kWrong, "directory on a disk",
     [](Report& r) { r.file_system.type = "tmpfs"; }},
    {"Devtmpfs", "file_system", kWrong, "directory on a disk",
     [](Report& r) { r.file_system.type = "devtmpfs"; }},
    {"Nfs", "file_system", kBetter, "up to its server", [](Report& r) { r.file_system.type = "nfs4"; }},
    {"Fuse", "file_system", kBetter, "up to its server",
     [](Report& r) { r.file_system.type = "fuse.sshfs"; }},
    {"Overlay", "file_system", kBetter, "Mount a volume",
     [](Report& r) { r.file_system.type = "overlay"; }},
    {"Btrfs", "file_system", kBetter, "ext4 and XFS", [](Report& r) { r.file_system.type = "btrfs"; }},
    {"Xfs", "file_system", kGood, "xfs", [](Report& r) { r.file_system.type = "xfs"; }},
    {"ReadOnlyOptions", "mount_options", kWrong, "remount,rw /data",
     [](Report& r) { r.file_system.mount_options = "ro,noatime"; }},
    {"RemountReadOnlyOnErrorsIsNotReadOnly", "mount_options", kGood,
     "errors=", [](Report& r) { r.file_system.mount_options = "rw,errors=remount-ro"; }},
    {"NoBarrier", "mount_options", kWrong, "power cut",
     [](Report& r) {
       r.file_system.mount_options = "rw,nobarrier";
       r.device.write_cache = "write back";
     }},
    {"NoBarrierIsFineWithoutACache", "mount_options", kGood, "nobarrier",
     [](Report& r) { r.file_system.mount_options = "rw,nobarrier"; }},
    {"Discard", "mount_options", kBetter, "fstrim",
     [](Report& r) { r.file_system.mount_options = "rw,discard"; }},
    {"AsyncDiscardIsFine", "mount_options", kGood, "discard=async",
     [](Report& r) { r.file_system.mount_options = "rw,discard=async"; }},
    {"Sync", "mount_options", kBetter, "'sync'",
     [](Report& r) { r.file_system.mount_options = "rw,sync"; }},
    {"StrictAtime", "mount_options", kBetter, "noatime",
     [](Report& r) { r.file_system.mount_options = "rw,strictatime"; }},
    {"Compression", "mount_options", kBetter, "without 'compress'",
     [](Report& r) { r.file_system.mount_options = "rw,compress=zstd:3"; }},
    {"ForcedCompression", "mount_options", kBetter, "without 'compress'",
     [](Report& r) { r.file_system.mount_options = "compress-force=zstd:3"; }},
    {"NoOptions", "mount_options", kUnknown, "not known",
     [](Report& r) { r.file_system.mount_options = ""; }},
    {"FullDisk", "space", kWrong, "Free at least",
     [](Report& r) { r.file_system.available_bytes = kMiB; }},
    {"NearlyFullDisk", "space", kBetter, "Free some",
     [](Report& r) { r.file_system.available_bytes = 4 * kGiB; }},
    {"NoInodesLeft", "inodes", kWrong, "mkfs.ext4 -i",
     [](Report& r) { r.file_system.available_inodes = 0; }},
    {"FewInodes", "inodes", kBetter, "Remove files",
     [](Report& r) { r.file_system.available_inodes = 9'999; }},
    {"InodesAsNeeded", "inodes", kGood, "as they are needed",
     [](Report& r) { r.file_system.total_inodes = r.file_system.available_inodes = 0; }},
    {"NoDevice", "device", kUnknown, "no block device", [](Report& r) { r.device = DeviceReport{}; }},
    {"Loop", "device", kBetter, "loop3 (loop in /a.img)",
     [](Report& r) {
       r.device.layers.insert(r.device.layers.begin(), {"loop3", "loop", "in /a.img"});
       r.device.loop_direct_io = true;
     }},
    {"BufferedLoop", "device", kBetter, "--direct-io=on",
     [](Report& r) {
       r.device.layers.insert(r.device.layers.begin(), {"loop3", "loop", "in /a.img"});
       r.device.loop_direct_io = false;
     }},
    {"ParityRaid", "device", kBetter, "RAID 1 or 10",
     [](Report& r) { r.device.layers.insert(r.device.layers.begin(), {"md0", "raid", "raid5"}); }},
    {"Mirror", "device", kGood, "md0 (raid: raid1) on nvme0n1",
     [](Report& r) { r.device.layers.insert(r.device.layers.begin(), {"md0", "raid", "raid1"}); }},
    {"SpinningDisk", "device", kBetter, "Use an SSD", [](Report& r) { r.device.rotational = true; }},
    {"AVirtualDiskThatSaysItSpinsIsNotBelieved", "device", kUnknown, "host's affair",
     [](Report& r) {
       r.device.layers = {{"vda1", "partition", ""}, {"vda", "disk", ""}};
       r.device.rotational = true;
     }},
    {"VolatileCacheWithFua", "write_cache", kGood, "FUA",
     [](Report& r) { r.device.write_cache = "write back"; }},
    {"VolatileCacheWithoutFua", "write_cache", kBetter, "write through",
     [](Report& r) {
       r.device.write_cache = "write back";
       r.device.fua = false;
     }},
    {"UnknownCache", "write_cache", kUnknown, "not known",
     [](Report& r) { r.device.write_cache = ""; }},
    {"NoFuaWhereItMatters", "fua", kBetter, "libata.fua",
     [](Report& r) {
       r.device.write_cache = "write back";
       r.device.fua = false;
     }},
    {"NoFuaOnAVirtualDisk", "fua", kBetter, "the host decides",
     [](Report& r) {
       r.device.layers = {{"vda", "disk", ""}};
       r.device.write_cache = "write back";
       r.device.fua = false;
     }},
    {"NoFuaWithoutACache", "fua", kGood, "not needed", [](Report& r) { r.device.fua = false; }},
    {"UnknownFua", "fua", kUnknown, "not known", [](Report& r) { r.device.fua.reset(); }},
    {"Scheduler", "io_scheduler", kBetter, "echo none > /sys/block/sda/queue/scheduler",
     [](Report& r) {
       r.device.io_scheduler = "bfq";
       r.device.io_scheduler_device = "sda";
     }},
    {"SchedulerOfASpinningDisk", "io_scheduler", kGood, "mq-deadline",
     [](Report& r) {
       r.device.io_scheduler = "mq-deadline";
       r.device.rotational = true;
     }},
    {"UnknownScheduler", "io_scheduler", kUnknown, "not known",
     [](Report& r) { r.device.io_scheduler = ""; }},
};

const Case kIoCases[] = {
    {"NotWritable", "writable", kUnknown, "as the user that the server runs as",
     [](Report& r) { r.writable = fails("denied"); }},
    {"WritableReadOnlyMount", "writable", kWrong, "read-only",
     [](Report& r) {
       r.writable = fails("denied");
       r.file_system.mount_options = "ro";
     }},
    {"LargePhysicalBlocks", "alignment", kBetter, "smaller physical blocks",
     [](Report& r) { r.alignment.write_bytes = 16'384; }},
    {"AlignmentNotTried", "alignment", kUnknown, "not tried", [](Report& r) { r.alignment = {}; }},
    {"DirectIgnored", "direct", kBetter, "ignored: data=journal",
     [](Report& r) { r.direct = {.tried = Tried::kIgnored, .why = "data=journal writes through"}; }},
    {"DirectOnMemory", "direct", kBetter, "directory on a disk",
     [](Report& r) {
       r.direct = fails("memory");
       r.file_system.type = "tmpfs";
     }},
    {"DirectNotTried", "direct", kUnknown, "not tried: no file",
     [](Report& r) { r.direct = untried(); }},
    {"UncachedNotNeeded", "uncached", kGood, "not needed",
     [](Report& r) { r.uncached = fails("too old"); }},
    {"UncachedNeeded", "uncached", kBetter, "6.14",
     [](Report& r) { r.direct = r.uncached = fails("too old"); }},
    {"UncachedNotTried", "uncached", kUnknown, "not tried", [](Report& r) { r.uncached = untried(); }},
    {"NothingIsDurable", "durable_write", kWrong, "another file system",
     [](Report& r) { r.durable_write = fails("no RWF_DSYNC"); }},
    {"DurableNotTried", "durable_write", kUnknown, "not tried",
     [](Report& r) { r.durable_write = untried(); }},
    {"NoNowait", "nowait", kBetter, "thread of its own",
     [](Report& r) { r.nowait = fails("has to wait"); }},
    {"NoNowaitAndNoRing", "nowait", kGood, "not needed",
     [](Report& r) { r.nowait = r.io_uring.finding = fails("no"); }},
    {"NowaitNotTried", "nowait", kUnknown, "not tried", [](Report& r) { r.nowait = untried(); }},
    {"NoFallocate", "allocate", kWrong, "could not be made",
     [](Report& r) { r.allocate = fails("no"); }},
    {"FallocateNotTried", "allocate", kUnknown, "not tried", [](Report& r) { r.allocate = untried(); }},
    {"NoWriteZeroes", "write_zeroes", kGood, "in the background",
     [](Report& r) { r.write_zeroes = fails("no"); }},
    {"WriteZeroesNotTried", "write_zeroes", kUnknown, "not tried",
     [](Report& r) { r.write_zeroes = untried(); }},
    {"AtomicWritesInWords", "atomic_writes", kGood, "4 KiB to 64 KiB", [](Report&) {}},
    {"NoAtomicWrites", "atomic_writes", kGood, "not needed",
     [](Report& r) { r.atomic_writes = {.min_bytes = 0, .max_bytes = 0, .finding = fails("none")}; }},
    {"AtomicWritesThatFail", "atomic_writes", kGood, "are promised; fails: no",
     [](Report& r) { r.atomic_writes.finding = fails("no"); }},
    {"AtomicWritesNotTried", "atomic_writes", kUnknown, "not tried",
     [](Report& r) { r.atomic_writes = {.min_bytes = 0, .max_bytes = 0, .finding = untried()}; }},
    {"ModeWithoutDirect", "io_mode", kBetter,
     "uncached:", [](Report& r) { r.direct = fails("it only pretends"); }},
    {"ModeWithoutEither", "io_mode", kBetter,
     "buffered:", [](Report& r) { r.direct = r.uncached = fails("no"); }},
    {"NoModeWithoutDurability", "io_mode", kWrong, "made durable",
     [](Report& r) { r.durable_write = fails("no RWF_DSYNC"); }},
    {"NoModeFoundOut", "io_mode", kUnknown, "not found out",
     [](Report& r) { r.durable_write = untried(); }},
};

const Case kSystemCases[] = {
    {"OldKernel", "kernel", kBetter, "DEFER_TASKRUN",
     [](Report& r) { r.kernel = {.release = "5.10.0", .major_version = 5, .minor_version = 10}; }},
    {"KernelOfDebian12", "kernel", kGood, "newer ones add: 6.9: truncation on the ring; 6.14",
     [](Report& r) { r.kernel = {.release = "6.1.0", .major_version = 6, .minor_version = 1}; }},
    {"NextMajorKernel", "kernel", kGood, "Linux 7.0",
     [](Report& r) { r.kernel = {.release = "7.0", .major_version = 7, .minor_version = 0}; }},
    {"NamelessKernel", "kernel", kUnknown, "odd", [](Report& r) { r.kernel = {.release = "odd"}; }},
    {"NoRing", "io_uring", kBetter, "fails: denied",
     [](Report& r) { r.io_uring.finding = fails("denied"); }},
    {"OldRing", "io_uring", kBetter, "6.1", [](Report& r) { r.io_uring.defer_taskrun = false; }},
    {"RingWithoutFtruncate", "io_uring", kGood, "without FTRUNCATE",
     [](Report& r) { r.io_uring.missing_opcodes = {"FTRUNCATE"}; }},
    {"LittleMemlock", "memlock", kBetter, "ulimit -l",
     [](Report& r) { r.limits.memlock_bytes = 64 * kKiB; }},
    {"FewOpenFiles", "open_files", kBetter, "LimitNOFILE",
     [](Report& r) { r.limits.open_files_hard = 4'096; }},
    {"OpenFilesAreRaised", "open_files", kGood, "1,024, which the server raises to 1,048,576",
     [](Report&) {}},
    {"TinyFiles", "file_size", kWrong, "ulimit -f", [](Report& r) { r.limits.file_size_bytes = kMiB; }},
    {"SmallFiles", "file_size", kBetter, "ulimit -f",
     [](Report& r) { r.limits.file_size_bytes = kGiB; }},
    {"LittleMemoryInAGroup", "memory", kBetter, "--memory",
     [](Report& r) { r.limits.control_group_bytes = 256 * kMiB; }},
    {"EnoughMemoryInAGroup", "memory", kGood, "control group",
     [](Report& r) { r.limits.control_group_bytes = kGiB; }},
    {"LittleMemory", "memory", kBetter, "storage.tail_bytes",
     [](Report& r) { r.limits.memory_bytes = 256 * kMiB; }},
    {"UnknownMemory", "memory", kUnknown, "not known", [](Report& r) { r.limits.memory_bytes = 0; }},
};

std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Storage, DoctorCase, testing::ValuesIn(kStorageCases), name_of);
INSTANTIATE_TEST_SUITE_P(Io, DoctorCase, testing::ValuesIn(kIoCases), name_of);
INSTANTIATE_TEST_SUITE_P(System, DoctorCase, testing::ValuesIn(kSystemCases), name_of);

// What was measured.

struct SpeedCase {
  const char* name;
  const char* id;
  Verdict verdict;
  const char* said;
  std::function<void(Measurement&)> change;
};
void PrintTo(const SpeedCase& c, std::ostream* out) { *out << c.name; }

class DoctorSpeed : public testing::TestWithParam<SpeedCase> {};

TEST_P(DoctorSpeed, HasItsVerdictAndRemedy) {
  Examination examination = good_examination();
  GetParam().change(*examination.measurement);
  const Diagnosis line = line_of(examination, GetParam().id);
  EXPECT_EQ(line.verdict, GetParam().verdict) << line.finding;
  EXPECT_NE((line.finding + " | " + line.remedy).find(GetParam().said), std::string::npos)
      << line.finding << " | " << line.remedy;
  EXPECT_EQ(line.remedy.empty(), line.verdict != Verdict::kCouldBeBetter);
}

const SpeedCase kSpeedCases[] = {
    {"GoodCommit", "durable_latency", kGood, "takes 90 us (p99 90 us), 3 samples", [](Measurement&) {}},
    {"SlowCommit", "durable_latency", kBetter, "power loss",
     [](Measurement& m) { m.durable_prewritten = series_of(2'001); }},
    {"SlowCommitOnABusyMachine", "durable_latency", kBetter, "95 % in use",
     [](Measurement& m) {
       m.durable_prewritten = series_of(2'001);
       m.processor_use = 0.95;
     }},
    {"SlowReadsOnABusyMachine", "random_read", kBetter, "when the machine is idle",
     [](Measurement& m) {
       m.random_read = series_of(9'000);
       m.processor_use = 0.95;
     }},
    {"PrewrittenOnABusyMachine", "prewriting", kUnknown, "too busy",
     [](Measurement& m) {
       m.durable_growing = series_of(95);
       m.processor_use = 0.95;
     }},
    {"PrewrittenWithoutFallocate", "prewriting", kGood, "2.0 times as long",
     [](Measurement& m) { m.durable_allocated = {}; }},
    {"StallingCommit", "durable_latency", kBetter, "stalls",
     [](Measurement& m) { m.durable_prewritten.p99_us = 20'001; }},
    {"UnbelievableCommit", "durable_latency", kBetter, "cache=unsafe",
     [](Measurement& m) { m.durable_prewritten = series_of(3); }},
    {"NoCommit", "durable_latency", kUnknown, "no write",
     [](Measurement& m) { m.durable_prewritten = {}; }},
    {"PrewrittenFaster", "prewriting", kGood, "180 us (p99 180 us), 2.0 times as long",
     [](Measurement&) {}},
    {"PrewrittenNoFaster", "prewriting", kBetter, "gains nothing",
     [](Measurement& m) { m.durable_growing = series_of(95); }},
    {"PrewrittenNotCompared", "prewriting", kUnknown, "not enough",
     [](Measurement& m) { m.durable_growing = {}; }},
    {"GoodReads", "random_read", kGood, "32 in flight: 102,400 a second", [](Measurement&) {}},
    {"ReadsWithoutARing", "random_read", kGood, "3 samples",
     [](Measurement& m) { m.random_read_many = {}; }},
    {"SlowReads", "random_read", kBetter, "Use an SSD",
     [](Measurement& m) { m.random_read = series_of(9'000); }},
    {"CachedReads", "random_read", kUnknown, "page cache",
     [](Measurement& m) { m.mode = IoMode::kBuffered; }},
    {"NoReads", "random_read", kUnknown, "no read", [](Measurement& m) { m.random_read = {}; }},
    {"GoodSequentialReads", "sequential_read", kGood, "2147 MB/s", [](Measurement&) {}},
    {"SlowSequentialReads", "sequential_read", kBetter, "catch up",
     [](Measurement& m) { m.sequential_read.seconds = 100; }},
    {"CachedSequentialReads", "sequential_read", kUnknown, "page cache",
     [](Measurement& m) { m.mode = IoMode::kBuffered; }},
    {"NoSequentialReads", "sequential_read", kUnknown, "no read",
     [](Measurement& m) { m.sequential_read = {}; }},
    {"SlowSequentialWrites", "sequential_write", kBetter, "all producers",
     [](Measurement& m) { m.sequential_write.seconds = 100; }},
};
std::string name_of_speed(const testing::TestParamInfo<SpeedCase>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Measured, DoctorSpeed, testing::ValuesIn(kSpeedCases), name_of_speed);

TEST(Doctor, BtrfsIsToldWhyOverwritingIsSlow) {
  Examination examination = good_examination();
  examination.report.file_system.type = "btrfs";
  examination.measurement->durable_growing = series_of(80);
  EXPECT_NE(line_of(examination, "prewriting").remedy.find("chattr +C"), std::string::npos);
}

TEST(Doctor, MemoryIsFastAndNobodyWonders) {
  Examination examination = good_examination();
  examination.report.file_system.type = "tmpfs";
  for (LatencySeries* series :
       {&examination.measurement->durable_prewritten, &examination.measurement->durable_growing}) {
    *series = series_of(2);
  }
  EXPECT_EQ(line_of(examination, "durable_latency").verdict, Verdict::kGood);
  EXPECT_EQ(line_of(examination, "prewriting").verdict, Verdict::kUnknown);
}

TEST(Doctor, WithoutAMeasurementThereIsOneLineWithTheReasonOrNone) {
  Examination examination = good_examination();
  examination.measurement.reset();
  EXPECT_EQ(diagnose(examination).size(), 24U);
  examination.not_measured = "too little space";
  EXPECT_EQ(diagnose(examination).size(), 25U);
  EXPECT_EQ(line_of(examination, "measurement").verdict, Verdict::kUnknown);
  EXPECT_NE(line_of(examination, "measurement").finding.find("too little space"), std::string::npos);
}

TEST(Doctor, TheWorstLineIsTheVerdict) {
  const auto of = [](Verdict verdict) {
    Diagnosis line;
    line.verdict = verdict;
    return line;
  };
  EXPECT_EQ(worst_of({}), kGood);
  EXPECT_EQ(worst_of({of(kUnknown), of(kGood)}), kGood);
  EXPECT_EQ(worst_of({of(kGood), of(kBetter), of(kUnknown)}), kBetter);
  EXPECT_EQ(worst_of({of(kWrong), of(kBetter), of(kGood)}), kWrong);
}

}  // namespace
}  // namespace penstock::cli
