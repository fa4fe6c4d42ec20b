// probe: what direct I/O is worth on the file system of a path. measure: how fast it is there.
//
// probe() asks the system (statx, statfs, mountinfo, sysfs), and then believes only what it has tried
// on a small temporary file: file systems accept O_DIRECT and go through the page cache all the same
// (tmpfs, ext4 with data=journal, btrfs with checksums). measure() does real I/O for a bounded time, in
// bounded space.
//
//     penstock::Result<penstock::ProbeReport> report = penstock::probe("/var/lib/orders");
//     if (!report) return complain(report.error().message());
//     if (!report->direct.works()) warn(report->direct.why);
//
// Ownership: reports are plain values. Threading: any thread; probe() blocks for some milliseconds,
// measure() for the time that it was given. Durability: the temporary files of both have no name, or
// lose it before anything is written, so nothing is left behind however the process ends.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/export.h"
#include "penstock/io_mode.h"
#include "penstock/result.h"

namespace penstock {

// What was found out by trying.
enum class Tried {
  kWorks,
  kFails,
  kIgnored,   // accepted, and done through the page cache all the same
  kNotTried,  // it could not be tried; `why` says what was in the way
};
// "works", "fails", "ignored", "not tried".
PENSTOCK_API std::string_view to_string(Tried tried);

// One finding and, unless it works, the reason in words.
struct Finding {
  Tried tried = Tried::kNotTried;
  std::string why;

  bool works() const { return tried == Tried::kWorks; }
};

// A limit that is not there.
inline constexpr std::uint64_t kUnlimited = UINT64_MAX;

struct KernelReport {
  std::string release;  // "6.18.44-amd64"
  // Both 0 when the release does not begin with a version.
  unsigned major_version = 0;
  unsigned minor_version = 0;

  bool is_at_least(unsigned major, unsigned minor) const {
    return major_version != major ? major_version > major : minor_version >= minor;
  }
};

struct FileSystemReport {
  std::string type;  // "ext4", "xfs", "btrfs", "tmpfs", "overlay", ...
  std::string mount_point;
  std::string mount_options;  // the mount's, then the file system's own, joined by commas
  std::string source;         // "/dev/vda1"
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  // to this process
  // Both 0 where the file system makes inodes as it needs them.
  std::uint64_t total_inodes = 0;
  std::uint64_t available_inodes = 0;

  // "noatime", "data=journal": the whole option, not a part of one.
  PENSTOCK_API bool has_option(std::string_view option) const;
};

// One step of the way from the file system down to the hardware.
struct DeviceLayer {
  std::string name;  // the kernel's: "vda1", "dm-0", "loop3"
  std::string kind;  // "partition", "loop", "raid", "mapped" or "disk"
  std::string
      detail;  // "raid1", "LVM volume vg-data", "in /images/a.img"; empty when there is nothing to add
};

struct DeviceReport {
  std::string name;                 // "vda1"; empty when there is no block device of its own
  std::vector<DeviceLayer> layers;  // from the file system's device down; bounded
  // What the file system's device promises (the kernel combines it from the layers below).
  std::uint32_t logical_block_bytes = 0;
  std::uint32_t physical_block_bytes = 0;
  std::string write_cache;         // "write back", "write through", or empty when unknown
  std::optional<bool> fua;         // force unit access: one durable write without a whole-device flush
  std::optional<bool> rotational;  // as the device says; virtual disks guess
  // Of the lowest layer, where requests meet the hardware.
  std::string io_scheduler;         // "none", "mq-deadline", ...; empty when unknown
  std::string io_scheduler_device;  // whose it is
  // Of a loop device among the layers: whether it goes past the page cache of the file system that
  // holds its file.
  std::optional<bool> loop_direct_io;
};

// The units of direct I/O, in bytes. Powers of two.
struct DirectAlignment {
  std::uint32_t memory_bytes = 0;
  std::uint32_t offset_bytes = 0;
  // Reads may have a smaller one (Linux 6.14, XFS); else the same as offset_bytes.
  std::uint32_t read_bytes = 0;
  // To write without making the device read first: at least the physical block.
  std::uint32_t write_bytes = 0;
  std::string source;  // "statx", "XFS_IOC_DIOINFO", "logical block" or "assumed"
};

// Writes that are wholly there or not at all after a power cut, by the device's own promise
// (RWF_ATOMIC).
struct AtomicWrites {
  // Powers of two; both 0 when there are none.
  std::uint32_t min_bytes = 0;
  std::uint32_t max_bytes = 0;
  Finding finding;
};

struct UringReport {
  Finding finding;  // whether a ring that Penstock can use was granted
  // kernel.io_uring_disabled: 0 allowed, 1 only for a group, 2 for nobody. Empty before Linux 6.6,
  // which has no such switch.
  std::optional<unsigned> disabled_sysctl;
  bool single_issuer = false;                // IORING_SETUP_SINGLE_ISSUER, Linux 6.0
  bool defer_taskrun = false;                // IORING_SETUP_DEFER_TASKRUN, Linux 6.1
  std::vector<std::string> missing_opcodes;  // that Penstock would use: "FTRUNCATE"
};

// What this process may use.
struct LimitsReport {
  std::uint64_t memlock_bytes = kUnlimited;    // RLIMIT_MEMLOCK
  std::uint64_t open_files = kUnlimited;       // RLIMIT_NOFILE, soft
  std::uint64_t open_files_hard = kUnlimited;  // RLIMIT_NOFILE, hard: how far a process may raise it
  std::uint64_t file_size_bytes = kUnlimited;  // RLIMIT_FSIZE
  std::uint64_t control_group_bytes = kUnlimited;  // the lowest memory limit of its control groups
  std::uint64_t memory_bytes = 0;                  // the machine's
};

struct ProbeReport {
  std::string path;       // as asked for
  std::string directory;  // that was probed: the path, or its parent

