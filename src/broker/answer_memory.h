// AnswerMemory: how many bytes of answers may lie in a shard's memory, over all its connections.
//
// An answer counts from the reading of what it carries until the client has taken it. So clients that
// ask for much and take it slowly cannot fill the memory: a Fetch reads no more than there is room for,
// and waits when there is none. An answer that nobody takes may stand in line behind the very one that
// waits for it, so who has waited for a while is served beyond the limit, one at a time; this bounds
// the excess by the largest batch. Whoever takes answers slowly while others wait is to be dropped
// (is_short()); the connections do that.
//
// Ownership: must outlive its shares. Threading: the shard's scheduler.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <utility>

#include "base/units.h"
#include "task/abort_source.h"

namespace penstock::broker {

class AnswerMemory {
 public:
  // With less room than this a Fetch waits: answers of a few batches each would cost more than they
  // bring.
  static constexpr std::uint64_t kLeastBytes = 64 * kKiB;
  // For room; then it may be one's turn to go beyond the limit.
  static constexpr Duration kLongestWait = std::chrono::seconds(3);

  // Bytes that count, until it goes.
  class Share {
   public:
    Share() = default;
    Share(AnswerMemory& memory, std::uint64_t bytes) : memory_(&memory), bytes_(bytes) {
      memory.used_bytes_ += bytes;
    }
    Share(Share&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)),
          bytes_(std::exchange(other.bytes_, 0)),
          exceeds_(std::exchange(other.exceeds_, false)) {}
    Share& operator=(Share&& other) noexcept {
      if (this != &other) {
        shrink(0);
        memory_ = std::exchange(other.memory_, nullptr);
        bytes_ = std::exchange(other.bytes_, 0);
        exceeds_ = std::exchange(other.exceeds_, false);
      }
      return *this;
    }
    ~Share() { shrink(0); }

    std::uint64_t bytes() const { return bytes_; }

    // Gives back all but `bytes`, if there is more.
    void shrink(std::uint64_t bytes) {
      if (memory_ == nullptr || bytes > bytes_) return;
      memory_->used_bytes_ -= std::exchange(bytes_, bytes) - bytes;
      if (bytes == 0 && std::exchange(exceeds_, false)) memory_->is_exceeded_ = false;
      memory_->serve();
    }
    // Counts up to `bytes`, if there is room for them and nobody waits.
    bool try_grow(std::uint64_t bytes) {
      const std::uint64_t more_bytes = bytes - std::min(bytes, bytes_);
      const bool is_free = memory_->line_.empty() && more_bytes <= memory_->room_bytes();
      if (!is_free && !exceeds_ && more_bytes > 0) return false;
      memory_->used_bytes_ += more_bytes;
      bytes_ += more_bytes;
      return true;
    }
    // Counts `bytes`, which are there, room or not.
    void settle(std::uint64_t bytes) {
      shrink(bytes);
      memory_->used_bytes_ += bytes - bytes_;
      bytes_ = bytes;
    }
    // Takes over what `other` counts.
    void add(Share other) {
      if (memory_ == nullptr) memory_ = other.memory_;
      bytes_ += std::exchange(other.bytes_, 0);
      exceeds_ = std::exchange(other.exceeds_, false) || exceeds_;
    }

   private:
    friend class AnswerMemory;
    AnswerMemory* memory_ = nullptr;
    std::uint64_t bytes_ = 0;
    bool exceeds_ = false;  // it was granted beyond the limit
  };

  AnswerMemory(Scheduler& scheduler, const std::uint64_t& limit_bytes)
      : scheduler_(scheduler), limit_bytes_(limit_bytes) {}
  AnswerMemory(const AnswerMemory&) = delete;
  AnswerMemory& operator=(const AnswerMemory&) = delete;
  ~AnswerMemory() { PENSTOCK_ASSERT(line_.empty(), "destroyed while answers wait for memory"); }

  // As much as there is room for, from `least` up to `wanted` bytes. Nothing, when `gone` is aborted
  // while it waits.
  Task<Share> reserve(std::uint64_t wanted, std::uint64_t least, AbortSource& gone) {
    if (least == 0) co_return Share(*this, 0);
    Waiter waiter(scheduler_, wanted, least);
    const auto place = line_.insert(line_.end(), &waiter);
    serve();
    if (!waiter.is_granted) {
      const AbortSource::Wake when_gone(&gone, waiter.woken);
      co_await waiter.woken.wait_until(waiter.deadline);
      serve();
      co_await waiter.woken.wait();
    }
    if (!waiter.is_granted) {
      line_.erase(place);
      serve();
    }
    co_return std::move(waiter.share);
  }

  std::uint64_t used_bytes() const { return used_bytes_; }
  // Whether somebody waits for room.
  bool is_short() const { return !line_.empty(); }

 private:
  struct Waiter {
    Waiter(Scheduler& scheduler, std::uint64_t wanted, std::uint64_t least)
        : wanted_bytes(std::max(wanted, least)),
          least_bytes(least),
          deadline(scheduler.now() + kLongestWait),
          woken(scheduler) {}
    std::uint64_t wanted_bytes;
    std::uint64_t least_bytes;
    Instant deadline;
    Event woken;
    bool is_granted = false;
    Share share;
  };

  std::uint64_t room_bytes() const { return limit_bytes_ - std::min(limit_bytes_, used_bytes_); }

  // In the order of asking.
  void serve() {
    while (!line_.empty()) {
      Waiter& first = *line_.front();
      const bool has_room = first.least_bytes <= room_bytes() || used_bytes_ == 0;
      const bool may_exceed = !is_exceeded_ && first.deadline <= scheduler_.now();
      if (!has_room && !may_exceed) return;
      line_.pop_front();
      first.share = Share(*this, std::clamp(room_bytes(), first.least_bytes, first.wanted_bytes));
      if (!has_room) is_exceeded_ = first.share.exceeds_ = true;
      first.is_granted = true;
      first.woken.set();
    }
  }

  Scheduler& scheduler_;
  const std::uint64_t& limit_bytes_;
  std::uint64_t used_bytes_ = 0;
  bool is_exceeded_ = false;  // a share lives that was granted beyond the limit
  std::list<Waiter*> line_;
};

}  // namespace penstock::broker
