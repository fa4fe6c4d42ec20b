// EpollReactor: the reactor for machines without io_uring and for command-line use.
//
// Waits on epoll: for file descriptors that become readable or writable (sockets), and for wake(),
// which is also how results from a worker pool arrive (they are posted as Mail).
//
// Ownership: descriptors stay the caller's; call forget() before closing one that somebody may wait on.
// Threading: the scheduler's thread; only wake() may be called from others.
#pragma once

#include <coroutine>
#include <memory>
#include <vector>

#include "base/error.h"
#include "task/reactor.h"
#include "task/scheduler.h"

namespace penstock {

class EpollReactor final : public Reactor {
 public:
  class ReadyAwaiter;

  // Errors: kPermission or kIo when the system grants no more descriptors.
  static Result<std::unique_ptr<EpollReactor>> create();
  EpollReactor(const EpollReactor&) = delete;
  EpollReactor& operator=(const EpollReactor&) = delete;
  // Nobody may be waiting.
  ~EpollReactor() override;

  void poll(Duration max_wait) override;
  void wake() override;

  // Readable when poll() has something to do: for a loop of somebody else's.
  int descriptor() const { return epoll_fd_; }

  // `co_await reactor.readable(scheduler, fd)`: goes on when `fd` can be read (or accepted from)
  // without blocking, or has failed or been hung up, which the next read tells. At most one waiter for
  // reading and one for writing per descriptor. Result<void>; kClosed after forget(), kPermission for a
  // regular file.
  ReadyAwaiter readable(Scheduler& scheduler, int fd);
  // The same for writing, or for the end of a connect().
  ReadyAwaiter writable(Scheduler& scheduler, int fd);

  // Ends every wait on `fd` with kClosed and drops it; call it before close().
  void forget(int fd);

 private:
  enum class Interest { kRead, kWrite };
  struct Waiters {
    ReadyAwaiter* reader = nullptr;
    ReadyAwaiter* writer = nullptr;
    bool registered = false;  // as far as we know: a close() takes it out of epoll behind our back
  };

  EpollReactor(int epoll_fd, int wake_fd) : epoll_fd_(epoll_fd), wake_fd_(wake_fd) {}

  Result<void> wait_for(int fd, ReadyAwaiter& awaiter);
  int arm(int fd, Waiters& waiters);
  void report(int fd, unsigned events);

  int epoll_fd_;
  int wake_fd_;
  std::vector<Waiters> waiters_;  // by descriptor
  std::size_t waiting_count_ = 0;
};

class [[nodiscard]] EpollReactor::ReadyAwaiter {
 public:
  ReadyAwaiter(EpollReactor& reactor, Scheduler& scheduler, int fd, Interest interest)
      : reactor_(reactor), scheduler_(scheduler), fd_(fd), interest_(interest) {}
  ReadyAwaiter(const ReadyAwaiter&) = delete;
  ReadyAwaiter& operator=(const ReadyAwaiter&) = delete;

  bool await_ready() const { return false; }
  // Goes on at once when waiting cannot begin.
  bool await_suspend(std::coroutine_handle<> awaiter);
  Result<void> await_resume() { return std::move(result_); }

 private:
  friend class EpollReactor;
  void finish(Result<void> result);

  EpollReactor& reactor_;
  Scheduler& scheduler_;
  int fd_;
  Interest interest_;
  std::coroutine_handle<> awaiter_;
  Result<void> result_;
};

}  // namespace penstock
