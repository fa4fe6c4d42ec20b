// DiskStack: what it takes to give a thread its reactor and its disks: a shard of the server, or an
// Engine of the library.
//
// Per thread, in this order: make_reactor(), a Scheduler on it, make_disk(). Where io_uring can be had,
// reactor and disk are one ring; elsewhere epoll and a BlockingDisk on the shared worker pool.
//
// Ownership: the stack owns the worker pool and outlives everything it made.
// Threading: any one thread at a time; what it makes belongs to the shard's thread.
#pragma once

#include <memory>
#include <string>

#include "disk/disk.h"
#include "disk/uring_reactor.h"
#include "disk/worker_pool.h"
#include "penstock/uring_use.h"
#include "task/epoll_reactor.h"

namespace penstock {

// "auto", "on" or "off"; else kInvalidArgument.
Result<UringUse> parse_uring_use(std::string_view text);

struct DiskStackOptions {
  IoMode mode = IoMode::kBuffered;
  UringUse uring = UringUse::kAuto;
  UringOptions ring = {};
  // Threads for blocking calls. With io_uring they only see listings, closes and statvfs; without it,
  // all I/O.
  std::size_t worker_count_with_uring = 1;
  std::size_t worker_count_without_uring = 8;
};

// A shard's reactor; exactly one of the two is there.
struct ShardReactor {
  std::unique_ptr<UringReactor> uring;
  std::unique_ptr<EpollReactor> epoll;

  Reactor& reactor() const {
    if (uring) return *uring;
    return *epoll;
  }
  // Readable when reactor().poll() has something to do. Errors: those of UringReactor::descriptor().
  Result<int> descriptor() const { return uring ? uring->descriptor() : epoll->descriptor(); }
};

class DiskStack {
 public:
  // Errors: with UringUse::kOn, those of UringReactor::create.
  static Result<std::unique_ptr<DiskStack>> create(DiskStackOptions options);

  Result<ShardReactor> make_reactor();
  // In the mode of the options, or in another. `reactor` is the one that `scheduler` runs on.
  std::unique_ptr<Disk> make_disk(Scheduler& scheduler, ShardReactor& reactor);
  std::unique_ptr<Disk> make_disk(Scheduler& scheduler, ShardReactor& reactor, IoMode mode);

  IoMode mode() const { return options_.mode; }
  bool uses_uring() const { return uses_uring_; }
  // One sentence for the log: why io_uring is used or not.
  const std::string& uring_reason() const { return uring_reason_; }
  WorkerPool& pool() { return pool_; }

 private:
  DiskStack(DiskStackOptions options, bool uses_uring, std::string uring_reason);

  DiskStackOptions options_;
  bool uses_uring_;
  std::string uring_reason_;
  WorkerPool pool_;
};

}  // namespace penstock
