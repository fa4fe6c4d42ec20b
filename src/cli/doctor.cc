#include "cli/doctor.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/units.h"
#include "cli/text.h"
#include "disk/io_mode.h"

namespace penstock::cli {

namespace {

// Rings of every shard with room to spare, on kernels that count them as locked memory.
constexpr std::uint64_t kEnoughMemlockBytes = 8 * kMiB;
constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

// One full-size segment that is written while the next one is prepared.
constexpr std::uint64_t kLeastSpaceBytes = 256 * kMiB;
constexpr double kTightSpaceShare = 0.05;

constexpr std::array<std::string_view, 2> kMemoryFileSystems = {"tmpfs", "ramfs"};
constexpr std::array<std::string_view, 2> kLocalFileSystems = {"ext4", "xfs"};
constexpr std::array<std::string_view, 8> kNetworkFileSystems = {
    "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "virtiofs", "glusterfs"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// What a virtual disk says about spinning is its host's guess at best.
bool is_virtual(const ProbeReport& report) {
  return report.device.starts_with("vd") || report.device.starts_with("xvd");
}
bool spins(const ProbeReport& report) {
  return report.rotational.value_or(false) && !is_virtual(report);
}

Diagnosis file_system(const ProbeReport& report) {
  Diagnosis line{.subject = "file system",
                 .id = "file_system",
                 .verdict = Verdict::kGood,
                 .finding = "",
                 .remedy = ""};
  const std::string& name = report.file_system;
  line.finding = fmt::format("{}, {} mounted at {}", name, report.mount_source, report.mount_point);
  if (is_one_of(name, kMemoryFileSystems)) {
    line.verdict = Verdict::kWrong;
    line.remedy =
        "this file system is memory: nothing in it survives a restart. Use a directory on a disk";
  } else if (is_one_of(name, kNetworkFileSystems) || name.starts_with("fuse")) {
    line.verdict = Verdict::kCouldBeBetter;
    line.remedy =
        "what this file system calls durable is up to its server, and each commit is a round trip to "
        "it. "
        "Use a local ext4 or XFS file system";
  } else if (name == "overlay") {
    line.verdict = Verdict::kCouldBeBetter;
    line.remedy =
        "this is a container's own layer, which goes when the container does. Mount a volume for the "
        "data";
  } else if (!is_one_of(name, kLocalFileSystems)) {
    line.verdict = Verdict::kCouldBeBetter;
    line.remedy = "Penstock is measured and tested most on ext4 and XFS";
  }
  return line;
}

Diagnosis device(const ProbeReport& report) {
  Diagnosis line{
      .subject = "device", .id = "device", .verdict = Verdict::kUnknown, .finding = "", .remedy = ""};
  if (report.device.empty()) {
    line.finding = "no block device of its own";
    return line;
  }
  line.finding = report.device;
  if (is_virtual(report)) {
    line.finding += ", a virtual disk: what is under it is its host's affair";
  } else if (report.rotational.has_value()) {
    line.verdict = spins(report) ? Verdict::kCouldBeBetter : Verdict::kGood;
    line.finding += spins(report) ? ", a spinning disk" : ", a solid-state device";
  }
  if (spins(report)) {
    line.remedy = "each durable commit waits for the platter to turn (about 8 ms). Use an SSD";
  }
  return line;
}

Diagnosis space(const ProbeReport& report) {
  Diagnosis line{
      .subject = "space", .id = "space", .verdict = Verdict::kGood, .finding = "", .remedy = ""};
  line.finding = fmt::format("{} of {} available", human_bytes(report.available_bytes),
                             human_bytes(report.total_bytes));
  const double share = report.total_bytes == 0 ? 0
                                               : static_cast<double>(report.available_bytes) /
                                                     static_cast<double>(report.total_bytes);
  if (report.available_bytes < kLeastSpaceBytes) {
    line.verdict = Verdict::kWrong;
    line.remedy = fmt::format("producers are refused when the disk is full. Free at least {}",
                              human_bytes(kLeastSpaceBytes));
  } else if (share < kTightSpaceShare) {
    line.verdict = Verdict::kCouldBeBetter;
    line.remedy =
        "producers are refused when the disk is full, and file systems slow down before. Free some "
        "space";
  }
  return line;
}

Diagnosis alignment(const ProbeReport& report) {
  const DirectAlignment& units = report.alignment;
  const std::uint32_t largest = std::max({units.memory_bytes, units.offset_bytes, units.write_bytes});
  const bool fits = largest <= kBlockBytes;
  Diagnosis line{.subject = "alignment",
                 .id = "alignment",
                 .verdict = fits ? Verdict::kGood : Verdict::kCouldBeBetter,
                 .finding = "",
                 .remedy = ""};
  line.finding = fmt::format("memory {}, offset {}, write {} bytes ({})", units.memory_bytes,
                             units.offset_bytes, units.write_bytes, units.source);
  if (!fits) {
    line.remedy = fmt::format(
        "Penstock writes blocks of {} bytes; the device turns each into a read and a write. "
        "Use a device with smaller physical blocks",
        kBlockBytes);
  }
  return line;
}

Diagnosis direct_io(const ProbeReport& report) {
  Diagnosis line{.subject = "direct I/O",
                 .id = "direct",
                 .verdict = Verdict::kGood,
                 .finding = "works",
                 .remedy = ""};
  if (report.direct.works()) return line;
  line.verdict = Verdict::kCouldBeBetter;
  line.finding = fmt::format("{}: {}", to_string(report.direct.tried), report.direct.why);
  line.remedy =
      "without it latency depends on what the page cache is doing. Use a local ext4 or XFS file system";
  return line;
}

Diagnosis uncached_io(const ProbeReport& report) {
  Diagnosis line{.subject = "uncached I/O",
                 .id = "uncached",
                 .verdict = Verdict::kGood,
                 .finding = "works",
                 .remedy = ""};
  if (report.uncached.works()) return line;
  line.finding = fmt::format("{}: {}", to_string(report.uncached.tried), report.uncached.why);
  // Only wanted where direct I/O cannot be had.
  if (report.direct.works()) {
    line.finding += " (not needed: direct I/O works)";
  } else {
    line.verdict = Verdict::kCouldBeBetter;
    line.remedy = "the next best after direct I/O: Linux 6.14 or newer, on ext4 or XFS";
  }
  return line;
}

Diagnosis durable_writes(const ProbeReport& report) {
  Diagnosis line{.subject = "durable writes",
                 .id = "durable_write",
                 .verdict = Verdict::kGood,
                 .finding = "work",
                 .remedy = ""};
  if (report.durable_write.works()) return line;
  line.verdict = Verdict::kWrong;
  line.finding = fmt::format("{}: {}", to_string(report.durable_write.tried), report.durable_write.why);
  line.remedy = "nothing could be acknowledged. Use another file system";
  return line;
}

Diagnosis write_cache(const ProbeReport& report) {
  Diagnosis line{.subject = "write cache",
                 .id = "write_cache",
                 .verdict = Verdict::kUnknown,
                 .finding = "not known",
                 .remedy = ""};
  if (report.write_cache.empty()) return line;
  line.finding = report.write_cache;
  const bool volatile_cache = report.write_cache == "write back";
  line.verdict = volatile_cache ? Verdict::kCouldBeBetter : Verdict::kGood;
  if (!volatile_cache) return line;
  line.finding += ": what the device acknowledges may still be in its own memory";
  if (report.fua.value_or(false)) {
    line.verdict = Verdict::kGood;
    line.finding += "; each commit is written through it (FUA)";
  } else {
    line.remedy =
        "each commit has to empty the whole cache. A device with protection against power loss "
        "has no need to: it says 'write through'";
  }
  return line;
}

Diagnosis fua(const ProbeReport& report) {
  Diagnosis line{.subject = "FUA",
                 .id = "fua",
                 .verdict = Verdict::kUnknown,
                 .finding = "not known",
                 .remedy = ""};
  if (!report.fua.has_value()) return line;
  line.finding = *report.fua ? "yes: one durable write needs no flush of the whole device" : "no";
  const bool needed = report.write_cache != "write through";
  line.verdict = *report.fua || !needed ? Verdict::kGood : Verdict::kCouldBeBetter;
  if (!*report.fua && !needed) line.finding += " (not needed: the cache is write through)";
  if (!*report.fua && needed) {
    line.finding += ": a durable write is a write, then a flush of the whole device";
    line.remedy =
        is_virtual(report)
            ? "the host decides; disks attached as virtual NVMe devices usually have FUA"
            : "NVMe devices have FUA; SATA devices may, with the kernel parameter libata.fua=1";
  }
  return line;
}

Diagnosis scheduler(const ProbeReport& report) {
  Diagnosis line{.subject = "I/O scheduler",
                 .id = "io_scheduler",
                 .verdict = Verdict::kUnknown,
                 .finding = "not known",
                 .remedy = ""};
  if (report.io_scheduler.empty()) return line;
  line.finding = report.io_scheduler;
  const bool good = report.io_scheduler == "none" || spins(report);
  line.verdict = good ? Verdict::kGood : Verdict::kCouldBeBetter;
  if (!good) {
    line.remedy = fmt::format(
        "this device needs none, and each commit passes through it: "
        "echo none > /sys/block/{}/queue/scheduler",
        report.device);
  }
  return line;
}

Diagnosis io_uring(const ProbeReport& report) {
  Diagnosis line{.subject = "io_uring",
                 .id = "io_uring",
                 .verdict = Verdict::kGood,
                 .finding = "works",
                 .remedy = ""};
  if (report.io_uring.works()) return line;
  line.verdict = Verdict::kCouldBeBetter;
  line.finding = fmt::format("{}: {}", to_string(report.io_uring.tried), report.io_uring.why);
  line.remedy =
      "until then the server uses a few threads with blocking calls: the same promises, more CPU";
  return line;
}

Diagnosis memlock(const ProbeReport& report) {
  const std::uint64_t limit = report.memlock_limit_bytes;
  const bool enough = limit >= kEnoughMemlockBytes;
  Diagnosis line{.subject = "memlock limit",
                 .id = "memlock",
                 .verdict = enough ? Verdict::kGood : Verdict::kCouldBeBetter,
                 .finding = "",
                 .remedy = ""};
  line.finding = limit == kUnlimited ? "unlimited" : human_bytes(limit);
  if (!enough) {
    line.remedy =
        fmt::format("raise it to {} or more: `ulimit -l`, or LimitMEMLOCK= in the systemd unit",
                    human_bytes(kEnoughMemlockBytes));
  }
  return line;
}

Diagnosis io_mode(const ProbeReport& report) {
  Diagnosis line{
      .subject = "I/O mode", .id = "io_mode", .verdict = Verdict::kWrong, .finding = "", .remedy = ""};
  const Result<ChosenMode> chosen = choose_io_mode(report, RequestedIoMode::kAuto);
  if (!chosen) {
    line.finding = "none";
    line.remedy = chosen.error().message();
    return line;
  }
  line.verdict = chosen->mode == IoMode::kDirect ? Verdict::kGood : Verdict::kCouldBeBetter;
  line.finding = fmt::format("{}: {}", to_string(chosen->mode), chosen->reason);
  return line;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood: return "good";
    case Verdict::kCouldBeBetter: return "could be better";
    case Verdict::kWrong: return "wrong";
    case Verdict::kUnknown: return "-";
  }
  return "-";
}

std::vector<Diagnosis> diagnose(const ProbeReport& report) {
  return {file_system(report), device(report),      space(report),          alignment(report),
          direct_io(report),   uncached_io(report), durable_writes(report), write_cache(report),
          fua(report),         scheduler(report),   io_uring(report),       memlock(report),
          io_mode(report)};
}

}  // namespace penstock::cli
