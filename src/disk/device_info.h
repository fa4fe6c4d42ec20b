// What block devices are under a directory, by sysfs.
//
// Threading: any; reads /sys. Nothing here opens a device, so no privilege is needed.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "disk/mount_info.h"
#include "penstock/probe.h"

namespace penstock {

// A sysfs tree: the kernel's own, or one that a test has made.
class DeviceTree {
 public:
  explicit DeviceTree(std::string root = "/sys") : root_(std::move(root)) {}

  // Whether the device number is that of a block device.
  bool has(dev_t device) const;
  // Everything about it, down to the hardware. What could not be found out is added to `unknown`.
  DeviceReport describe(dev_t device, std::vector<std::string>& unknown) const;

 private:
  class Walk;
  std::string root_;
};

// The device under `directory`: its own; for file systems that have device numbers of their own (btrfs)
// the mount's source; for an overlay that of its upper directory, where writes go.
DeviceReport find_device(const std::string& directory, const std::optional<MountInfo>& mount,
                         std::vector<std::string>& unknown);

}  // namespace penstock
