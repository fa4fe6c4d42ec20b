// recording_device: a file system of one file, `device`, whose writes and flushes are written to a log.
// The file is the backing store of a loop device; the log is what a power cut can be made of.
//
//   recording_device BACKING LOG FLUSH_MS MOUNT_POINT
//
// BACKING and LOG are files; BACKING's size is the device's. A flush takes FLUSH_MS milliseconds, as on
// a real device: who answers before its flush has ended is caught between the two. Runs until it is
// unmounted. Exit codes: 0 after an unmount, 1 when it could not run, 2 wrong usage.
//
// The log: records of {u32 kind, u32 size, u64 argument}, in host byte order. A write (kind 1,
// argument: its offset on the device) is followed by its `size` bytes. A flush (kind 2, size 0,
// argument: the log's size when the flush began) covers every write that was complete then; it is
// recorded when it ends, before it is answered. So a cut at a place in the log keeps all writes that a
// flush before that place covers, and any of the others before it. The log's size is the current place.
//
// Threading: libfuse calls from several threads; one mutex keeps device and log in the same order.

#define FUSE_USE_VERSION 35

#include <fcntl.h>
#include <fuse3/fuse.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>

namespace {

constexpr std::string_view kDevicePath = "/device";

enum class Kind : std::uint32_t { kWrite = 1, kFlush = 2 };

struct RecordHead {
  Kind kind;
  std::uint32_t size_bytes;
  std::uint64_t argument;
};
static_assert(sizeof(RecordHead) == 16);

struct Recorder {
  int device = -1;
  int log = -1;
  std::chrono::milliseconds flush_time{0};
  std::mutex mutex;
  std::uint64_t log_bytes = 0;  // by mutex
};

Recorder& recorder() {
  static Recorder instance;
  return instance;
}

// A log with a hole would make wrong images: the program ends instead, and with it the test.
void append(const RecordHead& head, const char* data) {
  Recorder& self = recorder();
  // writev does not write to the data.
  iovec parts[2] = {{const_cast<RecordHead*>(&head), sizeof(head)},
                    {const_cast<char*>(data), head.size_bytes}};
  const ssize_t wanted = static_cast<ssize_t>(sizeof(head) + head.size_bytes);
  if (::writev(self.log, parts, 2) != wanted) {
    std::perror("recording_device: the log");
    std::_Exit(1);
  }
  self.log_bytes += static_cast<std::uint64_t>(wanted);
}

int get_attributes(const char* path, struct stat* attributes, fuse_file_info*) {
  *attributes = {};
  if (std::string_view(path) == "/") {
    attributes->st_mode = S_IFDIR | 0700;
    attributes->st_nlink = 2;
    return 0;
  }
  if (path != kDevicePath) return -ENOENT;
  struct stat backing;
  if (::fstat(recorder().device, &backing) != 0) return -errno;
  attributes->st_mode = S_IFREG | 0600;
  attributes->st_nlink = 1;
  attributes->st_size = backing.st_size;
  return 0;
}

int open_device(const char* path, fuse_file_info* file) {
  if (path != kDevicePath) return -ENOENT;
  file->direct_io = 1;  // no page cache in between: each write arrives here when it is made
  return 0;
}

int read_device(const char*, char* data, std::size_t size, off_t offset, fuse_file_info*) {
  const ssize_t got = ::pread(recorder().device, data, size, offset);
  return got < 0 ? -errno : static_cast<int>(got);
}

int write_device(const char*, const char* data, std::size_t size, off_t offset, fuse_file_info*) {
  Recorder& self = recorder();
  const std::lock_guard lock(self.mutex);
  const ssize_t written = ::pwrite(self.device, data, size, offset);
  if (written < 0) return -errno;
  append({Kind::kWrite, static_cast<std::uint32_t>(written), static_cast<std::uint64_t>(offset)}, data);
  return static_cast<int>(written);
}

int flush_device(const char*, int, fuse_file_info*) {
  Recorder& self = recorder();
  std::uint64_t covered = 0;
  {
    const std::lock_guard lock(self.mutex);
    covered = self.log_bytes;
  }
  std::this_thread::sleep_for(self.flush_time);
  const std::lock_guard lock(self.mutex);
  append({Kind::kFlush, 0, covered}, nullptr);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: recording_device BACKING LOG FLUSH_MS MOUNT_POINT\n", stderr);
    return 2;
  }
  Recorder& self = recorder();
  self.device = ::open(argv[1], O_RDWR | O_CLOEXEC);
  self.log = ::open(argv[2], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (self.device < 0 || self.log < 0) {
    std::perror("recording_device");
    return 1;
  }
  self.flush_time = std::chrono::milliseconds(std::atoi(argv[3]));

  fuse_operations operations{};
  operations.getattr = get_attributes;
  operations.open = open_device;
  operations.read = read_device;
  operations.write = write_device;
  operations.fsync = flush_device;
  char foreground[] = "-f";
  char bounded[] = "-omax_idle_threads=8";
  char* arguments[] = {argv[0], foreground, bounded, argv[4], nullptr};
  return fuse_main(4, arguments, &operations, nullptr) == 0 ? 0 : 1;
}
