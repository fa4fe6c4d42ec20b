// AnswerMemory: how many bytes of answers may lie in a shard's memory, over all its connections.
//
// An answer counts from the reading of what it carries until the client has taken it. So clients that
// ask for much and take it slowly cannot fill the memory: a Fetch reads no more than there is room for.
// When there is none, it waits for a while and then reads the least that it must. Whoever takes answers
// slowly while others wait is to be dropped (is_short()); the connections do that.
//
// Ownership: must outlive its shares. Threading: the shard's scheduler.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/units.h"
#include "task/sync.h"

namespace penstock::broker {

class AnswerMemory {
 public:
  // With less room than this a Fetch waits: answers of a few batches each would cost more than they
  // bring.
  static constexpr std::uint64_t kLeastBytes = 64 * kKiB;
  // For room. An answer that nobody takes may stand in line behind the very one that waits for it.
  static constexpr Duration kLongestWait = std::chrono::seconds(3);

  // Bytes that count, until it goes.
  class Share {
   public:
    Share() = default;
    Share(AnswerMemory& memory, std::uint64_t bytes) : memory_(&memory), bytes_(bytes) {
      memory.used_bytes_ += bytes;
    }
    Share(Share&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      if (this != &other) {
        shrink(0);
        memory_ = std::exchange(other.memory_, nullptr);
        bytes_ = std::exchange(other.bytes_, 0);
      }
      return *this;
    }
    ~Share() { shrink(0); }

    std::uint64_t bytes() const { return bytes_; }
    // Gives back all but `bytes`, if there is more.
    void shrink(std::uint64_t bytes) {
      if (bytes >= bytes_) return;
      memory_->give_back(bytes_ - bytes);
      bytes_ = bytes;
    }

    // Takes over what `other` counts.
    void add(Share other) {
      if (memory_ == nullptr) std::swap(memory_, other.memory_);
      bytes_ += std::exchange(other.bytes_, 0);
    }

   private:
    AnswerMemory* memory_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  AnswerMemory(Scheduler& scheduler, const std::uint64_t& limit_bytes)
      : scheduler_(scheduler), limit_bytes_(limit_bytes), line_(scheduler) {}

  // As much as there is room for, up to `wanted`; at least kLeastBytes, if that many are wanted, even
  // if there is no room when the wait is over.
  Task<Share> reserve(std::uint64_t wanted) {
    const std::uint64_t least = std::min(wanted, kLeastBytes);
    const Instant deadline = scheduler_.now() + kLongestWait;
    ++waiting_count_;
    bool in_time = true;
    while (in_time && room_bytes() < least) in_time = co_await line_.wait_until(deadline);
    --waiting_count_;
    Share share(*this, std::clamp(room_bytes(), least, std::max(wanted, least)));
    wake_next();
    co_return share;
  }

  // Counts whatever is there already.
  Share take(std::uint64_t bytes) { return Share(*this, bytes); }

  std::uint64_t used_bytes() const { return used_bytes_; }
  // Whether somebody waits for room.
  bool is_short() const { return waiting_count_ > 0; }

 private:
  std::uint64_t room_bytes() const { return limit_bytes_ - std::min(limit_bytes_, used_bytes_); }
  void give_back(std::uint64_t bytes) {
    used_bytes_ -= bytes;
    wake_next();
  }
  // Who has been woken and finds too little waits again, behind the others.
  void wake_next() {
    if (room_bytes() >= kLeastBytes) line_.wake_one();
  }

  Scheduler& scheduler_;
  const std::uint64_t& limit_bytes_;
  std::uint64_t used_bytes_ = 0;
  std::size_t waiting_count_ = 0;
  WaitQueue line_;
};

}  // namespace penstock::broker
