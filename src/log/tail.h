// Tail: the newest commits of a partition, kept in memory for readers that keep up.
//
// A consumer at the end of the log is served the very bytes that were written, without touching the
// device. The tails of a shard share one budget, so that a thousand busy partitions hold no more memory
// than one: what is oldest in all of them leaves first.
//
// Ownership: shares the commits. Threading: the partition's shard.
#pragma once

#include <deque>

#include "log/commit.h"
#include "log/segment.h"

namespace penstock::log {

class Tail;

// What the tails of a shard may hold; it outlives them.
class TailMemory {
 public:
  explicit TailMemory(std::uint64_t budget_bytes) : budget_bytes_(budget_bytes) {}
  TailMemory(const TailMemory&) = delete;
  TailMemory& operator=(const TailMemory&) = delete;
  ~TailMemory();

  std::uint64_t held_bytes() const { return held_bytes_; }

 private:
  friend class Tail;

  std::uint64_t budget_bytes_;
  std::uint64_t held_bytes_ = 0;
  std::deque<Tail*> order_;  // whose commit came first, second, ...
};

class Tail {
 public:
  explicit Tail(TailMemory& memory) : memory_(memory) {}
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;
  ~Tail() { clear(); }

  // Adds a durable commit, the next in order; the oldest ones of all tails leave when the budget is
  // passed. The newest stays, whatever its size, so that a waiting reader finds what woke it.
  void add(CommitRef commit);

  // Batches from the one that contains `from` on; nothing when `from` is no longer (or not yet) here.
  std::optional<Batches> read(Offset from, ReadLimits limits) const;

  void clear();

 private:
  void drop_oldest();

  TailMemory& memory_;
  std::deque<CommitRef> commits_;
};

}  // namespace penstock::log
