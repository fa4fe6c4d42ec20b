// RequestBudget: how many bytes of requests one connection may have in memory, as a part of what its
// shard may have.
//
// A connection that cannot have its bytes waits, and does not read its socket meanwhile; TCP passes
// that on to the client. A request above the connection's limit takes all of it, so it goes alone
// instead of never.
//
// Ownership: the shard's memory must outlive the budget, and the budget its leases. Threading: the
// shard's scheduler.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "server/request_memory.h"

namespace penstock::server {

class RequestBudget {
 public:
  // A request's place in the connection's share, and the bytes of it that are in memory; given back
  // when it goes.
  class Lease {
   public:
    Lease() = default;
    Lease(RequestBudget& budget, std::int64_t units)
        : budget_(&budget), units_(units), claim_(budget.shard_) {}
    Lease(Lease&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)),
          units_(other.units_),
          claim_(std::move(other.claim_)) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        release();
        budget_ = std::exchange(other.budget_, nullptr);
        units_ = other.units_;
        claim_ = std::move(other.claim_);
      }
      return *this;
    }
    ~Lease() { release(); }

    std::uint64_t bytes() const { return claim_.bytes(); }
    // Waits until so many bytes more may be in memory.
    Task<void> grow(std::uint64_t bytes) { return claim_.grow(bytes); }
    // Waits until all of the request may be in memory, of which there is nothing yet.
    Task<void> take_whole(std::uint64_t bytes) { return claim_.take_whole(bytes); }
    // The whole request is here.
    void complete() { claim_.complete(); }

    void release() {
      if (budget_ == nullptr) return;
      claim_.release();
      std::exchange(budget_, nullptr)->connection_.release(units_);
    }

   private:
    RequestBudget* budget_ = nullptr;
    std::int64_t units_ = 0;
    RequestMemory::Claim claim_;
  };

  RequestBudget(Scheduler& scheduler, std::uint64_t connection_bytes, RequestMemory& shard)
      : connection_(scheduler, static_cast<std::int64_t>(connection_bytes)), shard_(shard) {}

  // Waits for a request's place in the connection's share. Of the shard's memory it has nothing yet, so
  // that a connection at its own limit keeps nobody else waiting.
  Task<Lease> acquire(std::uint64_t request_bytes) {
    const auto units = static_cast<std::int64_t>(request_bytes);
    co_await connection_.acquire(units);
    co_return Lease(*this, units);
  }

  // For how many bytes take_whole() does not wait for requests that grow.
  std::uint64_t kept_bytes() const { return shard_.kept_bytes(); }
  // Whether connections of the shard wait for memory.
  bool is_short() const { return shard_.is_short(); }

 private:
  Semaphore connection_;
  RequestMemory& shard_;
};

}  // namespace penstock::server
