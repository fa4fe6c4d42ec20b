// Scheduler: runs the coroutines of one thread.
//
// Ready coroutines run in the order in which they became ready; then due timers fire; then the reactor
// is polled. Given a deterministic Reactor and Clock, a run is deterministic.
//
// Ownership: clock and reactor must outlive the scheduler; every spawned task must have ended before it
// is destroyed (asserted). Threading: one thread at a time, the one inside run(); only post() and
// stop() may be called from others.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "task/clock.h"
#include "task/loop_watch.h"
#include "task/reactor.h"
#include "task/task.h"

namespace penstock {

// A message to a scheduler from another thread. The sender owns it and keeps it alive until deliver()
// has been called, on the receiving scheduler's thread, exactly once.
class Mail {
 public:
  virtual ~Mail() = default;
  virtual void deliver() = 0;

 private:
  friend class Scheduler;
  Mail* next_ = nullptr;
};

class Scheduler {
 public:
  class Timer;

  Scheduler(const Clock& clock, Reactor& reactor) : clock_(clock), reactor_(reactor) {}
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler();

  // The coroutine goes on in this scheduler's next turn.
  void ready(std::coroutine_handle<> coroutine) { ready_.push_back(coroutine); }

  // Starts `task` in the next turn; the scheduler owns it until it ends.
  void spawn(Task<void> task);

  // Runs `task` at once, up to its first suspension; the scheduler owns what is left of it. A task that
  // never suspends, as over a blocking disk, leaves the scheduler untouched.
  void start(Task<void> task);

  // How many tasks that were spawned, or are left of started ones, have not ended.
  std::size_t spawned_count() const { return spawned_count_; }

  // Runs until `task` has ended, and returns its result.
  template <typename T>
  T run(Task<T> task);

  // Runs until stop(), and watches how long its turns take.
  void run_until_stopped();
  const LoopWatch& watch() const { return watch_; }

  // Runs until every spawned task has ended.
  void run_to_end();

  // For a thread whose loop is somebody else's. One turn and one look at the reactor, without waiting.
  void run_once();
  // Waits until something is ready, for at most `max_wait`, and runs nothing.
  void wait_once(Duration max_wait) { poll(max_wait); }
  bool has_ready() const { return !ready_.empty(); }

  // Says that the thread goes away to wait for the reactor's descriptor: from now on, whatever becomes
  // of this scheduler wakes the reactor too, so that it shows there. Timers do not. Until the next run.
  void wait_outside();

  // Makes run_until_stopped() return, now and ever after; run() goes on working, for an orderly end.
  // Any thread.
  void stop();

  // Delivers `mail` in one of this scheduler's next turns, in the order of posting. Any thread.
  void post(Mail& mail);

  const Clock& clock() const { return clock_; }
  Instant now() const { return clock_.now(); }

  // `co_await scheduler.sleep_until(t)`: goes on when the clock has reached `t`.
  struct SleepAwaiter;
  SleepAwaiter sleep_until(Instant when);
  SleepAwaiter sleep_for(Duration delay);

  // `co_await scheduler.yield()`: lets everything else that is ready run first.
  struct YieldAwaiter;
  YieldAwaiter yield();

 private:
  using Timers = std::multimap<Instant, Timer*>;

  void turn();
  void poll(Duration max_wait = Reactor::kForever);
  void run_ready();
  void deliver_mail();
  void fire_timers();
  Duration longest_wait() const;
  bool has_mail() const { return mail_.load(std::memory_order_seq_cst) != nullptr; }

  const Clock& clock_;
  Reactor& reactor_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;  // the batch of this turn; kept for its capacity
  Timers timers_;
  std::size_t spawned_count_ = 0;
  LoopWatch watch_;

  std::atomic<Mail*> mail_{nullptr};  // a stack, newest first
  std::atomic<bool> waiting_{false};  // inside a poll() that may wait, or outside
  std::atomic<bool> stopped_{false};
};

// Something that happens at a moment unless it is cancelled first. Must be idle when destroyed.
class Scheduler::Timer {
 public:
  explicit Timer(Scheduler& scheduler) : scheduler_(scheduler) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { cancel(); }

  void start(Instant when);
  void cancel();
  bool is_running() const { return place_.has_value(); }

 protected:
  virtual void fire() = 0;

 private:
  friend class Scheduler;
  Scheduler& scheduler_;
  std::optional<Timers::iterator> place_;
};

struct Scheduler::SleepAwaiter final : Scheduler::Timer {
  SleepAwaiter(Scheduler& scheduler, Instant when)
      : Timer(scheduler), scheduler_(scheduler), when_(when) {}
  bool await_ready() const { return scheduler_.now() >= when_; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    awaiter_ = awaiter;
    start(when_);
  }
  void await_resume() const {}

 private:
  void fire() override { scheduler_.ready(awaiter_); }

  Scheduler& scheduler_;
  Instant when_;
  std::coroutine_handle<> awaiter_;
};

struct Scheduler::YieldAwaiter {
  Scheduler& scheduler;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) const { scheduler.ready(awaiter); }
  void await_resume() const {}
};

inline Scheduler::SleepAwaiter Scheduler::sleep_until(Instant when) { return {*this, when}; }
inline Scheduler::SleepAwaiter Scheduler::sleep_for(Duration delay) { return {*this, now() + delay}; }
inline Scheduler::YieldAwaiter Scheduler::yield() { return {*this}; }

namespace detail {

template <typename T>
Task<void> store_result(Task<T> task, std::optional<T>& result) {
  result.emplace(co_await task);
}

inline Task<void> note_end(Task<void> task, bool& ended) {
  co_await task;
  ended = true;
}

}  // namespace detail

template <>
inline void Scheduler::run(Task<void> task) {
  bool ended = false;
  spawn(detail::note_end(std::move(task), ended));
  turn();
  // Asks before it waits: a task that has ended may have been the last that anything happens to.
  while (!ended) {
    poll();
    turn();
  }
}

template <typename T>
T Scheduler::run(Task<T> task) {
  std::optional<T> result;
  run(detail::store_result(std::move(task), result));
  return std::move(*result);
}

}  // namespace penstock
