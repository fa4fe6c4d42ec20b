#include "disk/mount_info.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace penstock {

namespace {

namespace fs = std::filesystem;

// mountinfo writes space, tab, newline and backslash as three octal digits.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ec == std::errc()) {
      plain.push_back(static_cast<char>(code));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

// "ID PARENT MAJOR:MINOR ROOT MOUNT_POINT OPTIONS TAGS... - FILE_SYSTEM SOURCE SUPER_OPTIONS"
std::optional<MountInfo> parse_line(const std::string& line, std::uint64_t wanted_id) {
  std::istringstream fields(line);
  std::uint64_t id = 0;
  std::string skipped, mount_point, options, source, super_options;
  MountInfo mount;
  fields >> id >> skipped >> skipped >> skipped >> mount_point >> options;
  if (!fields || id != wanted_id) return std::nullopt;
  while (fields >> skipped && skipped != "-") {
  }
  fields >> mount.file_system >> source >> super_options;
  mount.mount_point = unescape(mount_point);
  mount.source = unescape(source);
  mount.options = options + "," + super_options;
  return mount;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<std::uint32_t> number_in(const fs::path& path) {
  const std::string text = first_line(path);
  std::uint32_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
    return std::nullopt;
  return value;
}

std::optional<bool> flag_in(const fs::path& path) {
  const std::optional<std::uint32_t> value = number_in(path);
  if (!value) return std::nullopt;
  return *value != 0;
}

// sysfs lists the schedulers and puts the one in use in brackets.
std::string scheduler_in(const fs::path& path) {
  std::string line = first_line(path);
  const std::size_t open = line.find('[');
  const std::size_t close = line.find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return line;
  return line.substr(open + 1, close - open - 1);
}

// Where sysfs describes a device number; empty when it has no block device.
fs::path sysfs_of(dev_t device) {
  std::error_code error;
  const fs::path link = fmt::format("/sys/dev/block/{}:{}", major(device), minor(device));
  fs::path path = fs::canonical(link, error);
  return error ? fs::path() : path;
}

}  // namespace

bool MountInfo::has_option(std::string_view option) const {
  return ("," + options + ",").find(fmt::format(",{},", option)) != std::string::npos;
}

MountInfo find_mount(const std::string& directory) {
  struct statx status;
  // Linux 5.8. The device number does not do: btrfs shows another one in mountinfo than in stat.
  if (::statx(AT_FDCWD, directory.c_str(), 0, STATX_MNT_ID, &status) != 0 ||
      (status.stx_mask & STATX_MNT_ID) == 0) {
    return {};
  }
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    if (std::optional<MountInfo> mount = parse_line(line, status.stx_mnt_id)) return *mount;
  }
  return {};
}

DeviceInfo find_device(const std::string& directory, const MountInfo& mount) {
  struct stat status;
  fs::path path;
  if (::stat(directory.c_str(), &status) == 0) path = sysfs_of(status.st_dev);
  if (path.empty() && mount.source.starts_with("/dev/") && ::stat(mount.source.c_str(), &status) == 0) {
    path = sysfs_of(status.st_rdev);
  }
  if (path.empty()) return {};

  DeviceInfo device;
  device.name = path.filename().string();
  // A partition has no queue of its own; its disk is the directory above.
  std::error_code error;
  const bool has_queue = fs::exists(path / "queue", error);
  const fs::path queue = (has_queue ? path : path.parent_path()) / "queue";
  device.logical_block_bytes = number_in(queue / "logical_block_size").value_or(0);
  device.physical_block_bytes = number_in(queue / "physical_block_size").value_or(0);
  device.write_cache = first_line(queue / "write_cache");
  device.fua = flag_in(queue / "fua");
  device.io_scheduler = scheduler_in(queue / "scheduler");
  device.rotational = flag_in(queue / "rotational");
  return device;
}

}  // namespace penstock
