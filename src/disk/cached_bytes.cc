#include "disk/cached_bytes.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace penstock {

namespace {

// The call's number, on every architecture; newer than Debian 12's headers.
constexpr long kCacheStatCall = 451;

// As <linux/mman.h> has them since Linux 6.5.
struct CacheStatRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // 0: to the end
};
struct CacheStat {
  std::uint64_t cached = 0;
  std::uint64_t dirty = 0;
  std::uint64_t writeback = 0;
  std::uint64_t evicted = 0;
  std::uint64_t recently_evicted = 0;
};

}  // namespace

std::optional<std::uint64_t> cached_bytes(int fd) {
  CacheStatRange range;
  CacheStat stat;
  if (::syscall(kCacheStatCall, fd, &range, &stat, 0U) != 0) return std::nullopt;
  return stat.cached * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace penstock
