// What the system says about the file system and the block device under a path. Nothing is tried here.
//
// Threading: any; reads /proc and /sys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace penstock {

// A line of /proc/self/mountinfo. All fields are empty when it cannot be read.
struct MountInfo {
  std::string file_system;
  std::string mount_point;
  std::string options;  // the mount's own, then the file system's, joined by commas
  std::string source;

  bool has_option(std::string_view option) const;
};

struct DeviceInfo {
  std::string name;  // "vda"; empty when no block device is known
  std::uint32_t logical_block_bytes = 0;
  std::uint32_t physical_block_bytes = 0;
  std::string write_cache;
  std::optional<bool> fua;
  std::string io_scheduler;
  std::optional<bool> rotational;
};

// The mount that `directory`, which exists, is on.
MountInfo find_mount(const std::string& directory);

// The device under it: the directory's own, or for file systems that span devices (btrfs) the mount's
// source.
DeviceInfo find_device(const std::string& directory, const MountInfo& mount);

}  // namespace penstock
