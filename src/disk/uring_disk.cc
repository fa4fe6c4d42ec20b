#include "disk/uring_disk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "disk/mapped_file.h"
#include "disk/posix_ops.h"
#include "disk/transfer.h"

namespace penstock {

class UringFile final : public File {
 public:
  UringFile(std::string path, Descriptor own, UringDisk& disk)
      : File(std::move(path)), own_(std::move(own)), fd_(own_.get()), disk_(disk) {}
  UringFile(posix::FileRef shared, UringDisk& disk) : File(shared.path), fd_(shared.fd), disk_(disk) {}
  ~UringFile() override {
    if (own_.is_open()) disk_.executor_.pool->close_later(own_.release());
  }

  Task<Result<ReadResult>> read(FilePosition from, AlignedBuffer buffer,
                                std::size_t length_bytes) override;
  Task<Result<void>> write(FilePosition to, SharedSlice data, Durability durability) override;
  Task<Result<void>> sync(SyncScope scope) override;
  Task<Result<void>> allocate(std::uint64_t size_bytes) override;
  Task<Result<void>> truncate(std::uint64_t size_bytes) override;
  Task<Result<std::uint64_t>> size() override;

 private:
  posix::FileRef ref() const { return {.fd = fd_, .mode = disk_.mode_, .path = path()}; }

