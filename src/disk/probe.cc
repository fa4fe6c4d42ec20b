#include "penstock/probe.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/error.h"
#include "disk/device_info.h"
#include "disk/io_trials.h"
#include "disk/limits.h"
#include "disk/mount_info.h"
#include "disk/uring_probe.h"

namespace penstock {

namespace {

namespace fs = std::filesystem;

Error lookup_error(int errno_value, const std::string& path) {
  const char* advice = "";
  if (errno_value == EACCES) advice = " (run as a user who may enter the directories above it)";
  if (errno_value == ENOTDIR) advice = " (a part of the path is a file, not a directory)";
  return Error::from_errno(errno_value, fmt::format("look at {}{}", path, advice));
}

// The directory that `path` is, or that it has a name in.
Result<std::string> directory_of(const std::string& path) {
  if (path.empty()) return fail(ErrorCode::kInvalidArgument, "an empty path; name a directory");
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return path;
    if (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode)) {
      return fail(ErrorCode::kInvalidArgument,
                  "{} is a device; name a directory of a file system that is mounted from it", path);
    }
  } else if (errno != ENOENT) {
    return Unexpected(lookup_error(errno, path));
  }
  const fs::path name = fs::path(path).has_filename() ? fs::path(path) : fs::path(path).parent_path();
  std::string parent = name.has_parent_path() ? name.parent_path().string() : ".";
  if (::stat(parent.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return parent;
  return fail(ErrorCode::kNotFound, "neither {} nor its parent directory {} exists; create one of them",
              path, parent);
}

KernelReport running_kernel() {
  utsname name{};
  ::uname(&name);
  KernelReport kernel;
  kernel.release = name.release;
  const char* const end = kernel.release.data() + kernel.release.size();
  const auto major = std::from_chars(kernel.release.data(), end, kernel.major_version);
  if (major.ec == std::errc() && major.ptr != end && *major.ptr == '.') {
    std::from_chars(major.ptr + 1, end, kernel.minor_version);
  }
  return kernel;
}

Result<FileSystemReport> file_system_of(const std::string& directory,
                                        const std::optional<MountInfo>& mount) {
  FileSystemReport report;
  report.type = "an unknown file system";
  if (mount) {
    report.type = mount->file_system;
    report.mount_point = mount->mount_point;
    report.mount_options = mount->options;
    report.source = mount->source;
  }
  struct statvfs status;
  if (::statvfs(directory.c_str(), &status) != 0) return Unexpected(lookup_error(errno, directory));
  report.total_bytes = status.f_blocks * status.f_frsize;
  report.available_bytes = status.f_bavail * status.f_frsize;
  report.total_inodes = status.f_files;
  report.available_inodes = status.f_favail;
  return report;
}

void run_trials(const IoTrials& trials, ProbeReport& report) {
  report.writable = {.tried = Tried::kWorks, .why = ""};
  report.alignment = trials.alignment();
  report.direct = trials.direct();
  report.uncached = trials.uncached();
  report.durable_write = trials.durable_write();
  report.nowait = trials.nowait();
  report.allocate = trials.allocate();
  report.write_zeroes = trials.write_zeroes();
  report.atomic_writes = trials.atomic_writes();
}

void leave_out_trials(const Error& denied, ProbeReport& report) {
  report.writable = {.tried = Tried::kFails, .why = denied.message()};
  for (Finding* finding : {&report.direct, &report.uncached, &report.durable_write, &report.nowait,
                           &report.allocate, &report.write_zeroes, &report.atomic_writes.finding}) {
    *finding = {.tried = Tried::kNotTried, .why = "no file could be made there"};
  }
}

}  // namespace

std::string_view to_string(Tried tried) {
  switch (tried) {
    case Tried::kWorks: return "works";
    case Tried::kFails: return "fails";
    case Tried::kIgnored: return "ignored";
    case Tried::kNotTried: return "not tried";
  }
  return "unknown";
}

bool FileSystemReport::has_option(std::string_view option) const {
  return has_mount_option(mount_options, option);
}

Result<ProbeReport> probe(const std::string& path, ProbeOptions options) {
  const Result<std::string> directory = directory_of(path);
  if (!directory) return Unexpected(directory.error().context("probe"));
  const std::vector<MountInfo> mounts = read_mounts();
  const std::optional<MountInfo> mount = find_mount(*directory, mounts);
  Result<FileSystemReport> file_system = file_system_of(*directory, mount);
  if (!file_system) return Unexpected(file_system.error().context("probe"));

  ProbeReport report;
  report.path = path;
  report.directory = *directory;
  report.kernel = running_kernel();
  report.file_system = std::move(*file_system);
  if (!mount) report.unknown.emplace_back("the mount: /proc/self/mountinfo does not name it");
  report.device = find_device(*directory, mount, report.unknown);
  report.limits = read_limits(mounts);
  report.io_uring = probe_io_uring();
  // Writing past that limit ends the process by SIGXFSZ.
  if (report.limits.file_size_bytes < IoTrials::kFileBytes) {
    return fail(
        ErrorCode::kTooLarge,
        "probe {}: files may have {} bytes at most (RLIMIT_FSIZE), and trying takes {}; raise that, "
        "`ulimit -f`",
        path, report.limits.file_size_bytes, IoTrials::kFileBytes);
  }

  const Result<IoTrials> trials =
      IoTrials::create(*directory, {report.kernel, report.file_system, report.device});
  if (trials) {
    run_trials(*trials, report);
    return report;
  }
  if (options.look_only_if_denied && trials.error().code() == ErrorCode::kPermission) {
    leave_out_trials(trials.error(), report);
    return report;
  }
  return Unexpected(trials.error().context(fmt::format(
      "probe {} ({} mounted at {})", path, report.file_system.type, report.file_system.mount_point)));
}

}  // namespace penstock
