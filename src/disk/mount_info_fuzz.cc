// Whatever the kernel, a container or a fake /proc shows as mountinfo or as control groups: it is read
// or left out, and what is read is what stands there.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "disk/limits.h"
#include "disk/mount_info.h"

namespace penstock {
namespace {

void try_mounts(std::string_view text) {
  const std::vector<MountInfo> mounts = parse_mounts(text);
  PENSTOCK_ASSERT(mounts.size() <= text.size(), "more mounts than there are lines");
  for (const MountInfo& mount : mounts) {
    PENSTOCK_ASSERT(!mount.file_system.empty() && !mount.mount_point.empty(),
                    "a mount without a file system or a place was accepted");
    PENSTOCK_ASSERT(mount.mount_point.size() <= text.size(), "unescaping made a path longer");
    PENSTOCK_ASSERT(mount.file_system.find(' ') == std::string::npos, "two fields were taken for one");
    (void)has_mount_option(mount.options, "data=journal");
  }
}

// With mounts of both versions at a place where nothing is.
void try_groups(std::string_view text) {
  MountInfo first;
  first.file_system = "cgroup2";
  first.mount_point = "/nowhere";
  first.root = "/a";
  MountInfo second = first;
  second.file_system = "cgroup";
  second.options = "rw,memory";
  PENSTOCK_ASSERT(control_group_limit(text, {first, second}) == kUnlimited,
                  "a limit came from nowhere");
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A path of many parts is looked up at each of them.
  constexpr std::size_t kLongestGroups = 512;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  penstock::try_mounts(text);
  penstock::try_groups(text.substr(0, kLongestGroups));
  return 0;
}
