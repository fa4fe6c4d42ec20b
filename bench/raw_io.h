// RawRing and RawFile: the system calls and ring operations of a benchmark's raw side, with nothing in
// between. A failure ends the process: a benchmark has nothing to go on with.
//
// Threading: one thread.
#pragma once

#include <fcntl.h>
#include <liburing.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/aligned_buffer.h"
#include "base/error.h"

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080  // Linux 6.14; newer than Debian 12's headers
#endif

namespace penstock::bench {

[[noreturn]] inline void die(const std::string& message) {
  fmt::print(stderr, "bench: {}\n", message);
  std::exit(1);
}

// A descriptor, opened with `flags`.
class RawFile {
 public:
  RawFile(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (fd_ < 0) die(fmt::format("open {}: {}", path, std::strerror(errno)));
  }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;
  ~RawFile() { ::close(fd_); }

  int fd() const { return fd_; }

  // Fills [0, size_bytes) and syncs, so that every later write there is an overwrite.
  void prewrite(std::uint64_t size_bytes) {
    AlignedBuffer piece(kMiB);
    std::memset(piece.data(), 0x5A, piece.capacity());
    for (std::uint64_t at = 0; at < size_bytes; at += piece.capacity()) write(piece.view(), at, 0);
    if (::fsync(fd_) != 0) die("cannot sync");
  }

  // Space for [at, at + size_bytes), without writing it.
  void reserve(std::uint64_t at, std::uint64_t size_bytes) {
    if (::fallocate(fd_, 0, static_cast<off_t>(at), static_cast<off_t>(size_bytes)) != 0) {
      die(fmt::format("cannot reserve space: {}", std::strerror(errno)));
    }
  }

  void write(ByteView bytes, std::uint64_t at, int flags) {
    const iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    const ssize_t written = ::pwritev2(fd_, &part, 1, static_cast<off_t>(at), flags);
    if (written != static_cast<ssize_t>(bytes.size())) die("a raw write failed");
  }

 private:
  int fd_;
};

// A ring set up like Penstock's own. Operations are queued, then submitted and waited for together.
class RawRing {
 public:
  explicit RawRing(unsigned entries = 256) {
    const int error = io_uring_queue_init(entries, &ring_, kFlags);
    if (error != 0) die(fmt::format("io_uring: {}", std::strerror(-error)));
  }
  RawRing(const RawRing&) = delete;
  RawRing& operator=(const RawRing&) = delete;
  ~RawRing() { io_uring_queue_exit(&ring_); }

  void read(int fd, std::uint64_t at, MutableBytes into, std::uint64_t tag) {
    io_uring_sqe* entry = next_entry();
    io_uring_prep_read(entry, fd, into.data(), static_cast<unsigned>(into.size()), at);
    entry->user_data = tag;
  }
  void write(int fd, std::uint64_t at, ByteView bytes, int flags, std::uint64_t tag) {
    io_uring_sqe* entry = next_entry();
    io_uring_prep_write(entry, fd, bytes.data(), static_cast<unsigned>(bytes.size()), at);
    entry->rw_flags = flags;
    entry->user_data = tag;
  }
  void submit_and_wait(unsigned count) {
    const int error = io_uring_submit_and_wait(&ring_, count);
    if (error < 0) die(fmt::format("io_uring_enter: {}", std::strerror(-error)));
  }
  // Takes one completion, which must be there after submit_and_wait(), of `size_bytes`; returns its
  // tag.
  std::uint64_t reap(std::size_t size_bytes) {
    io_uring_cqe* completion = nullptr;
    if (io_uring_wait_cqe(&ring_, &completion) != 0) die("no completion");
    if (completion->res != static_cast<int>(size_bytes)) {
      die(fmt::format("a raw ring operation gave {}", completion->res));
    }
    const std::uint64_t tag = completion->user_data;
    io_uring_cqe_seen(&ring_, completion);
    return tag;
  }
  bool has_completion() {
    io_uring_cqe* completion = nullptr;
    return io_uring_peek_cqe(&ring_, &completion) == 0;
  }

 private:
  static constexpr unsigned kFlags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

  io_uring_sqe* next_entry() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) die("the raw ring's queue is full");
    return entry;
  }

  io_uring ring_{};
};

}  // namespace penstock::bench
