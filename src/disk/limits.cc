#include "disk/limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "disk/system_text.h"

namespace penstock {

namespace {

namespace fs = std::filesystem;

std::uint64_t value_of(rlim_t limit) { return limit == RLIM_INFINITY ? kUnlimited : limit; }

rlimit limit_of(int resource) {
  rlimit limit{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  return limit;
}

// Version 2 says "max", version 1 a number near 2^63.
std::uint64_t group_limit_in(const fs::path& file) {
  constexpr std::uint64_t kNone = std::uint64_t{1} << 62;
  const std::uint64_t value = number_in(file.string()).value_or(kUnlimited);
  return value >= kNone ? kUnlimited : value;
}

// "HIERARCHY:CONTROLLERS:PATH", of which version 2 leaves CONTROLLERS empty.
struct OwnGroup {
  std::string_view controllers;
  std::string_view path;
};

OwnGroup parse_group(std::string_view line) {
  const std::size_t first = line.find(':');
  const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
  if (second == std::string_view::npos) return {};
  return {line.substr(first + 1, second - first - 1), line.substr(second + 1)};
}

std::uint64_t lowest_limit(const MountInfo& mount, std::string_view path, const char* file) {
  // Inside a container the mount's root is the group that the container sees as its own.
  if (path.starts_with(mount.root) && mount.root != "/") path.remove_prefix(mount.root.size());
  const fs::path top = mount.mount_point;
  std::uint64_t lowest = group_limit_in(top / file);
  fs::path group;
  for (const fs::path& part : fs::path(path).relative_path()) {
    group /= part;
    lowest = std::min(lowest, group_limit_in(top / group / file));
  }
  return lowest;
}

}  // namespace

std::uint64_t control_group_limit(std::string_view own_groups, const std::vector<MountInfo>& mounts) {
  std::uint64_t lowest = kUnlimited;
  while (!own_groups.empty()) {
    const std::string_view line = own_groups.substr(0, own_groups.find('\n'));
    own_groups.remove_prefix(std::min(own_groups.size(), line.size() + 1));
    const OwnGroup group = parse_group(line);
    if (!group.path.starts_with('/')) continue;
    for (const MountInfo& mount : mounts) {
      if (group.controllers.empty() && mount.file_system == "cgroup2") {
        lowest = std::min(lowest, lowest_limit(mount, group.path, "memory.max"));
      } else if (has_mount_option(group.controllers, "memory") && mount.file_system == "cgroup" &&
                 has_mount_option(mount.options, "memory")) {
        lowest = std::min(lowest, lowest_limit(mount, group.path, "memory.limit_in_bytes"));
      }
    }
  }
  return lowest;
}

LimitsReport read_limits(const std::vector<MountInfo>& mounts) {
  LimitsReport limits;
  const rlimit files = limit_of(RLIMIT_NOFILE);
  limits.memlock_bytes = value_of(limit_of(RLIMIT_MEMLOCK).rlim_cur);
  limits.open_files = value_of(files.rlim_cur);
  limits.open_files_hard = value_of(files.rlim_max);
  limits.file_size_bytes = value_of(limit_of(RLIMIT_FSIZE).rlim_cur);
  limits.control_group_bytes =
      control_group_limit(read_system_file("/proc/self/cgroup", 64 << 10), mounts);
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) {
    limits.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
  }
  return limits;
}

}  // namespace penstock
