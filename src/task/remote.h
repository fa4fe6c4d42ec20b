// call_on: run a coroutine on another scheduler's thread and wait here for its result.
//
// This is how one shard asks another: by message, never by lock. The function object and the result
// live in the caller's frame, which stands still until the answer is back, so nothing is copied or
// counted.
//
// Threading: awaited on `home`'s thread; `make_task()` is called, runs and ends on `target`'s.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "task/scheduler.h"

namespace penstock {

template <typename MakeTask>
class [[nodiscard]] RemoteCall {
 public:
  using T = typename std::invoke_result_t<MakeTask&>::value_type;

  RemoteCall(Scheduler& home, Scheduler& target, MakeTask make_task)
      : request_(*this),
        reply_(*this),
        home_(home),
        target_(target),
        make_task_(std::forward<MakeTask>(make_task)) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    awaiter_ = awaiter;
    target_.post(request_);
  }
  T await_resume() { return std::move(*result_); }

 private:
  struct Request final : Mail {
    explicit Request(RemoteCall& owner) : call(owner) {}
    void deliver() override { call.target_.spawn(serve(call)); }
    RemoteCall& call;
  };
  struct Reply final : Mail {
    explicit Reply(RemoteCall& owner) : call(owner) {}
    void deliver() override { call.home_.ready(call.awaiter_); }
    RemoteCall& call;
  };

  static Task<void> serve(RemoteCall& call) {
    call.result_.emplace(co_await call.make_task_());
    call.home_.post(call.reply_);
  }

  Request request_;
  Reply reply_;
  Scheduler& home_;
  Scheduler& target_;
  MakeTask make_task_;
  std::optional<T> result_;
  std::coroutine_handle<> awaiter_;
};

// `make_task` is a callable returning Task<T>, T not void. Keep it in a named local: see task.h on
// g++ 12.
template <typename MakeTask>
Task<typename RemoteCall<MakeTask>::T> call_on(Scheduler& home, Scheduler& target,
                                               MakeTask& make_task) {
  if (&home == &target) co_return co_await make_task();
  RemoteCall<MakeTask&> call(home, target, make_task);
  co_return co_await call;
}

}  // namespace penstock
