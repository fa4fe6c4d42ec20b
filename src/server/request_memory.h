// RequestMemory: how many bytes of requests may be in memory, over all connections of a shard.
//
// A request counts what of it is here: a large one gets its bytes step by step as they arrive, so
// announcing much takes nothing from anybody. Requests that are under way and wait for more hold some
// already; were all to wait for each other, none would end. So whoever is first among them gets its
// bytes even beyond the limit, one request at a time, which bounds the excess by the largest request.
//
// An eighth of the memory is kept for requests that take all of their bytes at once. Those never wait
// for themselves, so however many large requests have come to a stop, a small one is not held up, as
// long as none asks for more than that eighth.
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
          is_of_reserve_(std::exchange(other.is_of_reserve_, false)),
          exceeds_(std::exchange(other.exceeds_, false)) {}
    Claim& operator=(Claim&& other) noexcept {
      if (this != &other) {
        release();
        memory_ = std::exchange(other.memory_, nullptr);
        bytes_ = std::exchange(other.bytes_, 0);
        is_of_reserve_ = std::exchange(other.is_of_reserve_, false);
        exceeds_ = std::exchange(other.exceeds_, false);
      }
      return *this;
    }
    ~Claim() { release(); }

    std::uint64_t bytes() const { return bytes_; }

    // Waits for its turn, and for so many bytes more. One at a time.
    Task<void> grow(std::uint64_t bytes) { return memory_->wait(*this, bytes, false); }

    // The same, for all that the request will take, which has nothing yet.
    Task<void> take_whole(std::uint64_t bytes) { return memory_->wait(*this, bytes, true); }

    // The request is here: it wants no more.
    void complete() {
      if (!std::exchange(exceeds_, false)) return;
      memory_->is_exceeded_ = false;
      memory_->serve();
    }

    void release() {
      if (memory_ == nullptr) return;
      (std::exchange(is_of_reserve_, false) ? memory_->reserve_ : memory_->available_) +=
          static_cast<std::int64_t>(std::exchange(bytes_, 0));
      if (std::exchange(exceeds_, false)) memory_->is_exceeded_ = false;
      std::exchange(memory_, nullptr)->serve();
    }

   private:
    friend class RequestMemory;
    RequestMemory* memory_ = nullptr;
    std::uint64_t bytes_ = 0;
    bool is_of_reserve_ = false;
    bool exceeds_ = false;
  };

  RequestMemory(Scheduler& scheduler, std::uint64_t limit_bytes)
      : scheduler_(scheduler),
        reserve_limit_(static_cast<std::int64_t>(limit_bytes / 8)),
        limit_(static_cast<std::int64_t>(limit_bytes) - reserve_limit_) {}
  RequestMemory(const RequestMemory&) = delete;
  RequestMemory& operator=(const RequestMemory&) = delete;
  ~RequestMemory() { PENSTOCK_ASSERT(!is_short(), "destroyed while requests wait for memory"); }

  // What one that takes all at once may ask for without having to wait for those that do not.
  std::uint64_t kept_bytes() const { return static_cast<std::uint64_t>(reserve_limit_); }
  std::uint64_t used_bytes() const {
    return static_cast<std::uint64_t>(limit_ - available_ + reserve_limit_ - reserve_);
  }
  // Whether somebody waits.
  bool is_short() const { return !growing_.empty() || !starting_.empty() || !whole_.empty(); }

 private:
  struct Waiter {
    Waiter(Claim& for_whom, std::uint64_t how_many, Scheduler& scheduler)
        : claim(for_whom), bytes(static_cast<std::int64_t>(how_many)), granted(scheduler) {}
    Claim& claim;
    std::int64_t bytes;
    Event granted;
  };

  Task<void> wait(Claim& claim, std::uint64_t bytes, bool is_whole) {
    Waiter waiter(claim, bytes, scheduler_);
    if (claim.exceeds_) {
      grant(waiter);
    } else {
      (is_whole ? whole_ : claim.bytes_ > 0 ? growing_ : starting_).push_back(&waiter);
      serve();
    }
    co_await waiter.granted.wait();
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
    while (growing_.empty() && !starting_.empty() && has_room_for(*starting_.front()))
      grant(take_first(starting_));
    while (!whole_.empty()) {
      Waiter& first = *whole_.front();
      const bool is_its_turn = growing_.empty() && starting_.empty() && has_room_for(first);
      if (!is_its_turn && first.bytes > reserve_) break;
      first.claim.is_of_reserve_ = !is_its_turn;
      grant(take_first(whole_));
    }
  }
  // More than there is at all is had when nobody else holds anything.
  bool has_room_for(const Waiter& waiter) const {
    return waiter.bytes <= available_ || available_ == limit_;
  }
  static Waiter& take_first(std::deque<Waiter*>& waiters) {
    Waiter& first = *waiters.front();
    waiters.pop_front();
    return first;
  }
  void grant(Waiter& waiter) {
    (waiter.claim.is_of_reserve_ ? reserve_ : available_) -= waiter.bytes;
    waiter.claim.bytes_ += static_cast<std::uint64_t>(waiter.bytes);
    waiter.granted.set();
  }

  Scheduler& scheduler_;
  const std::int64_t reserve_limit_;
  const std::int64_t limit_;
  std::int64_t reserve_ = reserve_limit_;
  std::int64_t available_ = limit_;
  bool is_exceeded_ = false;     // somebody may take more than there is
  std::deque<Waiter*> growing_;  // they hold something already
  std::deque<Waiter*> starting_;
  std::deque<Waiter*> whole_;
};

}  // namespace penstock::server