  Descriptor own_;  // closed when it is not needed any more; none if the file is somebody else's
  int fd_;
  UringDisk& disk_;
};

Task<Result<ReadResult>> UringFile::read(FilePosition from, AlignedBuffer buffer,
                                         std::size_t length_bytes) {
  posix::assert_aligned(from, length_bytes, buffer.data());
  PENSTOCK_ASSERT(length_bytes <= buffer.capacity(), "a read longer than its buffer");
  Transfer transfer(from, length_bytes);
  while (transfer.moved_bytes() < length_bytes) {
    io_uring_sqe entry;
    io_uring_prep_read(&entry, fd_, buffer.data() + transfer.at(),
                       static_cast<unsigned>(transfer.remaining_bytes()), transfer.position().value);
    entry.rw_flags = posix::read_flags(disk_.mode_);
    if (transfer.was_turned_away()) entry.flags |= IOSQE_ASYNC;
    const Transfer::Step step = transfer.take(co_await disk_.ring_.call(disk_.scheduler_, entry));
    if (step == Transfer::Step::kFailed) {
      co_return Unexpected(posix::read_error(transfer.error(), path(), from, length_bytes));
    }
    if (step == Transfer::Step::kShort) {
      const Result<std::uint64_t> end = co_await size();
      if (!end) co_return Unexpected(end.error());
      if (transfer.reached().value >= *end) break;
    }
  }
  co_return ReadResult{.buffer = std::move(buffer), .size_bytes = transfer.moved_bytes()};
}

Task<Result<void>> UringFile::write(FilePosition to, SharedSlice data, Durability durability) {
  posix::assert_aligned(to, data.size(), data.data());
  Transfer transfer(to, data.size());
  while (transfer.moved_bytes() < data.size()) {
    io_uring_sqe entry;
    io_uring_prep_write(&entry, fd_, data.data() + transfer.at(),
                        static_cast<unsigned>(transfer.remaining_bytes()), transfer.position().value);
    entry.rw_flags = posix::write_flags(disk_.mode_, durability);
    if (transfer.was_turned_away()) entry.flags |= IOSQE_ASYNC;
    const Transfer::Step step = transfer.take(co_await disk_.ring_.call(disk_.scheduler_, entry));
    if (step == Transfer::Step::kFailed) {
      co_return Unexpected(
          posix::write_error(transfer.error(), path(), to, data.size(), disk_.mode_, durability));
    }
  }
  co_return Result<void>();
}

Task<Result<void>> UringFile::sync(SyncScope scope) {
  const bool data_only = scope == SyncScope::kData;
  io_uring_sqe entry;
  io_uring_prep_fsync(&entry, fd_, data_only ? IORING_FSYNC_DATASYNC : 0);
  const int result = co_await disk_.call(entry);
  if (result < 0) {
    co_return Unexpected(posix::path_error(-result, data_only ? "fdatasync" : "fsync", path()));
  }
  if (posix::leaves_cached_pages(disk_.mode_, scope)) {
    io_uring_prep_fadvise(&entry, fd_, 0, 0, POSIX_FADV_DONTNEED);
    (void)co_await disk_.call(entry);  // advice: nothing depends on it
  }
  co_return Result<void>();
}

Task<Result<void>> UringFile::allocate(std::uint64_t size_bytes) {
  io_uring_sqe entry;
  io_uring_prep_fallocate(&entry, fd_, 0, 0, static_cast<off_t>(size_bytes));
  const int result = co_await disk_.call(entry);
  if (result < 0) co_return Unexpected(posix::size_error(-result, "allocate", path(), size_bytes));
  co_return Result<void>();
}

Task<Result<void>> UringFile::truncate(std::uint64_t size_bytes) {
  if (!disk_.ring_.supports(kOpcodeFtruncate)) {
    auto call = [&] { return posix::truncate(ref(), size_bytes); };
    co_return co_await BlockingCall(disk_.executor_, call);
  }
  io_uring_sqe entry;
  io_uring_prep_rw(kOpcodeFtruncate, &entry, fd_, nullptr, 0, size_bytes);
  const int result = co_await disk_.call(entry);
  if (result < 0) co_return Unexpected(posix::size_error(-result, "truncate", path(), size_bytes));
  co_return Result<void>();
}

Task<Result<std::uint64_t>> UringFile::size() {
  struct statx status;
  io_uring_sqe entry;
  io_uring_prep_statx(&entry, fd_, "", AT_EMPTY_PATH, STATX_SIZE, &status);
  const int result = co_await disk_.call(entry);
  if (result < 0) co_return Unexpected(posix::path_error(-result, "statx", path()));
  co_return status.stx_size;
}

std::unique_ptr<File> UringDisk::share(const DescriptorFile& file) {
  PENSTOCK_ASSERT(file.ref().mode == mode_, "a file is shared with a disk of another mode");
  return std::make_unique<UringFile>(file.ref(), *this);
}

UringDisk::~UringDisk() { executor_.pool->finish_submitted(); }

Task<int> UringDisk::call(io_uring_sqe entry) {
  int result = co_await ring_.call(scheduler_, entry);
  for (int i = 0; i < Transfer::kMaxIdleCalls && is_turned_away(-result); ++i) {
    entry.flags |= IOSQE_ASYNC;
    result = co_await ring_.call(scheduler_, entry);
  }
  co_return result;
}

Task<Result<std::unique_ptr<File>>> UringDisk::open(std::string path, OpenOptions options) {
  io_uring_sqe entry;
  io_uring_prep_openat(&entry, AT_FDCWD, path.c_str(), posix::open_flags(mode_, options),
                       posix::kCreatePermissions);
  const int result = co_await call(entry);
  if (result < 0) co_return Unexpected(posix::open_error(-result, path, mode_));
  co_return std::make_unique<UringFile>(std::move(path), Descriptor(result), *this);
}

Task<Result<std::unique_ptr<SharedMemory>>> UringDisk::create_shared(std::string path,
                                                                     std::uint64_t size_bytes) {
  auto call = [&] { return posix::create_shared(path, size_bytes); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<void>> UringDisk::rename(std::string from, std::string to) {
  io_uring_sqe entry;
  io_uring_prep_renameat(&entry, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0);
  const int result = co_await call(entry);
  if (result < 0) co_return Unexpected(posix::rename_error(-result, from, to));
  co_return Result<void>();
}

Task<Result<void>> UringDisk::remove(std::string path) {
  io_uring_sqe entry;
  io_uring_prep_unlinkat(&entry, AT_FDCWD, path.c_str(), 0);
  const int result = co_await call(entry);
  if (result < 0) co_return Unexpected(posix::path_error(-result, "remove", path));
  co_return Result<void>();
}

Task<Result<void>> UringDisk::remove_directory(std::string path) {
  io_uring_sqe entry;
  io_uring_prep_unlinkat(&entry, AT_FDCWD, path.c_str(), AT_REMOVEDIR);
  const int result = co_await call(entry);
  if (result < 0) co_return Unexpected(posix::path_error(-result, "remove directory", path));
  co_return Result<void>();
}

Task<Result<void>> UringDisk::make_directory(std::string path) {
  io_uring_sqe entry;
  io_uring_prep_mkdirat(&entry, AT_FDCWD, path.c_str(), posix::kDirectoryPermissions);
  const int result = co_await call(entry);
  if (result < 0) co_return Unexpected(posix::path_error(-result, "make directory", path));
  co_return Result<void>();
}

Task<Result<void>> UringDisk::sync_directory(std::string path) {
  io_uring_sqe entry;
  io_uring_prep_openat(&entry, AT_FDCWD, path.c_str(), posix::kDirectoryOpenFlags, 0);
  const int opened = co_await call(entry);
  if (opened < 0) co_return Unexpected(posix::path_error(-opened, "open directory", path));
  const Descriptor directory(opened);
  io_uring_prep_fsync(&entry, directory.get(), 0);
  const int result = co_await call(entry);
  if (result < 0) co_return Unexpected(posix::path_error(-result, "fsync directory", path));
  co_return Result<void>();
}

Task<Result<std::vector<std::string>>> UringDisk::list(std::string path) {
  auto call = [&] { return posix::list(path); };
  co_return co_await BlockingCall(executor_, call);
}

Task<Result<FileInfo>> UringDisk::info(std::string path) {
  struct statx status;
  io_uring_sqe entry;
  io_uring_prep_statx(&entry, AT_FDCWD, path.c_str(), 0, STATX_SIZE | STATX_TYPE, &status);
  const int result = co_await call(entry);
  if (result < 0) co_return Unexpected(posix::path_error(-result, "stat", path));
  co_return FileInfo{.size_bytes = status.stx_size, .is_directory = S_ISDIR(status.stx_mode)};
}

Task<Result<SpaceInfo>> UringDisk::space(std::string path) {
  auto call = [&] { return posix::space(path); };
  co_return co_await BlockingCall(executor_, call);
}

}  // namespace penstock
