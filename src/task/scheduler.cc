#include "task/scheduler.h"

#include <algorithm>

namespace penstock {

namespace {

// A coroutine that owns itself: what spawn() wraps a task in.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<> handle;
};

Detached own(Task<void> task, std::size_t& live_count) {
  co_await task;
  --live_count;
}

// The same, for start(): who started it destroys it if it ended at once; it counts, and destroys
// itself, if it did not.
struct DetachedNow {
  struct promise_type {
    struct FinalAwaiter {
      bool await_ready() const noexcept { return live_count != nullptr; }
      void await_suspend(std::coroutine_handle<>) const noexcept {}
      void await_resume() const noexcept { --*live_count; }
      std::size_t* live_count;
    };

    DetachedNow get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    FinalAwaiter final_suspend() const noexcept { return {live_count}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

    std::size_t* live_count = nullptr;
  };
  std::coroutine_handle<promise_type> handle;
};

DetachedNow own_now(Task<void> task) { co_await task; }

}  // namespace

Scheduler::~Scheduler() {
  PENSTOCK_ASSERT(spawned_count_ == 0, "a scheduler was destroyed with tasks still running");
}

void Scheduler::spawn(Task<void> task) {
  ++spawned_count_;
  ready(own(std::move(task), spawned_count_).handle);
}

void Scheduler::start(Task<void> task) {
  const auto handle = own_now(std::move(task)).handle;
  handle.resume();
  if (handle.done()) {
    handle.destroy();
  } else {
    handle.promise().live_count = &spawned_count_;
    ++spawned_count_;
  }
}

void Scheduler::run_until_stopped() {
  while (!stopped_.load(std::memory_order_acquire)) {
    const Instant begin = clock_.now();
    const Duration submitted_before = reactor_.submitting_time();
    turn();
    const Duration in_turn = clock_.now() - begin;
    const Duration submitted_in_turn = reactor_.submitting_time() - submitted_before;
    poll();
    const Duration submitting = reactor_.submitting_time() - submitted_before;
    watch_.note_turn(in_turn + submitting - submitted_in_turn, submitting);
  }
}

void Scheduler::run_to_end() {
  turn();
  while (spawned_count_ > 0) {
    poll();
    turn();
  }
}

void Scheduler::run_once() {
  turn();
  poll(Duration::zero());
}

void Scheduler::wait_outside() {
  waiting_.store(true, std::memory_order_seq_cst);
  if (has_ready() || has_mail()) reactor_.wake();
}

void Scheduler::stop() {
  stopped_.store(true, std::memory_order_release);
  reactor_.wake();
}

void Scheduler::post(Mail& mail) {
  Mail* newest = mail_.load(std::memory_order_relaxed);
  do {
    mail.next_ = newest;
  } while (!mail_.compare_exchange_weak(newest, &mail, std::memory_order_seq_cst,
                                        std::memory_order_relaxed));
  // Pairs with poll(): either it sees the mail before it waits, or this sees that it waits.
  if (waiting_.load(std::memory_order_seq_cst)) reactor_.wake();
}

void Scheduler::turn() {
  deliver_mail();
  run_ready();
  fire_timers();
}

void Scheduler::poll(Duration max_wait) {
  if (!ready_.empty()) {
    reactor_.poll(Duration::zero());
    return;
  }
  waiting_.store(true, std::memory_order_seq_cst);
  // stop() needs no look here: its wake() makes this poll return at once.
  reactor_.poll(has_mail() ? Duration::zero() : std::min(max_wait, longest_wait()));
  waiting_.store(false, std::memory_order_relaxed);
}

void Scheduler::run_ready() {
  // One batch: what becomes ready meanwhile waits for the next turn, so that completions and timers get
  // theirs even when coroutines keep waking each other.
  PENSTOCK_ASSERT(running_.empty(), "run() inside a coroutine of the same scheduler");
  std::swap(ready_, running_);
  for (const std::coroutine_handle<> coroutine : running_) coroutine.resume();
  running_.clear();
}

void Scheduler::deliver_mail() {
  Mail* newest = mail_.exchange(nullptr, std::memory_order_acquire);
  Mail* oldest = nullptr;
  while (newest != nullptr) {
    Mail* older = newest->next_;
    newest->next_ = oldest;
    oldest = newest;
    newest = older;
  }
  while (oldest != nullptr) {
    Mail* next = oldest->next_;  // deliver() may end the mail's life
    oldest->deliver();
    oldest = next;
  }
}

void Scheduler::fire_timers() {
  if (timers_.empty()) return;
  const Instant now = clock_.now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Timer* timer = timers_.begin()->second;
    timer->cancel();
    timer->fire();
  }
}

Duration Scheduler::longest_wait() const {
  if (timers_.empty()) return Reactor::kForever;
  return std::max(Duration::zero(), timers_.begin()->first - clock_.now());
}

void Scheduler::Timer::start(Instant when) {
  cancel();
  place_ = scheduler_.timers_.emplace(when, this);
}

void Scheduler::Timer::cancel() {
  if (!place_) return;
  scheduler_.timers_.erase(*place_);
  place_.reset();
}

}  // namespace penstock
