#include "disk/device_info.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>

#include "disk/system_text.h"

namespace penstock {

namespace {

namespace fs = std::filesystem;

// Deeper or wider than any machine; an end if the links should form a circle.
constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kMaxLayers = 32;

std::string text_in(const fs::path& path) { return first_line_of(path.string()); }

std::uint32_t bytes_in(const fs::path& path) {
  const std::uint64_t value = number_in(path.string()).value_or(0);
  return value > UINT32_MAX ? 0 : static_cast<std::uint32_t>(value);
}

std::optional<bool> flag_in(const fs::path& path) {
  const std::optional<std::uint64_t> value = number_in(path.string());
  if (!value) return std::nullopt;
  return *value != 0;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// sysfs lists the schedulers and puts the one in use in brackets.
std::string scheduler_in(const fs::path& path) {
  std::string line = text_in(path);
  const std::size_t open = line.find('[');
  const std::size_t close = line.find(']', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return line;
  return line.substr(open + 1, close - open - 1);
}

// A partition has no queue of its own; its disk is the directory above.
fs::path queue_of(const fs::path& device) {
  return (is_there(device / "queue") ? device : device.parent_path()) / "queue";
}

// "LVM volume vg-data", "encrypted, vg-data": what device-mapper's names begin with tells who made it.
std::string mapping_of(const fs::path& device) {
  std::string name = text_in(device / "dm/name");
  const std::string uuid = text_in(device / "dm/uuid");
  if (uuid.starts_with("LVM-")) return "LVM volume " + name;
  if (uuid.starts_with("CRYPT-")) return "encrypted, " + name;
  if (uuid.starts_with("mpath-")) return "multipath " + name;
  return name;
}

std::vector<fs::path> slaves_of(const fs::path& device) {
  std::vector<fs::path> slaves;
  std::error_code error;
  fs::directory_iterator entry(device / "slaves", error);
  for (; !error && entry != fs::directory_iterator() && slaves.size() < kMaxLayers;
       entry.increment(error)) {
    std::error_code broken;
    fs::path slave = fs::canonical(entry->path(), broken);
    if (!broken) slaves.push_back(std::move(slave));
  }
  std::ranges::sort(slaves);
  return slaves;
}

// Where sysfs describes a device number; empty when it has no block device.
fs::path directory_of(const std::string& root, dev_t device) {
  std::error_code error;
  fs::path path =
      fs::canonical(fmt::format("{}/dev/block/{}:{}", root, major(device), minor(device)), error);
  return error ? fs::path() : path;
}

}  // namespace

// Collects the layers, the first one first, each before what is under it.
class DeviceTree::Walk {
 public:
  Walk(const std::string& root, DeviceReport& report, std::vector<std::string>& unknown)
      : root_(root), report_(report), unknown_(unknown) {}

  void visit(const fs::path& device, std::size_t depth) {
    if (depth >= kMaxDepth || report_.layers.size() >= kMaxLayers) {
      unknown_.push_back(
          fmt::format("what is under {}: it has too many layers", device.filename().string()));
      return;
    }
    if (is_there(device / "partition")) {
      add(device, "partition", "");
      visit(device.parent_path(), depth + 1);
    } else if (is_there(device / "loop")) {
      visit_loop(device, depth);
    } else if (is_there(device / "md")) {
      add(device, "raid", text_in(device / "md/level"));
      visit_slaves(device, depth);
    } else if (is_there(device / "dm")) {
      add(device, "mapped", mapping_of(device));
      visit_slaves(device, depth);
    } else {
      add(device, "disk", text_in(device / "device/model"));
      if (!report_.io_scheduler_device.empty()) return;
      report_.io_scheduler_device = device.filename().string();
      report_.io_scheduler = scheduler_in(device / "queue/scheduler");
    }
  }

 private:
  void add(const fs::path& device, std::string kind, std::string detail) {
    report_.layers.push_back(DeviceLayer{
        .name = device.filename().string(), .kind = std::move(kind), .detail = std::move(detail)});
  }

  void visit_slaves(const fs::path& device, std::size_t depth) {
    const std::vector<fs::path> slaves = slaves_of(device);
    if (slaves.empty()) unknown_.push_back(fmt::format("what is under {}", device.filename().string()));
    for (const fs::path& slave : slaves) visit(slave, depth + 1);
  }

  void visit_loop(const fs::path& device, std::size_t depth) {
    const std::string file = text_in(device / "loop/backing_file");
    add(device, "loop", "in " + (file.empty() ? std::string("an unknown file") : file));
    const std::optional<bool> direct = flag_in(device / "loop/dio");
    if (direct) report_.loop_direct_io = report_.loop_direct_io.value_or(true) && *direct;
    struct stat status;
    if (::stat(file.c_str(), &status) != 0) {
      unknown_.push_back(fmt::format("what is under {}: its file {} cannot be seen from here",
                                     device.filename().string(), file));
      return;
    }
    const fs::path under =
        directory_of(root_, S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev);
    if (!under.empty()) visit(under, depth + 1);
  }

  const std::string& root_;
  DeviceReport& report_;
  std::vector<std::string>& unknown_;
};

bool DeviceTree::has(dev_t device) const { return !directory_of(root_, device).empty(); }

DeviceReport DeviceTree::describe(dev_t device, std::vector<std::string>& unknown) const {
  const fs::path path = directory_of(root_, device);
  if (path.empty()) return {};
  DeviceReport report;
  report.name = path.filename().string();
  const fs::path queue = queue_of(path);
  report.logical_block_bytes = bytes_in(queue / "logical_block_size");
  report.physical_block_bytes = bytes_in(queue / "physical_block_size");
  report.write_cache = text_in(queue / "write_cache");
  report.fua = flag_in(queue / "fua");
  report.rotational = flag_in(queue / "rotational");
  Walk(root_, report, unknown).visit(path, 0);
  return report;
}

DeviceReport find_device(const std::string& directory, const std::optional<MountInfo>& mount,
                         std::vector<std::string>& unknown) {
  const DeviceTree tree;
  struct stat status;
  if (::stat(directory.c_str(), &status) == 0 && tree.has(status.st_dev)) {
    return tree.describe(status.st_dev, unknown);
  }
  const bool has_source = mount && mount->source.starts_with("/dev/");
  if (has_source && ::stat(mount->source.c_str(), &status) == 0 && tree.has(status.st_rdev)) {
    return tree.describe(status.st_rdev, unknown);
  }
  const std::string upper(mount ? mount_option_value(mount->options, "upperdir") : "");
  if (!upper.empty()) {
    if (::stat(upper.c_str(), &status) == 0 && tree.has(status.st_dev)) {
      return tree.describe(status.st_dev, unknown);
    }
    unknown.push_back(fmt::format(
        "the device under the overlay: its upper directory {} cannot be seen from here", upper));
  }
  if (has_source) {
    unknown.push_back(
        fmt::format("the device {}: it cannot be seen from here (a container?)", mount->source));
  }
  return {};
}

}  // namespace penstock
