#include "disk/probe.h"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <filesystem>
#include <limits>

#include "disk/io_trials.h"
#include "disk/mount_info.h"
#include "disk/posix_ops.h"
#include "disk/uring_reactor.h"

namespace penstock {

namespace {

Result<std::string> directory_of(const std::string& path) {
  const Result<FileInfo> info = posix::info(path);
  if (info && info->is_directory) return path;
  if (!info && info.error().code() != ErrorCode::kNotFound) return Unexpected(info.error());
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::string directory = parent.empty() ? "." : parent.string();
  const Result<FileInfo> parent_info = posix::info(directory);
  if (!parent_info || !parent_info->is_directory) {
    return fail(ErrorCode::kNotFound,
                "neither {} nor its parent directory {} exists; create one of them", path, directory);
  }
  return directory;
}

Finding try_io_uring() {
  const Result<std::unique_ptr<UringReactor>> ring = UringReactor::create();
  if (ring) return {.tried = Tried::kWorks, .why = ""};
  return {.tried = Tried::kFails, .why = ring.error().message()};
}

std::uint64_t memlock_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 0;
  return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<std::uint64_t>::max() : limit.rlim_cur;
}

std::string kernel_release() {
  utsname name{};
  ::uname(&name);
  return name.release;
}

}  // namespace

std::string_view to_string(Tried tried) {
  switch (tried) {
    case Tried::kWorks: return "works";
    case Tried::kFails: return "fails";
    case Tried::kIgnored: return "ignored";
  }
  return "unknown";
}

Result<ProbeReport> probe(const std::string& path) {
  const Result<std::string> directory = directory_of(path);
  if (!directory) return Unexpected(directory.error().context("probe"));
  Result<IoTrials> trials = IoTrials::create(*directory);
  if (!trials) return Unexpected(trials.error().context("probe"));
  const Result<SpaceInfo> space = posix::space(*directory);
  if (!space) return Unexpected(space.error().context("probe"));

  const MountInfo mount = find_mount(*directory);
  const DeviceInfo device = find_device(*directory, mount);
  const DirectAlignment alignment = trials->alignment(device);
  return ProbeReport{
      .path = path,
      .directory = *directory,
      .file_system = mount.file_system.empty() ? "an unknown file system" : mount.file_system,
      .mount_point = mount.mount_point,
      .mount_options = mount.options,
      .mount_source = mount.source,
      .device = device.name,
      .logical_block_bytes = device.logical_block_bytes,
      .physical_block_bytes = device.physical_block_bytes,
      .write_cache = device.write_cache,
      .fua = device.fua,
      .io_scheduler = device.io_scheduler,
      .rotational = device.rotational,
      .alignment = alignment,
      .direct = trials->direct(mount, alignment),
      .uncached = trials->uncached(),
      .durable_write = trials->durable_write(),
      .io_uring = try_io_uring(),
      .memlock_limit_bytes = memlock_limit(),
      .total_bytes = space->total_bytes,
      .available_bytes = space->available_bytes,
      .kernel = kernel_release(),
  };
}

}  // namespace penstock
