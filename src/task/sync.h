// Event, Semaphore, Gate: how coroutines of one scheduler wait for each other.
//
// None of them blocks a thread, and none of them resumes a waiter inside the call that frees it:
// waiters go to the scheduler's ready queue in the order in which they came, so a caller's invariants
// cannot be changed under it.
//
// Ownership: each must outlive its waiters and those inside (asserted). Threading: the scheduler's
// thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <list>

#include "base/error.h"
#include "task/scheduler.h"

namespace penstock {

// Coroutines waiting in line; the part that Event, Semaphore and Gate share.
class WaitQueue {
 public:
  class Awaiter;

  explicit WaitQueue(Scheduler& scheduler) : scheduler_(scheduler) {}
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;
  ~WaitQueue() { PENSTOCK_ASSERT(waiters_.empty(), "destroyed while coroutines wait on it"); }

  // Waits until woken; with a deadline, until then at the latest. Returns whether it was woken.
  Awaiter wait();
  Awaiter wait_until(Instant deadline);

  void wake_all();
  // Wakes the one that waits longest; false when nobody does.
  bool wake_one();
  bool empty() const { return waiters_.empty(); }
  Scheduler& scheduler() { return scheduler_; }

 private:
  Scheduler& scheduler_;
  std::list<Awaiter*> waiters_;
};

class WaitQueue::Awaiter final : public Scheduler::Timer {
 public:
  Awaiter(WaitQueue& queue, std::optional<Instant> deadline)
      : Timer(queue.scheduler_), queue_(queue), deadline_(deadline) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiter);
  bool await_resume() const { return woken_; }

 private:
  friend class WaitQueue;
  void fire() override;
  void wake();

  WaitQueue& queue_;
  std::optional<Instant> deadline_;
  std::list<Awaiter*>::iterator place_;
  std::coroutine_handle<> awaiter_;
  bool woken_ = false;
};

// Something that happens once (set) or again and again (pulse).
class Event {
 public:
  explicit Event(Scheduler& scheduler) : queue_(scheduler) {}

  // Returns at once when the event is set; else after the next set() or pulse().
  Task<void> wait();
  // The same with a deadline; false when it passed first.
  Task<bool> wait_until(Instant deadline);

  bool is_set() const { return set_; }
  void set();
  void reset() { set_ = false; }
  // Wakes those who wait now, and leaves the event as it is.
  void pulse() { queue_.wake_all(); }

 private:
  WaitQueue queue_;
  bool set_ = false;
};

// A bounded count of units (bytes, requests), handed out in the order of asking.
class Semaphore {
 public:
  class Awaiter;

  Semaphore(Scheduler& scheduler, std::int64_t units)
      : scheduler_(scheduler), available_(units), limit_(units) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore() { PENSTOCK_ASSERT(waiters_.empty(), "destroyed while coroutines wait on it"); }

  // Waits until `units` are free and takes them. More than the whole count is taken as the whole count,
  // so that one oversized request waits for everybody else instead of for ever; release the same
  // number.
  Awaiter acquire(std::int64_t units);
  void release(std::int64_t units);
  std::int64_t available() const { return available_; }

 private:
  std::int64_t clamp(std::int64_t units) const { return units < limit_ ? units : limit_; }
  void serve();

  Scheduler& scheduler_;
  std::int64_t available_;
  std::int64_t limit_;
  std::deque<Awaiter*> waiters_;
  // Waiters that have their units and have not gone on yet: nobody may overtake them.
  std::size_t served_count_ = 0;
};

class Semaphore::Awaiter {
 public:
  Awaiter(Semaphore& semaphore, std::int64_t units) : semaphore_(semaphore), units_(units) {}

  bool await_ready() const;
  void await_suspend(std::coroutine_handle<> awaiter);
  void await_resume();

 private:
  friend class Semaphore;

  Semaphore& semaphore_;
  std::int64_t units_;
  std::coroutine_handle<> awaiter_;
  bool waited_ = false;
};

// Counts who is inside; close() refuses newcomers and waits until everybody has left.
class Gate {
 public:
  class Hold {
   public:
    explicit Hold(Gate* gate) : gate_(gate) {}
    Hold(Hold&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    Gate* gate_;
  };

  explicit Gate(Scheduler& scheduler) : queue_(scheduler) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { PENSTOCK_ASSERT(inside_count_ == 0, "a gate was destroyed with somebody inside"); }

  // kClosed once close() has been called.
  Result<Hold> enter();
  bool is_closed() const { return closed_; }
  Task<void> close();

 private:
  void leave();

  WaitQueue queue_;
  std::size_t inside_count_ = 0;
  bool closed_ = false;
};

}  // namespace penstock
