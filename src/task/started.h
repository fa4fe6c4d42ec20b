// Started<T>: a task that runs before it is awaited.
//
// Where Task<T> waits for its awaiter, Started<T> runs the task at once, on the calling thread, up to
// its first suspension. So several operations can be in flight together; over a disk that completes at
// once each has ended when its constructor returns, and no scheduler is needed.
//
//     Started<int> first(read(a));
//     Started<int> second(read(b));
//     const int sum = co_await first + co_await second;
//
// Ownership: owns the running task, which must have ended before it is destroyed (asserted): whoever
// does not want the result any more gives it to a task of Scheduler::spawn() that awaits it. Threading:
// everything of one task happens on one thread at a time. At most one coroutine awaits it, once; it
// goes on directly when the task ends.
#pragma once

#include "task/task.h"

namespace penstock {

template <typename T>
class [[nodiscard]] Started {
 public:
  explicit Started(Task<T> task) : handle_(run(std::move(task)).handle) {}
  Started(Started&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Started& operator=(Started&&) = delete;
  ~Started() {
    if (!handle_) return;
    PENSTOCK_ASSERT(handle_.done(), "a started task was destroyed before it had ended");
    handle_.destroy();
  }

  bool has_ended() const { return handle_.done(); }

  bool await_ready() const noexcept { return handle_.done(); }
  void await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().set_continuation(awaiter);
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  struct Running {
    struct promise_type;
    std::coroutine_handle<promise_type> handle;
  };

  static Running run(Task<T> task) { co_return co_await task; }

  std::coroutine_handle<typename Running::promise_type> handle_;
};

template <typename T>
struct Started<T>::Running::promise_type : detail::TaskPromise<T> {
  Running get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
  std::suspend_never initial_suspend() const noexcept { return {}; }
};

}  // namespace penstock
