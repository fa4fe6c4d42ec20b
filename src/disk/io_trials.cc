#include "disk/io_trials.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "base/aligned_buffer.h"
#include "disk/posix_ops.h"

namespace penstock {

namespace {

// Enough for a few blocks of any size in use, and nothing to wait for.
constexpr std::size_t kTrialBytes = 16 * kBlockBytes;
constexpr std::byte kPattern{0xA5};

// From xfs_fs.h, which needs a package of its own.
struct XfsDirectIoInfo {
  std::uint32_t memory_bytes;
  std::uint32_t min_io_bytes;
  std::uint32_t max_io_bytes;
};
constexpr unsigned long kXfsIocDioinfo = _IOR('X', 30, XfsDirectIoInfo);

std::string text_of(int errno_value) { return std::generic_category().message(errno_value); }

Finding works() { return {.tried = Tried::kWorks, .why = ""}; }
Finding fails(std::string why) { return {.tried = Tried::kFails, .why = std::move(why)}; }
Finding ignored(std::string why) { return {.tried = Tried::kIgnored, .why = std::move(why)}; }

bool kernel_is_at_least(int major, int minor) {
  utsname name{};
  ::uname(&name);
  int running_major = 0;
  int running_minor = 0;
  if (std::sscanf(name.release, "%d.%d", &running_major, &running_minor) != 2) return false;
  return running_major != major ? running_major > major : running_minor >= minor;
}

// O_TMPFILE where the file system has it (overlayfs and NFS have not); else a name that goes at once.
Descriptor open_nameless(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, posix::kCreatePermissions);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) return Descriptor(fd);
  std::string name = directory + "/.penstock-probe-XXXXXX";
  Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.is_open()) ::unlink(name.c_str());
  return file;
}

}  // namespace

Result<IoTrials> IoTrials::create(const std::string& directory) {
  Descriptor file = open_nameless(directory);
  if (!file.is_open()) {
    const int error = errno;
    const char* advice = error == EROFS ? " (mounted read-only: remount it, or use another directory)"
                         : error == EACCES ? " (run as a user who may write there, or change its owner)"
                                           : "";
    return Unexpected(
        Error::from_errno(error, fmt::format("create a file in {}{}", directory, advice)));
  }
  return IoTrials(std::move(file));
}

