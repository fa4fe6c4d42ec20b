// What the system lets this process use.
//
// Threading: any; reads /proc and /sys.
#pragma once

#include <string_view>
#include <vector>

#include "disk/mount_info.h"
#include "penstock/probe.h"

namespace penstock {

LimitsReport read_limits(const std::vector<MountInfo>& mounts);

// The lowest memory limit of the control groups that `own_groups` (the text of /proc/self/cgroup)
// names, of either version, and of those above them; kUnlimited when there is none.
std::uint64_t control_group_limit(std::string_view own_groups, const std::vector<MountInfo>& mounts);

}  // namespace penstock
