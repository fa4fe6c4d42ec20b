// RequestMemory: how many bytes of requests may be in memory, over all connections of a shard.
//
// A request counts what of it is here: a large one gets its bytes step by step as they arrive, so
// announcing much takes nothing from anybody. Requests that are under way and wait for more hold some
// already; were all to wait for each other, none would end. So whoever is first among them gets its
// bytes even beyond the limit, one request at a time, which bounds the excess by the largest request.
//
// Ownership: must outlive its claims. Threading: the shard's scheduler.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "task/sync.h"

namespace penstock::server {

class RequestMemory {
 public:
  // What one request holds, given back when it goes.
  class Claim {
   public:
    Claim() = default;
    explicit Claim(RequestMemory& memory) : memory_(&memory) {}
    Claim(Claim&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)),
          bytes_(std::exchange(other.bytes_, 0)),
          exceeds_(std::exchange(other.exceeds_, false)) {}
    Claim& operator=(Claim&& other) noexcept {
      if (this != &other) {
        release();
        memory_ = std::exchange(other.memory_, nullptr);
        bytes_ = std::exchange(other.bytes_, 0);
        exceeds_ = std::exchange(other.exceeds_, false);
      }
      return *this;
    }
    ~Claim() { release(); }

    std::uint64_t bytes() const { return bytes_; }

    // Waits for its turn, and for so many bytes more. One at a time.
    Task<void> grow(std::uint64_t bytes) {
      Waiter waiter(*this, bytes, memory_->scheduler_);
      memory_->enter(waiter);
      co_await waiter.granted.wait();
    }

    // The request is here: it wants no more.
    void complete() {
      if (!std::exchange(exceeds_, false)) return;
      memory_->is_exceeded_ = false;
      memory_->serve();
    }

    void release() {
      if (memory_ == nullptr) return;
      memory_->available_ += static_cast<std::int64_t>(std::exchange(bytes_, 0));
      if (std::exchange(exceeds_, false)) memory_->is_exceeded_ = false;
      std::exchange(memory_, nullptr)->serve();
    }

   private:
    friend class RequestMemory;
    RequestMemory* memory_ = nullptr;
    std::uint64_t bytes_ = 0;
    bool exceeds_ = false;
  };

  RequestMemory(Scheduler& scheduler, std::uint64_t limit_bytes)
      : scheduler_(scheduler),
        limit_(static_cast<std::int64_t>(limit_bytes)),
        available_(static_cast<std::int64_t>(limit_bytes)) {}
  RequestMemory(const RequestMemory&) = delete;
  RequestMemory& operator=(const RequestMemory&) = delete;
  ~RequestMemory() {
    PENSTOCK_ASSERT(growing_.empty() && starting_.empty(), "destroyed while requests wait for memory");
  }

  std::uint64_t used_bytes() const { return static_cast<std::uint64_t>(limit_ - available_); }
  // Whether somebody waits.
  bool is_short() const { return !growing_.empty() || !starting_.empty(); }

 private:
  struct Waiter {
    Waiter(Claim& for_whom, std::uint64_t how_many, Scheduler& scheduler)
        : claim(for_whom), bytes(static_cast<std::int64_t>(how_many)), granted(scheduler) {}
    Claim& claim;
    std::int64_t bytes;
    Event granted;
  };

  void enter(Waiter& waiter) {
    if (waiter.claim.exceeds_) return grant(waiter);
    (waiter.claim.bytes_ > 0 ? growing_ : starting_).push_back(&waiter);
    serve();
  }

  // Those that hold something come first: only they can give something back.
  void serve() {
    while (!growing_.empty()) {
      Waiter& first = *growing_.front();
      if (first.bytes > available_) {
        if (is_exceeded_) break;
        is_exceeded_ = first.claim.exceeds_ = true;
      }
      growing_.pop_front();
      grant(first);
    }
    // More than there is at all is had when nobody else holds anything.
    while (growing_.empty() && !starting_.empty()) {
      Waiter& first = *starting_.front();
      if (first.bytes > available_ && available_ < limit_) break;
      starting_.pop_front();
      grant(first);
    }
  }
  void grant(Waiter& waiter) {
    available_ -= waiter.bytes;
    waiter.claim.bytes_ += static_cast<std::uint64_t>(waiter.bytes);
    waiter.granted.set();
  }

  Scheduler& scheduler_;
  const std::int64_t limit_;
  std::int64_t available_;
  bool is_exceeded_ = false;     // somebody may take more than there is
  std::deque<Waiter*> growing_;  // they hold something already
  std::deque<Waiter*> starting_;
};

}  // namespace penstock::server
