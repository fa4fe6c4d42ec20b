// probe: what direct I/O is worth on the file system of a path.
//
// Asks the system (statx, statfs, mountinfo, sysfs), and then believes only what it has tried on a
// small temporary file: file systems accept O_DIRECT and go through the page cache all the same (tmpfs,
// ext4 with data=journal, btrfs with checksums). The temporary file never has a name that survives.
//
// Threading: any; blocks for some milliseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"

namespace penstock {

// What was found out by trying.
enum class Tried {
  kWorks,
  kFails,
  kIgnored,  // accepted, and done through the page cache all the same
};
std::string_view to_string(Tried tried);

// One finding and, unless it works, the reason in words.
struct Finding {
  Tried tried = Tried::kFails;
  std::string why;

  bool works() const { return tried == Tried::kWorks; }
};

// The units of direct I/O, in bytes. Powers of two.
struct DirectAlignment {
  std::uint32_t memory_bytes = 0;
  std::uint32_t offset_bytes = 0;
  // To write without making the device read first: at least the physical block.
  std::uint32_t write_bytes = 0;
  std::string source;  // "statx", "XFS_IOC_DIOINFO", "BLKSSZGET" or "assumed"
};

struct ProbeReport {
  std::string path;       // as asked for
  std::string directory;  // that was probed: the path, or its parent

  std::string file_system;  // "ext4", "xfs", "btrfs", "tmpfs", "overlay", ...
  std::string mount_point;
  std::string mount_options;  // the mount's and the file system's own
  std::string mount_source;   // "/dev/vda1"

  std::string device;  // kernel name, "vda"; empty when there is no block device of its own
  std::uint32_t logical_block_bytes = 0;
  std::uint32_t physical_block_bytes = 0;
  std::string write_cache;   // "write back", "write through", or empty when unknown
  std::optional<bool> fua;   // force unit access: one durable write without a whole-device flush
  std::string io_scheduler;  // "none", "mq-deadline", ...
  std::optional<bool> rotational;

  DirectAlignment alignment;
  Finding direct;         // O_DIRECT
  Finding uncached;       // RWF_DONTCACHE
  Finding durable_write;  // RWF_DSYNC
  Finding io_uring;

  std::uint64_t memlock_limit_bytes = 0;  // RLIMIT_MEMLOCK; UINT64_MAX when unlimited
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;
  std::string kernel;  // "6.18.44"
};

// `path` is a directory, or the name of something in one, which need not exist.
// Errors: kPermission (not writable, read-only), kNotFound, kNoSpace, kIo.
Result<ProbeReport> probe(const std::string& path);

}  // namespace penstock
