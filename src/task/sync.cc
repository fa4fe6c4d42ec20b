#include "task/sync.h"

namespace penstock {

WaitQueue::Awaiter WaitQueue::wait() { return {*this, std::nullopt}; }
WaitQueue::Awaiter WaitQueue::wait_until(Instant deadline) {
  if (deadline == Instant::kNever) return wait();
  return {*this, deadline};
}

void WaitQueue::wake_all() {
  while (wake_one()) {
  }
}

bool WaitQueue::wake_one() {
  if (waiters_.empty()) return false;
  Awaiter* first = waiters_.front();
  waiters_.pop_front();
  first->wake();
  return true;
}

void WaitQueue::Awaiter::await_suspend(std::coroutine_handle<> awaiter) {
  awaiter_ = awaiter;
  place_ = queue_.waiters_.insert(queue_.waiters_.end(), this);
  if (deadline_) start(*deadline_);
}

void WaitQueue::Awaiter::fire() {
  queue_.waiters_.erase(place_);
  queue_.scheduler_.ready(awaiter_);
}

void WaitQueue::Awaiter::wake() {
  cancel();
  woken_ = true;
  queue_.scheduler_.ready(awaiter_);
}

Task<void> Event::wait() {
  if (!set_) co_await queue_.wait();
}

Task<bool> Event::wait_until(Instant deadline) {
  if (set_) co_return true;
  const bool woken = co_await queue_.wait_until(deadline);
  co_return woken;
}

void Event::set() {
  set_ = true;
  queue_.wake_all();
}

Semaphore::Awaiter Semaphore::acquire(std::int64_t units) { return {*this, clamp(units)}; }

void Semaphore::release(std::int64_t units) {
  available_ += clamp(units);
  PENSTOCK_ASSERT(available_ <= limit_, "a semaphore was given back more than it lent");
  serve();
}

void Semaphore::serve() {
  while (!waiters_.empty() && waiters_.front()->units_ <= available_) {
    const Awaiter* first = waiters_.front();
    waiters_.pop_front();
    available_ -= first->units_;
    ++served_count_;
    scheduler_.ready(first->awaiter_);
  }
}

bool Semaphore::Awaiter::await_ready() const {
  const bool has_turn = semaphore_.waiters_.empty() && semaphore_.served_count_ == 0;
  if (!has_turn || semaphore_.available_ < units_) return false;
  semaphore_.available_ -= units_;
  return true;
}

// Units may be free when all that keeps it waiting is that those before it have not gone on yet; then
// it follows them at once.
void Semaphore::Awaiter::await_suspend(std::coroutine_handle<> awaiter) {
  awaiter_ = awaiter;
  waited_ = true;
  semaphore_.waiters_.push_back(this);
  semaphore_.serve();
}

void Semaphore::Awaiter::await_resume() {
  if (waited_) --semaphore_.served_count_;
}

Result<Gate::Hold> Gate::enter() {
  if (closed_) return fail(ErrorCode::kClosed, "closed");
  ++inside_count_;
  return Hold(this);
}

void Gate::leave() {
  PENSTOCK_ASSERT(inside_count_ > 0, "left a gate that nobody is in");
  if (--inside_count_ == 0 && closed_) queue_.wake_all();
}

Task<void> Gate::close() {
  closed_ = true;
  while (inside_count_ > 0) co_await queue_.wait();
}

}  // namespace penstock
