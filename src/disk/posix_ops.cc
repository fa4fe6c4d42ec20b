#include "disk/posix_ops.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "disk/transfer.h"

namespace penstock::posix {

namespace {

std::atomic<SystemFaults*> installed_faults{nullptr};

// What is to happen to the call that comes now: outside of fault tests, nothing.
const SystemFault* fault_for(SystemCall kind) {
  SystemFaults* faults = installed_faults.load(std::memory_order_acquire);
  if (faults == nullptr) [[likely]]
    return nullptr;
  return faults->next(kind);
}

// Makes `call`, or lets the fault answer in its place.
template <typename Call>
auto make(const SystemFault* fault, Call call) {
  if (fault == nullptr || fault->kind == SystemFault::Kind::kShortened) [[likely]]
    return call();
  auto result = decltype(call()){};
  if (fault->kind == SystemFault::Kind::kMisreported) result = call();
  errno = fault->errno_value;
  return static_cast<decltype(result)>(-1);
}

std::size_t shortened(std::uint64_t length_bytes, const SystemFault* fault) {
  if (fault == nullptr || fault->kind != SystemFault::Kind::kShortened) [[likely]]
    return length_bytes;
  return std::min<std::uint64_t>(length_bytes, fault->length_bytes);
}

// Makes `call` until it is no longer turned away, a bounded number of times.
template <typename Call>
auto answer(SystemCall kind, Call call) {
  auto result = make(fault_for(kind), call);
  for (int i = 0; i < Transfer::kMaxIdleCalls && result < 0 && is_turned_away(errno); ++i) {
    result = make(fault_for(kind), call);
  }
  return result;
}

Result<void> check(int result, std::string_view doing, const std::string& path) {
  if (result < 0) return Unexpected(path_error(errno, doing, path));
  return {};
}

std::int64_t count_or_error(ssize_t result) { return result < 0 ? -errno : result; }

}  // namespace

void install_faults(SystemFaults* faults) { installed_faults.store(faults, std::memory_order_release); }

Result<Descriptor> open(const std::string& path, IoMode mode, OpenOptions options) {
  const int flags = open_flags(mode, options);
  Descriptor file(
      answer(SystemCall::kOpen, [&] { return ::open(path.c_str(), flags, kCreatePermissions); }));
  if (!file.is_open()) return Unexpected(open_error(errno, path, mode));
  return file;
}

Result<std::size_t> read_full(FileRef file, FilePosition from, MutableBytes into) {
  Transfer transfer(from, into.size());
  while (transfer.moved_bytes() < into.size()) {
    const SystemFault* fault = fault_for(SystemCall::kRead);
    const iovec part{.iov_base = into.data() + transfer.at(),
                     .iov_len = shortened(transfer.remaining_bytes(), fault)};
    const auto position = static_cast<off_t>(transfer.position().value);
    const Transfer::Step step = transfer.take(count_or_error(
        make(fault, [&] { return ::preadv2(file.fd, &part, 1, position, read_flags(file.mode)); })));
    if (step == Transfer::Step::kFailed) {
      return Unexpected(read_error(transfer.error(), file.path, from, into.size()));
    }
    if (step == Transfer::Step::kShort) {
      const Result<std::uint64_t> end = size(file);
      if (!end) return Unexpected(end.error());
      if (transfer.reached().value >= *end) break;
    }
  }
  return transfer.moved_bytes();
}

Result<void> write_full(FileRef file, FilePosition to, ByteView data, Durability durability) {
  Transfer transfer(to, data.size());
  const int flags = write_flags(file.mode, durability);
  while (transfer.moved_bytes() < data.size()) {
    const SystemFault* fault = fault_for(SystemCall::kWrite);
    const iovec part{.iov_base = const_cast<std::byte*>(data.data() + transfer.at()),
                     .iov_len = shortened(transfer.remaining_bytes(), fault)};
    const auto position = static_cast<off_t>(transfer.position().value);
    const Transfer::Step step = transfer.take(
        count_or_error(make(fault, [&] { return ::pwritev2(file.fd, &part, 1, position, flags); })));
    if (step == Transfer::Step::kFailed) {
      return Unexpected(
          write_error(transfer.error(), file.path, to, data.size(), file.mode, durability));
    }
  }
  return {};
}

bool leaves_cached_pages(IoMode mode, SyncScope scope) {
  return mode == IoMode::kDirect && scope == SyncScope::kAll;
}

Result<void> sync(FileRef file, SyncScope scope) {
  if (scope == SyncScope::kData) {
    return check(answer(SystemCall::kSync, [&] { return ::fdatasync(file.fd); }), "fdatasync",
                 file.path);
  }
  const int result = answer(SystemCall::kSync, [&] { return ::fsync(file.fd); });
  if (result < 0) return Unexpected(path_error(errno, "fsync", file.path));
  if (leaves_cached_pages(file.mode, scope)) ::posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

Result<void> allocate(FileRef file, std::uint64_t size_bytes) {
  const auto length = static_cast<off_t>(size_bytes);
  const int result = answer(SystemCall::kAllocate, [&] { return ::fallocate(file.fd, 0, 0, length); });
  if (result < 0) return Unexpected(size_error(errno, "allocate", file.path, size_bytes));
  return {};
}

Result<void> truncate(FileRef file, std::uint64_t size_bytes) {
  const auto length = static_cast<off_t>(size_bytes);
  const int result = answer(SystemCall::kTruncate, [&] { return ::ftruncate(file.fd, length); });
  if (result < 0) return Unexpected(size_error(errno, "truncate", file.path, size_bytes));
  return {};
}

Result<std::uint64_t> size(FileRef file) {
  struct stat status;
  const int result = answer(SystemCall::kStat, [&] { return ::fstat(file.fd, &status); });
  if (result < 0) return Unexpected(path_error(errno, "fstat", file.path));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> rename(const std::string& from, const std::string& to) {
  const int result = answer(SystemCall::kRename, [&] { return ::rename(from.c_str(), to.c_str()); });
  if (result < 0) return Unexpected(rename_error(errno, from, to));
  return {};
}

Result<void> remove(const std::string& path) {
  return check(answer(SystemCall::kUnlink, [&] { return ::unlink(path.c_str()); }), "remove", path);
}

Result<void> remove_directory(const std::string& path) {
  return check(answer(SystemCall::kUnlink, [&] { return ::rmdir(path.c_str()); }), "remove directory",
               path);
}

Result<void> make_directory(const std::string& path) {
  const int result =
      answer(SystemCall::kMakeDirectory, [&] { return ::mkdir(path.c_str(), kDirectoryPermissions); });
  return check(result, "make directory", path);
}

Result<void> sync_directory(const std::string& path) {
  const Descriptor directory(
      answer(SystemCall::kOpen, [&] { return ::open(path.c_str(), kDirectoryOpenFlags); }));
  if (!directory.is_open()) return Unexpected(path_error(errno, "open directory", path));
  return check(answer(SystemCall::kSync, [&] { return ::fsync(directory.get()); }), "fsync directory",
               path);
}

Result<std::vector<std::string>> list(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(path, error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    names.push_back(entry->path().filename().string());
    entry.increment(error);
  }
  if (error) return Unexpected(path_error(error.value(), "list", path));
  std::ranges::sort(names);
  return names;
}

Result<FileInfo> info(const std::string& path) {
  struct stat status;
  const int result = answer(SystemCall::kStat, [&] { return ::stat(path.c_str(), &status); });
  if (result < 0) return Unexpected(path_error(errno, "stat", path));
  return FileInfo{.size_bytes = static_cast<std::uint64_t>(status.st_size),
                  .is_directory = S_ISDIR(status.st_mode)};
}

Result<SpaceInfo> space(const std::string& path) {
  struct statvfs status;
  if (::statvfs(path.c_str(), &status) < 0) return Unexpected(path_error(errno, "statvfs", path));
  return SpaceInfo{.total_bytes = status.f_blocks * status.f_frsize,
                   .available_bytes = status.f_bavail * status.f_frsize};
}

int open_flags(IoMode mode, OpenOptions options) {
  int flags = O_CLOEXEC | (options.write ? O_RDWR : O_RDONLY);
  if (mode == IoMode::kDirect) flags |= O_DIRECT;
  if (options.create) flags |= O_CREAT;
  if (options.exclusive) flags |= O_EXCL;
  return flags;
}

int read_flags(IoMode mode) { return mode == IoMode::kUncached ? RWF_DONTCACHE : 0; }

int write_flags(IoMode mode, Durability durability) {
  return read_flags(mode) | (durability == Durability::kDevice ? RWF_DSYNC : 0);
}

void assert_aligned(FilePosition position, std::uint64_t length_bytes, const void* address) {
  PENSTOCK_ASSERT(is_aligned(position.value, kBlockBytes),
                  "I/O at a position that is not a whole block");
  PENSTOCK_ASSERT(is_aligned(length_bytes, kBlockBytes), "I/O of a length that is not whole blocks");
  PENSTOCK_ASSERT(is_aligned(reinterpret_cast<std::uintptr_t>(address), kBlockBytes),
                  "I/O with memory that is not block-aligned");
}

Error open_error(int errno_value, const std::string& path, IoMode mode) {
  // EINVAL is how open(2) refuses O_DIRECT; nothing else in these flags can cause it.
  if (errno_value == EINVAL && mode == IoMode::kDirect) {
    return {ErrorCode::kNotSupported,
            fmt::format("open {}: its file system does not support direct I/O (O_DIRECT); use mode "
                        "'buffered', or another file system",
                        path)};
  }
  return path_error(errno_value, "open", path);
}

Error read_error(int errno_value, const std::string& path, FilePosition from,
                 std::uint64_t length_bytes) {
  return Error::from_errno(errno_value,
                           fmt::format("read {} at {}, {} bytes", path, from, length_bytes));
}

Error write_error(int errno_value, const std::string& path, FilePosition to, std::uint64_t length_bytes,
                  IoMode mode, Durability durability) {
  std::string doing = fmt::format("write {} at {}, {} bytes", path, to, length_bytes);
  if (errno_value == EOPNOTSUPP && mode == IoMode::kUncached) {
    doing += " with RWF_DONTCACHE (needs Linux 6.14 and ext4 or XFS; use mode 'direct' or 'buffered')";
  } else if (errno_value == EOPNOTSUPP && durability == Durability::kDevice) {
    doing +=
        " with RWF_DSYNC (this kernel or file system cannot make one write durable; use Linux 4.7 or "
        "newer and a local file system)";
  }
  return Error::from_errno(errno_value, doing);
}

Error path_error(int errno_value, std::string_view doing, const std::string& path) {
  return Error::from_errno(errno_value, fmt::format("{} {}", doing, path));
}

Error rename_error(int errno_value, const std::string& from, const std::string& to) {
  return Error::from_errno(errno_value, fmt::format("rename {} to {}", from, to));
}

Error size_error(int errno_value, std::string_view doing, const std::string& path,
                 std::uint64_t size_bytes) {
  return Error::from_errno(errno_value, fmt::format("{} {} to {} bytes", doing, path, size_bytes));
}

}  // namespace penstock::posix
