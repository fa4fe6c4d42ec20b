#include "task/epoll_reactor.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <ctime>

namespace penstock {

namespace {

// Events taken from the kernel in one call; more than that come with the next.
constexpr int kMaxEvents = 256;

// epoll_wait counts milliseconds; rounding down would spin through the last one.
int to_ms(Duration wait) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  return ms > INT_MAX ? INT_MAX : static_cast<int>(ms);
}

int wait_for_events(int epoll_fd, epoll_event* events, Duration max_wait) {
  if (max_wait == Reactor::kForever) return ::epoll_wait(epoll_fd, events, kMaxEvents, -1);
  if (max_wait == Duration::zero()) return ::epoll_wait(epoll_fd, events, kMaxEvents, 0);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(max_wait);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (max_wait - seconds).count()};
  const int count = ::epoll_pwait2(epoll_fd, events, kMaxEvents, &timeout, nullptr);
  if (count >= 0 || errno != ENOSYS) return count;
  return ::epoll_wait(epoll_fd, events, kMaxEvents, to_ms(max_wait));  // before Linux 5.11
}

}  // namespace

Result<std::unique_ptr<EpollReactor>> EpollReactor::create() {
  const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return Unexpected(Error::from_errno(errno, "epoll_create1"));
  const int wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    const int error = errno;
    ::close(epoll_fd);
    return Unexpected(Error::from_errno(error, "eventfd"));
  }
  std::unique_ptr<EpollReactor> reactor(new EpollReactor(epoll_fd, wake_fd));
  epoll_event event{.events = EPOLLIN, .data = {.fd = wake_fd}};
  if (::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) < 0) {
    return Unexpected(Error::from_errno(errno, "epoll_ctl"));
  }
  return reactor;
}

EpollReactor::~EpollReactor() {
  PENSTOCK_ASSERT(waiting_count_ == 0, "a reactor was destroyed while coroutines wait on it");
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

void EpollReactor::poll(Duration max_wait) {
  std::array<epoll_event, kMaxEvents> events;
  const int count = wait_for_events(epoll_fd_, events.data(), max_wait);
  PENSTOCK_ASSERT(count >= 0 || errno == EINTR, "epoll_wait refused its own arguments");
  for (int i = 0; i < count; ++i) report(events[i].data.fd, events[i].events);
}

void EpollReactor::wake() {
  const std::uint64_t one = 1;
  // EAGAIN says that the counter is full, so the wake-up is pending anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof(one));
}

EpollReactor::ReadyAwaiter EpollReactor::readable(Scheduler& scheduler, int fd) {
  return {*this, scheduler, fd, Interest::kRead};
}

EpollReactor::ReadyAwaiter EpollReactor::writable(Scheduler& scheduler, int fd) {
  return {*this, scheduler, fd, Interest::kWrite};
}

void EpollReactor::forget(int fd) {
  if (fd < 0 || static_cast<std::size_t>(fd) >= waiters_.size()) return;
  const Waiters dropped = std::exchange(waiters_[fd], Waiters{});
  if (dropped.registered) ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  for (ReadyAwaiter* awaiter : {dropped.reader, dropped.writer}) {
    if (awaiter != nullptr) awaiter->finish(fail(ErrorCode::kClosed, "descriptor {} was closed", fd));
  }
}

Result<void> EpollReactor::wait_for(int fd, ReadyAwaiter& awaiter) {
  PENSTOCK_ASSERT(fd >= 0, "wait on a closed descriptor");
  if (static_cast<std::size_t>(fd) >= waiters_.size()) waiters_.resize(fd + 1);
  Waiters& waiters = waiters_[fd];
  ReadyAwaiter*& place = awaiter.interest_ == Interest::kRead ? waiters.reader : waiters.writer;
  PENSTOCK_ASSERT(place == nullptr, "two coroutines wait for the same descriptor and direction");
  place = &awaiter;
  const int error = arm(fd, waiters);
  if (error != 0) {
    place = nullptr;
    return Unexpected(Error::from_errno(error, fmt::format("wait for descriptor {}", fd)));
  }
  ++waiting_count_;
  return {};
}

int EpollReactor::arm(int fd, Waiters& waiters) {
  epoll_event event{.events = EPOLLONESHOT, .data = {.fd = fd}};
  if (waiters.reader != nullptr) event.events |= EPOLLIN | EPOLLRDHUP;
  if (waiters.writer != nullptr) event.events |= EPOLLOUT;
  if (waiters.registered) {
    if (::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0) return 0;
    if (errno != ENOENT) return errno;
  }
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) return errno;
  waiters.registered = true;
  return 0;
}

void EpollReactor::report(int fd, unsigned events) {
  if (fd == wake_fd_) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_fd_, &count, sizeof(count));
    return;
  }
  Waiters& waiters = waiters_[fd];
  const unsigned ended = events & (EPOLLHUP | EPOLLERR);
  if ((events & (EPOLLIN | EPOLLRDHUP) || ended) && waiters.reader != nullptr) {
    std::exchange(waiters.reader, nullptr)->finish({});
  }
  if ((events & EPOLLOUT || ended) && waiters.writer != nullptr) {
    std::exchange(waiters.writer, nullptr)->finish({});
  }
  // A one-shot event disarms both directions.
  if (waiters.reader == nullptr && waiters.writer == nullptr) return;
  const int error = arm(fd, waiters);
  PENSTOCK_ASSERT(error == 0, "epoll refused a descriptor that it had accepted");
}

bool EpollReactor::ReadyAwaiter::await_suspend(std::coroutine_handle<> awaiter) {
  awaiter_ = awaiter;
  result_ = reactor_.wait_for(fd_, *this);
  return result_.has_value();
}

void EpollReactor::ReadyAwaiter::finish(Result<void> result) {
  --reactor_.waiting_count_;
  result_ = std::move(result);
  scheduler_.ready(awaiter_);
}

}  // namespace penstock
