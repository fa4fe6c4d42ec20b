#include "disk/mount_info.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "disk/system_text.h"

namespace penstock {

namespace {

// Thousands of mounts, as a container host has them.
constexpr std::size_t kMaxMountInfoBytes = 8 << 20;

bool is_octal(char digit) { return digit >= '0' && digit <= '7'; }

// mountinfo writes space, tab, newline and backslash as three octal digits.
std::string unescape(std::string_view text) {
  constexpr std::size_t kDigits = 3;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view digits = text.substr(i + 1, kDigits);
    unsigned code = 0;
    const bool is_escape =
        text[i] == '\\' && digits.size() == kDigits && std::ranges::all_of(digits, is_octal) &&
        std::from_chars(digits.data(), digits.data() + kDigits, code, 8).ec == std::errc() &&
        code < 256;
    plain.push_back(is_escape ? static_cast<char>(code) : text[i]);
    if (is_escape) i += kDigits;
  }
  return plain;
}

// The next field, taken off `line`. An empty one ends the line: sources may be empty, and nothing that
// this program reads stands behind them.
std::string_view take_field(std::string_view& line) {
  const std::string_view field = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), field.size() + 1));
  return field;
}

}  // namespace

std::optional<MountInfo> parse_mount_line(std::string_view line) {
  MountInfo mount;
  const std::string_view id = take_field(line);
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), mount.id);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  take_field(line);  // parent
  take_field(line);  // device number: btrfs shows another one here than in stat
  mount.root = unescape(take_field(line));
  mount.mount_point = unescape(take_field(line));
  mount.options = take_field(line);
  while (!line.empty() && take_field(line) != "-") {
  }
  mount.file_system = take_field(line);
  mount.source = unescape(take_field(line));
  const std::string_view super_options = take_field(line);
  if (mount.file_system.empty() || mount.mount_point.empty()) return std::nullopt;
  if (!super_options.empty()) mount.options.append(",").append(unescape(super_options));
  return mount;
}

std::vector<MountInfo> parse_mounts(std::string_view text) {
  std::vector<MountInfo> mounts;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (std::optional<MountInfo> mount = parse_mount_line(line)) mounts.push_back(std::move(*mount));
  }
  return mounts;
}

std::vector<MountInfo> read_mounts() {
  return parse_mounts(read_system_file("/proc/self/mountinfo", kMaxMountInfoBytes));
}

std::optional<MountInfo> find_mount(const std::string& directory,
                                    const std::vector<MountInfo>& mounts) {
  struct statx status;
  // Linux 5.8.
  if (::statx(AT_FDCWD, directory.c_str(), 0, STATX_MNT_ID, &status) != 0 ||
      (status.stx_mask & STATX_MNT_ID) == 0) {
    return std::nullopt;
  }
  const auto found = std::ranges::find(mounts, status.stx_mnt_id, &MountInfo::id);
  if (found == mounts.end()) return std::nullopt;
  return *found;
}

bool has_mount_option(std::string_view options, std::string_view option) {
  while (!options.empty()) {
    const std::string_view one = options.substr(0, options.find(','));
    if (one == option) return true;
    options.remove_prefix(std::min(options.size(), one.size() + 1));
  }
  return false;
}

std::string_view mount_option_value(std::string_view options, std::string_view name) {
  while (!options.empty()) {
    const std::string_view one = options.substr(0, options.find(','));
    if (one.starts_with(name) && one.substr(name.size()).starts_with('=')) {
      return one.substr(name.size() + 1);
    }
    options.remove_prefix(std::min(options.size(), one.size() + 1));
  }
  return {};
}

}  // namespace penstock