DirectAlignment IoTrials::alignment(const DeviceInfo& device) const {
  DirectAlignment found;
  struct statx status;
  XfsDirectIoInfo xfs{};
  if (::statx(file_.get(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
      (status.stx_mask & STATX_DIOALIGN) != 0 && status.stx_dio_offset_align != 0) {
    found = {status.stx_dio_mem_align, status.stx_dio_offset_align, 0, "statx"};
  } else if (::ioctl(file_.get(), kXfsIocDioinfo, &xfs) == 0) {
    found = {xfs.memory_bytes, xfs.min_io_bytes, 0, "XFS_IOC_DIOINFO"};
  } else if (device.logical_block_bytes != 0) {
    // sysfs has the same number as the ioctl BLKSSZGET, without the right to open the device.
    found = {device.logical_block_bytes, device.logical_block_bytes, 0, "logical block"};
  } else {
    found = {kBlockBytes, kBlockBytes, 0, "assumed"};
  }
  found.write_bytes = std::max(found.offset_bytes, device.physical_block_bytes);
  return found;
}

Finding IoTrials::direct(const MountInfo& mount, const DirectAlignment& alignment) {
  if (refuses_direct())
    return fails("the file system says that it cannot (encrypted, verity or journaled data)");
  if (std::max(alignment.offset_bytes, alignment.memory_bytes) > kBlockBytes) {
    return fails(fmt::format("it needs {}-byte alignment, and Penstock's blocks are {} bytes",
                             std::max(alignment.offset_bytes, alignment.memory_bytes), kBlockBytes));
  }
  if (const int error = set_direct(true)) return fails(fmt::format("O_DIRECT: {}", text_of(error)));
  int error = write_once(0);
  if (error == 0) error = read_once(0);
  std::string fallback = error == 0 ? silent_fallback(mount) : "";
  set_direct(false);
  if (error != 0)
    return fails(fmt::format("O_DIRECT is accepted, and then I/O fails: {}", text_of(error)));
  return fallback.empty() ? works() : ignored(std::move(fallback));
}

Finding IoTrials::uncached() {
  int error = write_once(RWF_DONTCACHE);
  if (error == 0) error = read_once(RWF_DONTCACHE);
  if (error == 0) return works();
  if (error != EOPNOTSUPP && error != EINVAL)
    return fails(fmt::format("RWF_DONTCACHE: {}", text_of(error)));
  return fails(kernel_is_at_least(6, 14) ? "this file system does not support RWF_DONTCACHE"
                                         : "RWF_DONTCACHE needs Linux 6.14 or newer");
}

Finding IoTrials::durable_write() {
  const int error = write_once(RWF_DSYNC);
  return error == 0 ? works() : fails(fmt::format("a write with RWF_DSYNC fails: {}", text_of(error)));
}

bool IoTrials::refuses_direct() const {
  struct statx status;
  // Linux 6.1: the field is there and zero when this file can only be read and written through the
  // cache.
  return ::statx(file_.get(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
         (status.stx_mask & STATX_DIOALIGN) != 0 && status.stx_dio_offset_align == 0;
}

std::string IoTrials::silent_fallback(const MountInfo& mount) const {
  if (mount.file_system == "tmpfs" || mount.file_system == "ramfs") {
    return "O_DIRECT is accepted, but the file system is memory: there is no device under it";
  }
  if (mount.file_system == "ext4" && mount.has_option("data=journal")) {
    return "O_DIRECT is accepted, but data=journal writes through the page cache; mount with "
           "data=ordered";
  }
  // Since Linux 6.14 btrfs sends direct writes to checksummed files through the page cache, and drops
  // the pages afterwards, so that only this shows it: such a write cannot be made without waiting.
  if (mount.file_system == "btrfs" && kernel_is_at_least(6, 14) && write_once(RWF_NOWAIT) == EAGAIN) {
    return "O_DIRECT is accepted, but since Linux 6.14 btrfs writes checksummed files through the page "
           "cache; "
           "`chattr +C` on the empty directory turns checksums off for new files";
  }
  if (is_in_page_cache()) {
    return "O_DIRECT is accepted, but the bytes written are in the page cache afterwards";
  }
  return "";
}

bool IoTrials::is_in_page_cache() const {
  void* memory = ::mmap(nullptr, kTrialBytes, PROT_READ, MAP_SHARED, file_.get(), 0);
  if (memory == MAP_FAILED) return false;
  std::array<unsigned char, kTrialBytes / 4096> pages{};  // as many as the smallest pages need
  const bool known = ::mincore(memory, kTrialBytes, pages.data()) == 0;
  ::munmap(memory, kTrialBytes);
  return known && std::ranges::any_of(pages, [](unsigned char page) { return (page & 1) != 0; });
}

int IoTrials::set_direct(bool on) const {
  const int flags = ::fcntl(file_.get(), F_GETFL);
  if (flags < 0) return errno;
  return ::fcntl(file_.get(), F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) < 0 ? errno : 0;
}

int IoTrials::write_once(int flags) const {
  AlignedBuffer buffer(kTrialBytes);
  std::ranges::fill(buffer.span(), kPattern);
  const iovec part{.iov_base = buffer.data(), .iov_len = kTrialBytes};
  const ssize_t written = ::pwritev2(file_.get(), &part, 1, 0, flags);
  if (written < 0) return errno;
  return written == kTrialBytes ? 0 : EIO;
}

int IoTrials::read_once(int flags) const {
  AlignedBuffer buffer(kTrialBytes);
  std::ranges::fill(buffer.span(), std::byte{0});
  const iovec part{.iov_base = buffer.data(), .iov_len = kTrialBytes};
  const ssize_t got = ::preadv2(file_.get(), &part, 1, 0, flags);
  if (got < 0) return errno;
  const bool same = std::ranges::all_of(buffer.view(), [](std::byte byte) { return byte == kPattern; });
  return got == kTrialBytes && same ? 0 : EIO;
}

}  // namespace penstock
