#include "disk/disk_stack.h"

#include "disk/blocking_disk.h"
#include "disk/uring_disk.h"

namespace penstock {

Result<UringUse> parse_uring_use(std::string_view text) {
  if (text == "auto") return UringUse::kAuto;
  if (text == "on") return UringUse::kOn;
  if (text == "off") return UringUse::kOff;
  return fail(ErrorCode::kInvalidArgument,
              "'{}' does not say whether to use io_uring; use 'auto', 'on' or 'off'", text);
}

Result<std::unique_ptr<DiskStack>> DiskStack::create(DiskStackOptions options) {
  bool uses_uring = false;
  std::string reason = "io_uring is turned off";
  if (options.uring != UringUse::kOff) {
    const Result<std::unique_ptr<UringReactor>> ring = UringReactor::create(options.ring);
    if (!ring && options.uring == UringUse::kOn) {
      return Unexpected(ring.error().context("io_uring is set to 'on', and cannot be had"));
    }
    uses_uring = ring.has_value();
    reason = ring ? "the kernel grants io_uring" : ring.error().message();
  }
  return std::unique_ptr<DiskStack>(new DiskStack(options, uses_uring, std::move(reason)));
}

DiskStack::DiskStack(DiskStackOptions options, bool uses_uring, std::string uring_reason)
    : options_(options),
      uses_uring_(uses_uring),
      uring_reason_(std::move(uring_reason)),
      pool_(uses_uring ? options.worker_count_with_uring : options.worker_count_without_uring) {}

Result<ShardReactor> DiskStack::make_reactor() {
  ShardReactor shard;
  if (uses_uring_) {
    Result<std::unique_ptr<UringReactor>> ring = UringReactor::create(options_.ring);
    if (!ring) return Unexpected(ring.error());
    shard.uring = std::move(*ring);
  } else {
    Result<std::unique_ptr<EpollReactor>> epoll = EpollReactor::create();
    if (!epoll) return Unexpected(epoll.error());
    shard.epoll = std::move(*epoll);
  }
  return shard;
}

std::unique_ptr<Disk> DiskStack::make_disk(Scheduler& scheduler, ShardReactor& reactor) {
  return make_disk(scheduler, reactor, options_.mode);
}

std::unique_ptr<Disk> DiskStack::make_disk(Scheduler& scheduler, ShardReactor& reactor, IoMode mode) {
  if (reactor.uring) return std::make_unique<UringDisk>(mode, scheduler, *reactor.uring, pool_);
  return std::make_unique<BlockingDisk>(mode, scheduler, pool_);
}

}  // namespace penstock
