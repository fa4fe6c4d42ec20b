// Which mount a directory is on, by /proc/self/mountinfo.
//
// Threading: any; reads /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// One line of mountinfo.
struct MountInfo {
  std::uint64_t id = 0;
  std::string root;  // what of the file system is mounted: "/" unless it is a part
  std::string mount_point;
  std::string options;  // the mount's own, then the file system's, joined by commas
  std::string file_system;
  std::string source;
};

// "ID PARENT MAJOR:MINOR ROOT MOUNT_POINT OPTIONS TAGS... - FILE_SYSTEM SOURCE SUPER_OPTIONS"; nothing
// unless all of it is there.
std::optional<MountInfo> parse_mount_line(std::string_view line);

// Every line that can be read; others are left out.
std::vector<MountInfo> parse_mounts(std::string_view text);
std::vector<MountInfo> read_mounts();

// The mount that `directory`, which exists, is on; nothing where the system does not say.
std::optional<MountInfo> find_mount(const std::string& directory, const std::vector<MountInfo>& mounts);

// One whole option of a list that is joined by commas.
bool has_mount_option(std::string_view options, std::string_view option);
// What stands behind "NAME=" in it; empty when it is not there.
std::string_view mount_option_value(std::string_view options, std::string_view name);

}  // namespace penstock