  KernelReport kernel;
  FileSystemReport file_system;
  DeviceReport device;
  LimitsReport limits;

  // Tried on a temporary file in the directory.
  Finding writable;  // whether there could be one
  DirectAlignment alignment;
  Finding direct;         // O_DIRECT
  Finding uncached;       // RWF_DONTCACHE
  Finding durable_write;  // RWF_DSYNC
  Finding nowait;         // RWF_NOWAIT, over bytes that are there: a ring need not hand it to a worker
  Finding allocate;       // fallocate
  Finding write_zeroes;   // FALLOC_FL_WRITE_ZEROES (Linux 6.17): prewritten space without writing it
  AtomicWrites atomic_writes;

  UringReport io_uring;

  // What could not be found out, and why: whole sentences without a full stop.
  std::vector<std::string> unknown;
};

struct ProbeOptions {
  // Where no file may be made (a read-only mount, no permission), report what can be seen, and
  // kNotTried for the rest, instead of an error.
  bool look_only_if_denied = false;
};

// `path` is a directory, or the name of something in one, which need not exist.
// Errors, which name path and file system: kPermission (not writable, read-only), kNotFound, kNoSpace,
// kInvalidArgument (a part of the path is no directory), kTooLarge (RLIMIT_FSIZE), kIo.
PENSTOCK_API Result<ProbeReport> probe(const std::string& path, ProbeOptions options = {});

struct ChosenMode {
  IoMode mode = IoMode::kBuffered;
  std::string reason;  // one sentence for a log
};

// The mode that a request comes to. Errors: kNotSupported, naming the path, the file system, what was
// asked, what is possible and what to do; kPermission when nothing could be tried.
PENSTOCK_API Result<ChosenMode> choose_io_mode(const ProbeReport& report, RequestedIoMode requested);

// How long one kind of operation took, alone in flight.
struct LatencySeries {
  std::vector<float> samples_us;  // in the order in which they were taken
  // Both 0 without samples.
  double p50_us = 0;
  double p99_us = 0;
};

// Many operations in a row, with `in_flight` of them at a time.
struct Throughput {
  std::uint64_t bytes = 0;
  std::uint64_t operations = 0;
  double seconds = 0;
  unsigned in_flight = 0;

  double bytes_per_second() const { return seconds > 0 ? static_cast<double>(bytes) / seconds : 0; }
  double operations_per_second() const {
    return seconds > 0 ? static_cast<double>(operations) / seconds : 0;
  }
};

struct Measurement {
  IoMode mode = IoMode::kBuffered;  // in which all of it was done
  bool io_uring = false;            // or by plain system calls
  double seconds = 0;               // it took
  std::uint64_t file_bytes = 0;     // the space it used at most
  // How much of the machine's processors was in use meanwhile, by anybody: 0 to 1. Near 1, latencies
  // are those of the processors too, which the kernel's own threads wait for. Nothing where it is not
  // known.
  std::optional<double> processor_use;

  // Durable writes of 4 KiB, one after the other, by what is at their place in the file.
  LatencySeries durable_growing;     // nothing: each makes the file longer
  LatencySeries durable_allocated;   // space from fallocate that was never written
  LatencySeries durable_prewritten;  // bytes that were written before
  // Reads of 4 KiB at random places of what was written.
  LatencySeries random_read;
  Throughput random_read_many;  // with 32 in flight; empty without io_uring
  // In pieces of 1 MiB. Each written one is durable.
  Throughput sequential_write;
  Throughput sequential_read;
  // What the numbers do not show, or could not be taken: whole sentences without a full stop.
  std::vector<std::string> notes;
};

struct MeasureOptions {
  RequestedIoMode mode = RequestedIoMode::kAuto;
  // 1 to 60. Evenly split between what is measured; exceeded only by operations that were in flight.
  unsigned seconds = 2;
  // The space for all of it: at most this, and at most a tenth of what is available.
  std::uint64_t max_bytes = 256ULL << 20;
  // Told a few times a second what is being measured, and which share of the time has passed; on the
  // thread that measures.
  std::function<void(std::string_view what, double share)> progress = {};
};

// Measures where `report` was made. Errors: those of choose_io_mode; kInvalidArgument (seconds),
// kNoSpace (less than 80 MiB available, or the disk filled up meanwhile), kPermission, kTooLarge
// (RLIMIT_FSIZE), kIo.
PENSTOCK_API Result<Measurement> measure(const ProbeReport& report, const MeasureOptions& options = {});

}  // namespace penstock
