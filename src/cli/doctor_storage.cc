// Where the data lies: file system, mount, space and device.

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/units.h"
#include "cli/doctor_lines.h"
#include "cli/text.h"

namespace penstock::cli {

namespace {

// One full-size segment that is written while the next one is prepared.
constexpr std::uint64_t kLeastSpaceBytes = 256 * kMiB;
constexpr double kTightSpaceShare = 0.05;
// A segment and its index per roll, in every partition.
constexpr std::uint64_t kFewInodes = 10'000;

constexpr std::array<std::string_view, 3> kMemoryFileSystems = {"tmpfs", "ramfs", "devtmpfs"};
constexpr std::array<std::string_view, 2> kLocalFileSystems = {"ext4", "xfs"};
constexpr std::array<std::string_view, 8> kNetworkFileSystems = {
    "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "virtiofs", "glusterfs"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

std::string lowest_layer(const DeviceReport& device) {
  return device.layers.empty() ? device.name : device.layers.back().name;
}

bool has_layer(const DeviceReport& device, std::string_view kind) {
  return std::ranges::find(device.layers, kind, &DeviceLayer::kind) != device.layers.end();
}

// What a virtual disk says about spinning is its host's guess at best.
bool is_virtual(const DeviceReport& device) {
  const std::string name = lowest_layer(device);
  return name.starts_with("vd") || name.starts_with("xvd");
}
bool spins(const DeviceReport& device) {
  return device.rotational.value_or(false) && !is_virtual(device);
}
bool forgets_nothing(const DeviceReport& device) { return device.write_cache == "write through"; }

Diagnosis file_system(const FileSystemReport& fs) {
  constexpr Subject kSubject{"file system", "file_system"};
  std::string finding = fmt::format("{}, {} mounted at {}", fs.type, fs.source, fs.mount_point);
  if (is_memory(fs)) {
    return kSubject.wrong(
        std::move(finding),
        "this file system is memory: nothing in it survives a restart. Use a directory on a disk");
  }
  if (is_one_of(fs.type, kNetworkFileSystems) || fs.type.starts_with("fuse")) {
    return kSubject.could_be_better(
        std::move(finding),
        "what this file system calls durable is up to its server, and each commit is a round trip to "
        "it. Use a local ext4 or XFS file system");
  }
  if (fs.type == "overlay") {
    return kSubject.could_be_better(
        std::move(finding),
        "this is a container's own layer, which goes when the container does. Mount a volume for the "
        "data");
  }
  if (!is_one_of(fs.type, kLocalFileSystems)) {
    return kSubject.could_be_better(std::move(finding),
                                    "Penstock is measured and tested most on ext4 and XFS");
  }
  return kSubject.good(std::move(finding));
}

struct OptionAdvice {
  std::string_view option;
  std::string_view remedy;
};

// Options that cost something, with what to do.
constexpr OptionAdvice kCostlyOptions[] = {
    {"discard",
     "'discard' sends a TRIM with each commit of the journal that frees space, and writes wait for it: "
     "mount "
     "with 'nodiscard' and run fstrim.timer"},
    {"sync",
     "'sync' makes every write wait for the device, also those that need not: mount without it"},
    {"dirsync", "'dirsync' makes every change of a name wait for the device: mount without it"},
    {"wsync", "'wsync' makes every change of a name wait for the device: mount without it"},
    {"strictatime", "'strictatime' writes a time stamp for each read: mount with 'noatime'"},
};

bool is_compressed(const FileSystemReport& fs) {
  // Others have options of that prefix too; of no file system do they mean anything else.
  return ("," + fs.mount_options).find(",compress") != std::string::npos &&
         !fs.has_option("compress=no");
}

Diagnosis mount_options(const ProbeReport& report) {
  constexpr Subject kSubject{"mount options", "mount_options"};
  const FileSystemReport& fs = report.file_system;
  if (fs.mount_options.empty()) return kSubject.unknown("not known");
  if (fs.has_option("ro")) {
    return kSubject.wrong(
        fs.mount_options,
        fmt::format("mounted read-only: `mount -o remount,rw {}`, or use another directory",
                    fs.mount_point));
  }
  const bool has_no_barriers = fs.has_option("nobarrier") || fs.has_option("barrier=0");
  if (has_no_barriers && !forgets_nothing(report.device)) {
    return kSubject.wrong(
        fs.mount_options,
        "without barriers the device is never told to empty its cache: a power cut takes "
        "what was acknowledged. Mount with 'barrier'");
  }
  std::vector<std::string_view> remedies;
  for (const OptionAdvice& advice : kCostlyOptions) {
    if (fs.has_option(advice.option)) remedies.push_back(advice.remedy);
  }
  if (is_compressed(fs)) {
    remedies.emplace_back(
        "compressed files cannot be written past the page cache, and records are compressed by "
        "producers "
        "already: mount without 'compress', or `chattr +m` on the empty directory");
  }
  if (remedies.empty()) return kSubject.good(fs.mount_options);
  return kSubject.could_be_better(fs.mount_options, fmt::format("{}", fmt::join(remedies, "; ")));
}

Diagnosis space(const FileSystemReport& fs) {
  constexpr Subject kSubject{"space", "space"};
  std::string finding =
      fmt::format("{} of {} available", human_bytes(fs.available_bytes), human_bytes(fs.total_bytes));
  if (fs.available_bytes < kLeastSpaceBytes) {
    return kSubject.wrong(std::move(finding),
                          fmt::format("producers are refused when the disk is full. Free at least {}",
                                      human_bytes(kLeastSpaceBytes)));
  }
  const double share = static_cast<double>(fs.available_bytes) / static_cast<double>(fs.total_bytes);
  if (share < kTightSpaceShare) {
    return kSubject.could_be_better(std::move(finding),
                                    "producers are refused when the disk is full, and file systems "
                                    "slow down before. Free some space");
  }
  return kSubject.good(std::move(finding));
}

Diagnosis inodes(const FileSystemReport& fs) {
  constexpr Subject kSubject{"inodes", "inodes"};
  if (fs.total_inodes == 0) return kSubject.good("made as they are needed");
  std::string finding =
      fmt::format("{} of {} available", with_commas(fs.available_inodes), with_commas(fs.total_inodes));
  if (fs.available_inodes == 0) {
    return kSubject.wrong(
        std::move(finding),
        "no file can be made, however much space there is. Remove files, or make the file "
        "system anew with more inodes (mkfs.ext4 -i)");
  }
  if (fs.available_inodes < kFewInodes) {
    return kSubject.could_be_better(
        std::move(finding),
        "each segment of each partition takes two. Remove files, or use fewer "
        "partitions or larger segments");
  }
  return kSubject.good(std::move(finding));
}

// "vda1, a partition; vda, a disk (Samsung ...)".
std::string layers_text(const DeviceReport& device) {
  std::vector<std::string> parts;
  for (const DeviceLayer& layer : device.layers) {
    std::string part = fmt::format("{} ({}", layer.name, layer.kind);
    if (!layer.detail.empty()) part += (layer.kind == "loop" ? " " : ": ") + layer.detail;
    parts.push_back(part + ")");
  }
  return fmt::format("{}", fmt::join(parts, " on "));
}

Diagnosis device(const DeviceReport& device) {
  constexpr Subject kSubject{"device", "device"};
  if (device.name.empty()) return kSubject.unknown("no block device of its own");
  std::string finding = device.layers.empty() ? device.name : layers_text(device);
  if (has_layer(device, "loop")) {
    const bool is_buffered = device.loop_direct_io == false;
    return kSubject.could_be_better(
        std::move(finding),
        is_buffered
            ? "a loop device adds a file system under the file system, and this one goes through its "
              "page cache: `losetup --direct-io=on`, or put the data on the device itself"
            : "a loop device adds a file system under the file system: put the data on the device "
              "itself");
  }
  const auto raid = std::ranges::find(device.layers, "raid", &DeviceLayer::kind);
  if (raid != device.layers.end() &&
      (raid->detail == "raid4" || raid->detail == "raid5" || raid->detail == "raid6")) {
    return kSubject.could_be_better(std::move(finding),
                                    "parity RAID reads before it can write a small commit, and after a "
                                    "power cut it may have to guess. Use "
                                    "RAID 1 or 10, or one device");
  }
  if (spins(device)) {
    return kSubject.could_be_better(
        finding + ", spinning",
        "each durable commit waits for the platter to turn (about 8 ms). Use an SSD");
  }
  if (is_virtual(device)) {
    return kSubject.unknown(finding + ", virtual: what is under it is its host's affair");
  }
  if (!device.rotational.has_value()) return kSubject.unknown(std::move(finding));
  return kSubject.good(finding + ", solid-state");
}

Diagnosis write_cache(const DeviceReport& device) {
  constexpr Subject kSubject{"write cache", "write_cache"};
  if (device.write_cache.empty()) return kSubject.unknown("not known");
  if (device.write_cache != "write back") return kSubject.good(device.write_cache);
  std::string finding =
      device.write_cache + ": what the device acknowledges may still be in its own memory";
  if (device.fua.value_or(false)) {
    return kSubject.good(finding + "; each commit is written through it (FUA)");
  }
  return kSubject.could_be_better(
      std::move(finding),
      "each commit has to empty the whole cache. A device with protection against power loss "
      "has no need to: it says 'write through'");
}

Diagnosis fua(const DeviceReport& device) {
  constexpr Subject kSubject{"FUA", "fua"};
  if (!device.fua.has_value()) return kSubject.unknown("not known");
  if (*device.fua) return kSubject.good("yes: one durable write needs no flush of the whole device");
  if (forgets_nothing(device)) return kSubject.good("no (not needed: the cache is write through)");
  return kSubject.could_be_better(
      "no: a durable write is a write, then a flush of the whole device",
      is_virtual(device)
          ? "the host decides; disks attached as virtual NVMe devices usually have FUA"
          : "NVMe devices have FUA; SATA devices may, with the kernel parameter libata.fua=1");
}

Diagnosis scheduler(const DeviceReport& device) {
  constexpr Subject kSubject{"I/O scheduler", "io_scheduler"};
  if (device.io_scheduler.empty()) return kSubject.unknown("not known");
  std::string finding =
      device.io_scheduler_device == device.name
          ? device.io_scheduler
          : fmt::format("{} (of {})", device.io_scheduler, device.io_scheduler_device);
  if (device.io_scheduler == "none" || spins(device)) return kSubject.good(std::move(finding));
  return kSubject.could_be_better(
      std::move(finding), fmt::format("this device needs none, and each commit passes through it: "
                                      "`echo none > /sys/block/{}/queue/scheduler`, as root",
                                      device.io_scheduler_device));
}

}  // namespace

bool is_memory(const FileSystemReport& file_system) {
  return is_one_of(file_system.type, kMemoryFileSystems);
}

std::vector<Diagnosis> storage_lines(const ProbeReport& report) {
  return {file_system(report.file_system),
          mount_options(report),
          space(report.file_system),
          inodes(report.file_system),
          device(report.device),
          write_cache(report.device),
          fua(report.device),
          scheduler(report.device)};
}

}  // namespace penstock::cli
