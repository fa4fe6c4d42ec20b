// call_from_thread: runs a coroutine on a scheduler, asked from a thread that is none of the
// schedulers'.
//
// This is how the main thread starts and stops shards. The future is ready when the coroutine has
// returned.
//
// Threading: any thread but the scheduler's own, where waiting for the future would never end.
#pragma once

#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "task/scheduler.h"

namespace penstock::server {

namespace detail {

template <typename MakeTask>
class ThreadCall final : public Mail {
 public:
  using T = typename std::invoke_result_t<MakeTask&>::value_type;

  ThreadCall(Scheduler& scheduler, MakeTask make_task)
      : scheduler_(scheduler), make_task_(std::move(make_task)) {}

  std::future<T> future() { return promise_.get_future(); }

  // The call owns itself from post() on, and then its coroutine does.
  void deliver() override { scheduler_.spawn(run(std::unique_ptr<ThreadCall>(this))); }

 private:
  static Task<void> run(std::unique_ptr<ThreadCall> call) {
    if constexpr (std::is_void_v<T>) {
      co_await call->make_task_();
      call->promise_.set_value();
    } else {
      call->promise_.set_value(co_await call->make_task_());
    }
  }

  Scheduler& scheduler_;
  MakeTask make_task_;
  std::promise<T> promise_;
};

}  // namespace detail

// `make_task` is a callable returning a Task<T>; it lives until that task has ended.
template <typename MakeTask>
auto call_from_thread(Scheduler& scheduler, MakeTask make_task) {
  auto call = std::make_unique<detail::ThreadCall<MakeTask>>(scheduler, std::move(make_task));
  auto future = call->future();
  scheduler.post(*call.release());
  return future;
}

}  // namespace penstock::server
