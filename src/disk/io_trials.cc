#include "disk/io_trials.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <system_error>

#include "base/aligned_buffer.h"
#include "disk/mount_info.h"
#include "disk/nameless_file.h"
#include "disk/posix_ops.h"
#include "disk/statx_fields.h"

namespace penstock {

namespace {

// Newer than Debian 12's headers.
constexpr int kRwfAtomic = 0x00000040;    // Linux 6.11
constexpr int kFallocWriteZeroes = 0x80;  // Linux 6.17

// Enough for a few blocks of any size in use, and nothing to wait for.
constexpr std::size_t kTrialBytes = 16 * kBlockBytes;
static_assert(kTrialBytes < IoTrials::kFileBytes, "some of the file is only allocated");
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

bool is_refusal(int errno_value) { return errno_value == EOPNOTSUPP || errno_value == EINVAL; }

// What a driver reports is input: whatever it is, a power of two comes of it.
std::uint32_t unit(std::uint32_t bytes) {
  constexpr std::uint32_t kLargest = 1U << 30;
  return bytes == 0 ? 0 : std::bit_ceil(std::min(bytes, kLargest));
}

}  // namespace

Result<IoTrials> IoTrials::create(const std::string& directory, Place place) {
  Result<Descriptor> file = open_nameless_file(directory);
  if (!file) return Unexpected(file.error());
  // A full disk would pass for one that refuses everything.
  if (::fallocate(file->get(), 0, 0, static_cast<off_t>(kFileBytes)) == 0) {
    ::ftruncate(file->get(), 0);
  } else if (const int error = errno; error == ENOSPC || error == EDQUOT) {
    return Unexpected(Error::from_errno(
        error, fmt::format("try {} KiB in {} (make room on its disk, or raise the quota)",
                           kFileBytes / kKiB, directory)));
  }
  return IoTrials(std::move(*file), std::move(place));
}

DirectAlignment IoTrials::alignment() const {
  const StatxFields fields = statx_fields(file_.get());
  const std::uint32_t logical_block = place_.device.logical_block_bytes;
  XfsDirectIoInfo xfs{};
  DirectAlignment found;
  if (fields.has_direct_alignment && fields.direct_offset_bytes != 0) {
    found.memory_bytes = unit(fields.direct_memory_bytes);
    found.offset_bytes = unit(fields.direct_offset_bytes);
    found.read_bytes = unit(fields.direct_read_bytes);
    found.source = "statx";
  } else if (::ioctl(file_.get(), kXfsIocDioinfo, &xfs) == 0) {
    found.memory_bytes = unit(xfs.memory_bytes);
    found.offset_bytes = unit(xfs.min_io_bytes);
    found.source = "XFS_IOC_DIOINFO";
  } else {
    // sysfs has the same number as the ioctl BLKSSZGET, without the right to open the device.
    found.memory_bytes = found.offset_bytes =
        logical_block != 0 ? unit(logical_block) : static_cast<std::uint32_t>(kBlockBytes);
    found.source = logical_block != 0 ? "logical block" : "assumed";
  }
  if (found.read_bytes == 0) found.read_bytes = found.offset_bytes;
  found.write_bytes = std::max(found.offset_bytes, unit(place_.device.physical_block_bytes));
  return found;
}

Finding IoTrials::direct() const {
  if (const int error = set_direct(true)) return fails(fmt::format("O_DIRECT: {}", text_of(error)));
  set_direct(false);
  if (std::string why = declared_fallback(); !why.empty()) return ignored(std::move(why));
  const DirectAlignment units = alignment();
  const std::uint32_t largest = std::max(units.offset_bytes, units.memory_bytes);
  if (largest > kBlockBytes) {
    return fails(fmt::format("it needs {}-byte alignment, and Penstock's blocks are {} bytes", largest,
                             kBlockBytes));
  }
  set_direct(true);
  int error = write_once(0);
  if (error == 0) error = read_once(0);
  std::string fallback = error == 0 ? silent_fallback() : "";
  set_direct(false);
  if (error != 0)
    return fails(fmt::format("O_DIRECT is accepted, and then I/O fails: {}", text_of(error)));
  return fallback.empty() ? works() : ignored(std::move(fallback));
}

Finding IoTrials::uncached() const {
  int error = write_once(RWF_DONTCACHE);
  if (error == 0) error = read_once(RWF_DONTCACHE);
  if (error == 0) return works();
  if (!is_refusal(error)) return fails(fmt::format("RWF_DONTCACHE: {}", text_of(error)));
  return fails(place_.kernel.is_at_least(6, 14) ? "this file system does not support RWF_DONTCACHE"
                                                : "RWF_DONTCACHE needs Linux 6.14 or newer");
}

Finding IoTrials::durable_write() const {
  const int error = write_once(RWF_DSYNC);
  return error == 0 ? works() : fails(fmt::format("a write with RWF_DSYNC fails: {}", text_of(error)));
}

Finding IoTrials::nowait() const {
  // A kernel may have to wait once or twice for reasons that pass, such as a new time stamp.
  constexpr int kAttempts = 8;
  const bool is_direct = set_direct(true) == 0;
  int error = write_once(RWF_DSYNC);
  if (error == 0) {
    for (int i = 0; i < kAttempts; ++i) {
      error = write_once(RWF_NOWAIT);
      if (error != EAGAIN) break;
    }
  }
  if (is_direct) set_direct(false);
  if (error == 0) return works();
  if (error == EAGAIN)
    return fails("the file system has to wait for each write, also of written blocks");
  if (is_refusal(error)) return fails("this file system does not support RWF_NOWAIT");
  return fails(fmt::format("RWF_NOWAIT: {}", text_of(error)));
}

Finding IoTrials::allocate() const {
  if (::fallocate(file_.get(), 0, 0, static_cast<off_t>(kFileBytes)) == 0) return works();
  if (is_refusal(errno)) return fails("this file system does not support fallocate");
  return fails(fmt::format("fallocate: {}", text_of(errno)));
}

Finding IoTrials::write_zeroes() const {
  if (::fallocate(file_.get(), kFallocWriteZeroes, 0, kTrialBytes) == 0) return works();
  if (!is_refusal(errno)) return fails(fmt::format("FALLOC_FL_WRITE_ZEROES: {}", text_of(errno)));
  return fails(place_.kernel.is_at_least(6, 17)
                   ? "this file system or its device does not support FALLOC_FL_WRITE_ZEROES"
                   : "FALLOC_FL_WRITE_ZEROES needs Linux 6.17 or newer");
}

AtomicWrites IoTrials::atomic_writes() const {
  const StatxFields fields = statx_fields(file_.get());
  AtomicWrites atomic{.min_bytes = unit(fields.atomic_min_bytes),
                      .max_bytes = unit(fields.atomic_max_bytes),
                      .finding = {}};
  if (atomic.max_bytes == 0) {
    atomic.finding =
        fails(place_.kernel.is_at_least(6, 11) ? "the file system and its device promise nothing"
                                               : "Linux 6.11 is the first one that can tell");
    return atomic;
  }
  if (atomic.min_bytes > kTrialBytes) {
    atomic.finding.why = fmt::format("the smallest one is {} bytes", atomic.min_bytes);
    return atomic;
  }
  set_direct(true);
  const int error = write_bytes(kRwfAtomic, atomic.min_bytes);
  set_direct(false);
  atomic.finding = error == 0 ? works() : fails(fmt::format("RWF_ATOMIC: {}", text_of(error)));
  return atomic;
}

std::string IoTrials::declared_fallback() const {
  const StatxFields fields = statx_fields(file_.get());
  // Linux 6.1: the field is there and zero when this file can only be had through the page cache.
  if (!fields.has_direct_alignment || fields.direct_offset_bytes != 0) return "";
  if ((fields.attributes & STATX_ATTR_ENCRYPTED) != 0) {
    return "files here are encrypted by the file system, which does that in the page cache; use a "
           "directory "
           "without an encryption policy, or encrypt the device";
  }
  if ((fields.attributes & STATX_ATTR_VERITY) != 0) return "files here are sealed by fs-verity";
  if (has_mount_option(place_.file_system.mount_options, "data=journal")) {
    return "data=journal writes through the page cache; mount with data=ordered";
  }
  if (journals_its_data()) {
    return "files here have their data journaled, through the page cache; `chattr -j` on the directory "
           "ends "
           "that for new files";
  }
  return "the file system says that it does I/O here through the page cache only";
}

std::string IoTrials::silent_fallback() const {
  const std::string& type = place_.file_system.type;
  if (type == "tmpfs" || type == "ramfs") {
    return "O_DIRECT is accepted, but the file system is memory: there is no device under it";
  }
  // Before Linux 6.1 the file system does not declare it.
  if (type == "ext4" &&
      (has_mount_option(place_.file_system.mount_options, "data=journal") || journals_its_data())) {
    return "O_DIRECT is accepted, but journaled data is written through the page cache; mount with "
           "data=ordered";
  }
  // Since Linux 6.14 btrfs sends direct writes to checksummed files through the page cache, and drops
  // the pages afterwards, so that only this shows it: such a write cannot be made without waiting.
  if (type == "btrfs" && place_.kernel.is_at_least(6, 14) && write_once(RWF_NOWAIT) == EAGAIN) {
    return "O_DIRECT is accepted, but since Linux 6.14 btrfs writes checksummed files through the page "
           "cache; `chattr +C` on the empty directory turns checksums off for new files";
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

bool IoTrials::journals_its_data() const {
  int flags = 0;
  return ::ioctl(file_.get(), FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_JOURNAL_DATA_FL) != 0;
}

int IoTrials::set_direct(bool on) const {
  const int flags = ::fcntl(file_.get(), F_GETFL);
  if (flags < 0) return errno;
  return ::fcntl(file_.get(), F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) < 0 ? errno : 0;
}

int IoTrials::write_once(int flags) const { return write_bytes(flags, kTrialBytes); }

int IoTrials::write_bytes(int flags, std::size_t length_bytes) const {
  AlignedBuffer buffer(kTrialBytes);
  std::ranges::fill(buffer.span(), kPattern);
  const iovec part{.iov_base = buffer.data(), .iov_len = length_bytes};
  const ssize_t written = ::pwritev2(file_.get(), &part, 1, 0, flags);
  if (written < 0) return errno;
  return static_cast<std::size_t>(written) == length_bytes ? 0 : EIO;
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
