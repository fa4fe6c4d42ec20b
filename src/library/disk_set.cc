#include "library/disk_set.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "disk/descriptor.h"

namespace penstock {

namespace {

// Of a directory, inherited by its files, and each a reason for direct I/O to be done differently.
constexpr int kDecidingAttributes = FS_ENCRYPT_FL | FS_JOURNAL_DATA_FL | FS_NOCOW_FL | FS_COMPR_FL;

// The directory that the file at `path` lies in, or would. Links are followed: they may lead to another
// file system.
std::string directory_of(const std::string& path) {
  std::error_code error;
  std::filesystem::path resolved = std::filesystem::weakly_canonical(path, error);
  if (error) resolved = path;
  const std::string directory = resolved.parent_path().string();
  return directory.empty() ? "." : directory;
}

std::vector<IoMode> candidates(RequestedIoMode requested) {
  switch (requested) {
    case RequestedIoMode::kAuto: return {IoMode::kDirect, IoMode::kUncached, IoMode::kBuffered};
    case RequestedIoMode::kDirect: return {IoMode::kDirect};
    case RequestedIoMode::kUncached: return {IoMode::kUncached};
    case RequestedIoMode::kBuffered: break;
  }
  return {IoMode::kBuffered};
}

Task<Result<void>> read_first_block(Disk& disk, std::string path) {
  const OpenOptions read_only;
  const Result<std::unique_ptr<File>> file = co_await disk.open(std::move(path), read_only);
  if (!file) co_return Unexpected(file.error());
  AlignedBuffer block(kBlockBytes);
  const Result<ReadResult> read =
      co_await (*file)->read(FilePosition{0}, std::move(block), kBlockBytes);
  if (!read) co_return Unexpected(read.error());
  co_return Result<void>();
}

// Says no to the mode, rather than to the file.
bool refuses_mode(const Error& error) {
  return error.code() == ErrorCode::kNotSupported || error.code() == ErrorCode::kInvalidArgument;
}

}  // namespace

Disk& DiskSet::disk(IoMode mode) {
  std::unique_ptr<Disk>& disk = disks_[static_cast<std::size_t>(mode)];
  if (disk == nullptr) disk = stack_.make_disk(scheduler_, reactor_, mode);
  return *disk;
}

Result<ChosenDisk> DiskSet::for_writing(const std::string& path, RequestedIoMode requested) {
  const Result<ProbeReport> report = report_on(path);
  if (!report) return Unexpected(report.error());
  return chosen(*report, requested);
}

Task<Result<ChosenDisk>> DiskSet::for_reading(std::string path, RequestedIoMode requested) {
  // A file that is not there is the caller's news, not the probe's.
  Result<FileInfo> info = co_await disk(IoMode::kBuffered).info(path);
  if (!info) co_return Unexpected(info.error());
  if (info->is_directory) {
    co_return fail(ErrorCode::kInvalidArgument, "open {}: it is a directory, not a file", path);
  }
  const Result<ProbeReport> report = report_on(path);
  if (report && report->durable_write.works()) co_return chosen(*report, requested);
  const Error denied =
      report ? Error(ErrorCode::kNotSupported, report->durable_write.why) : report.error();
  co_return co_await try_by_reading(std::move(path), requested, denied);
}

Task<Result<ChosenDisk>> DiskSet::try_by_reading(std::string path, RequestedIoMode requested,
                                                 Error denied) {
  Error refusal = denied;
  for (const IoMode mode : candidates(requested)) {
    Disk& candidate = disk(mode);
    const Result<void> read = co_await read_first_block(candidate, path);
    if (read) {
      co_return ChosenDisk{
          &candidate,
          fmt::format("its first block could be read so; more cannot be tried ({})", denied.message())};
    }
    if (!refuses_mode(read.error())) co_return Unexpected(read.error());
    refusal = read.error();
  }
  co_return Unexpected(refusal);
}

Result<ChosenDisk> DiskSet::chosen(const ProbeReport& report, RequestedIoMode requested) {
  Result<ChosenMode> mode = choose_io_mode(report, requested);
  if (!mode) return Unexpected(mode.error());
  return ChosenDisk{&disk(mode->mode), std::move(mode->reason)};
}

Result<DiskSet::Place> DiskSet::place_of(const std::string& directory) {
  struct stat status;
  if (::stat(directory.c_str(), &status) != 0) {
    return Unexpected(Error::from_errno(errno, fmt::format("look at directory {}", directory)));
  }
  Place place{.device = status.st_dev};
  const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  int attributes = 0;
  // Not every file system has attributes; then there are none that decide.
  if (opened.is_open() && ::ioctl(opened.get(), FS_IOC_GETFLAGS, &attributes) == 0) {
    place.attributes = attributes & kDecidingAttributes;
  }
  return place;
}

Result<ProbeReport> DiskSet::report_on(const std::string& path) {
  const std::string directory = directory_of(path);
  const Result<Place> place = place_of(directory);
  if (!place) return Unexpected(place.error());
  const auto known = std::ranges::find(known_, *place, &Known::place);
  if (known != known_.end()) {
    ProbeReport report = known->report;
    report.path = path;  // errors name what was asked for
    return report;
  }
  ++probe_count_;
  Result<ProbeReport> report = probe(directory);
  if (!report) return Unexpected(report.error());
  // Why nothing could be made durable may pass.
  if (report->durable_write.works()) {
    if (known_.size() == kMaxKnown) known_.pop_front();
    known_.push_back({.place = *place, .report = *report});
  }
  report->path = path;
  return report;
}

}  // namespace penstock
