// BlockTable: from a key to the number that somebody has stored under it.
//
// Open addressing with linear probing in memory of a fixed size, at most half full. An entry holds the
// upper half of the key's hash and the number; the key itself stays with its owner, who is asked only
// when the hash agrees. Removal shifts later entries back, so there are no tombstones and nothing ever
// degrades.
//
// Ownership: the memory is the caller's and must outlive it. Threading: the caller's.
#pragma once

#include <cstdint>
#include <span>

#include "base/assert.h"
#include "file/block_key.h"

namespace penstock::file {

class BlockTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Entry {
    std::uint32_t hash_high = 0;
    std::uint32_t number = kNone;
  };

  // How many entries a table of `keys_max` keys takes.
  static constexpr std::size_t entries_for(std::size_t keys_max) { return 2 * keys_max; }

  // Starts empty, whatever `entries` holds.
  explicit BlockTable(std::span<Entry> entries) : entries_(entries) {
    for (Entry& entry : entries_) entry = {};
  }

  // The number stored under `key`, or kNone. `key_of(number)` is the key of a stored number.
  template <typename KeyOf>
  std::uint32_t find(const BlockKey& key, const KeyOf& key_of) const {
    const std::uint32_t hash = hash_high(key);
    for (std::size_t at = home(hash); entries_[at].number != kNone; at = next(at)) {
      const Entry& entry = entries_[at];
      if (entry.hash_high == hash && key_of(entry.number) == key) return entry.number;
    }
    return kNone;
  }

  // The key must not be there.
  void insert(const BlockKey& key, std::uint32_t number) {
    PENSTOCK_ASSERT(2 * (size_ + 1) <= entries_.size(),
                    "a block table is given more keys than it is for");
    const std::uint32_t hash = hash_high(key);
    std::size_t at = home(hash);
    while (entries_[at].number != kNone) at = next(at);
    entries_[at] = {hash, number};
    ++size_;
  }

  // False when that number is not stored under that key.
  bool erase(const BlockKey& key, std::uint32_t number) {
    std::size_t at = home(hash_high(key));
    while (entries_[at].number != number) {
      if (entries_[at].number == kNone) return false;
      at = next(at);
    }
    close_gap(at);
    --size_;
    return true;
  }

  std::size_t size() const { return size_; }

 private:
  static std::uint32_t hash_high(const BlockKey& key) {
    return static_cast<std::uint32_t>(hash_of(key) >> 32);
  }
  // Where a hash is looked for first: its share of the table, without a division.
  std::size_t home(std::uint32_t hash) const { return (std::uint64_t{hash} * entries_.size()) >> 32; }
  std::size_t next(std::size_t at) const { return at + 1 == entries_.size() ? 0 : at + 1; }
  std::size_t distance(std::size_t from, std::size_t to) const {
    return to >= from ? to - from : to + entries_.size() - from;
  }

  // Every entry stays reachable from its home: one behind the gap moves into it unless its home is too.
  void close_gap(std::size_t gap) {
    for (std::size_t at = next(gap); entries_[at].number != kNone; at = next(at)) {
      if (distance(home(entries_[at].hash_high), at) < distance(gap, at)) continue;
      entries_[gap] = entries_[at];
      gap = at;
    }
    entries_[gap] = {};
  }

  std::span<Entry> entries_;
  std::size_t size_ = 0;
};

}  // namespace penstock::file
