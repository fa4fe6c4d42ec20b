// RequestBudget: how many bytes of requests may be in memory, of one connection and of its whole shard.
//
// A connection that cannot have its bytes waits, and does not read its socket meanwhile; TCP passes
// that on to the client. A request above a limit takes all of it, so it goes alone instead of never.
//
// Ownership: the shard's semaphore must outlive the budget, and the budget its leases.
// Threading: the shard's scheduler.
#pragma once

#include <cstdint>
#include <utility>

#include "task/sync.h"

namespace penstock::server {

class RequestBudget {
 public:
  // Bytes that were granted, given back when it goes.
  class Lease {
   public:
    Lease() = default;
    Lease(RequestBudget& budget, std::int64_t bytes) : budget_(&budget), bytes_(bytes) {}
    Lease(Lease&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        release();
        budget_ = std::exchange(other.budget_, nullptr);
        bytes_ = other.bytes_;
      }
      return *this;
    }
    ~Lease() { release(); }

    void release() {
      if (budget_ == nullptr) return;
      budget_->shard_.release(bytes_);
      budget_->connection_.release(bytes_);
      budget_ = nullptr;
    }

   private:
    RequestBudget* budget_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  RequestBudget(Scheduler& scheduler, std::uint64_t connection_bytes, Semaphore& shard)
      : connection_(scheduler, static_cast<std::int64_t>(connection_bytes)), shard_(shard) {}

  // Waits until `bytes` may be held. The connection's share first, so that a connection that is at its
  // own limit keeps nobody else waiting.
  Task<Lease> acquire(std::uint64_t bytes) {
    const auto units = static_cast<std::int64_t>(bytes);
    co_await connection_.acquire(units);
    co_await shard_.acquire(units);
    co_return Lease(*this, units);
  }

 private:
  Semaphore connection_;
  Semaphore& shard_;
};

}  // namespace penstock::server
