#include "file/block_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace penstock::file {

namespace {

#ifndef MADV_POPULATE_WRITE  // Linux 5.14; not in the C library of Debian 11
#define MADV_POPULATE_WRITE 23
#endif

std::uint64_t page_bytes() { return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)); }

// Makes all of it resident; 0 or an errno.
int touch(MutableBytes bytes) {
  if (::madvise(bytes.data(), bytes.size(), MADV_POPULATE_WRITE) == 0) return 0;
  if (errno != EINVAL) return errno;
  for (std::size_t at = 0; at < bytes.size(); at += page_bytes()) {
    // Volatile, or the compiler would know that it is zero already.
    *static_cast<volatile std::byte*>(&bytes[at]) = std::byte{0};
  }
  return 0;
}

}  // namespace

std::uint64_t BlockMemory::mapped_bytes(std::uint64_t size_bytes) {
  return align_up(size_bytes, page_bytes());
}

Result<BlockMemory> BlockMemory::map(std::uint64_t size_bytes) {
  const std::uint64_t mapped = mapped_bytes(size_bytes);
  void* address = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int reason = address == MAP_FAILED ? errno : 0;
  if (reason == 0) {
    BlockMemory memory(MutableBytes(static_cast<std::byte*>(address), mapped));
    // Refused by kernels without huge pages, which is no loss of anything but speed.
    ::madvise(address, mapped, MADV_HUGEPAGE);
    if (::madvise(address, mapped, MADV_DONTFORK) != 0) reason = errno;
    if (reason == 0) reason = touch(memory.bytes_);
    if (reason == 0) return memory;
  }
  const Error error = Error::from_errno(reason, fmt::format("allocate {} bytes of memory", mapped));
  return fail(ErrorCode::kNoSpace, "{}", error.message());
}

BlockMemory::~BlockMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace penstock::file
