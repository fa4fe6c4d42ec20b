// GhostQueue: the keys of the blocks that were let go last, in order, without their bytes.
//
// Ownership: the memory is the caller's and must outlive it. Threading: the caller's.
#pragma once

#include <cstdint>
#include <span>

#include "file/block_table.h"

namespace penstock::file {

class GhostQueue {
 public:
  // Remembers as many keys as `ring` has room for; `table` has BlockTable::entries_for() that many.
  GhostQueue(std::span<BlockKey> ring, std::span<BlockTable::Entry> table)
      : ring_(ring), table_(table) {}

  // Forgets the oldest one when it is full. The key must not be remembered already.
  void remember(const BlockKey& key) {
    table_.erase(ring_[next_], next_);
    ring_[next_] = key;
    table_.insert(key, next_);
    next_ = next_ + 1 == ring_.size() ? 0 : next_ + 1;
  }

  // Whether `key` is remembered, and forgets it.
  bool take(const BlockKey& key) {
    const std::uint32_t found = number_of(key);
    if (found == BlockTable::kNone) return false;
    table_.erase(key, found);
    return true;
  }

  bool has(const BlockKey& key) const { return number_of(key) != BlockTable::kNone; }

  std::size_t size() const { return table_.size(); }

 private:
  std::uint32_t number_of(const BlockKey& key) const {
    return table_.find(key, [this](std::uint32_t at) -> const BlockKey& { return ring_[at]; });
  }

  std::span<BlockKey> ring_;
  BlockTable table_;
  std::uint32_t next_ = 0;
};

}  // namespace penstock::file
