// Tail: the newest commits of a partition, kept in memory for readers that keep up.
//
// A consumer at the end of the log is served the very bytes that were written, without touching the
// device. Ownership: shares the commits. Threading: the partition's shard.
#pragma once

#include <deque>

#include "log/commit.h"
#include "log/segment.h"

namespace penstock::log {

class Tail {
 public:
  explicit Tail(std::uint64_t budget_bytes) : budget_bytes_(budget_bytes) {}

  // Adds a durable commit, the next in order; the oldest ones leave when the budget is passed. The
  // newest stays, whatever its size, so that a waiting reader finds what woke it.
  void add(CommitRef commit);

  // Batches from the one that contains `from` on; nothing when `from` is no longer (or not yet) here.
  std::optional<Batches> read(Offset from, ReadLimits limits) const;

  void clear();

 private:
  std::deque<CommitRef> commits_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t budget_bytes_;
};

}  // namespace penstock::log
