// BlockEviction: which cached block goes when room is needed.
//
// S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), with two
// changes. A new block enters a small queue, a tenth of the cache. At that queue's end a block that has
// been touched again moves to the main queue; all others go, and their keys become ghosts: one that
// comes back while its ghost is remembered enters the main queue at once. At the main queue's end a
// block that was touched since goes around again, up to three times. So what is read once passes
// through the small queue and moves nothing else.
//
// The changes:
// - A touch that follows the block's arrival within half a small queue of other arrivals does not
//   count. It is the same reader going on (sixteen reads of 4 KiB are one pass over 64 KiB), and a
//   scan in small steps would otherwise promote all that it reads. This is the correlation window of
//   Clock2Q+ (Zhai et al., VLDB 2026).
// - A share of the blocks is reserved for high priority, as block_cache.h says; those have a queue
//   of their own.
//
// A hit writes one counter. Finding a block to evict looks at no more than kLooksMax unpinned ones
// before it takes the next; a pinned one that it meets leaves its queue until its last pin goes, so no
// block is skipped twice.
//
// Ownership: the memory is the caller's and must outlive it. Threading: the caller's.
#pragma once

#include <cstdint>
#include <span>

#include "file/cached_block.h"
#include "file/ghost_queue.h"

namespace penstock::file {

class BlockEviction {
 public:
  // Bounds the time of one eviction, whatever was touched how often: about 10 us.
  static constexpr std::size_t kLooksMax = 128;

  // How many ghosts there are for that many blocks: as many as the main queue has blocks.
  static constexpr std::size_t ghosts_for(std::size_t blocks) {
    return blocks - blocks / kSmallFraction;
  }

  BlockEviction(std::span<CachedBlock> blocks, GhostQueue ghosts, std::size_t reserved_max);

  // A block that has its key and its bytes. Returns whether its ghost was remembered.
  bool add(std::uint32_t number, BlockPriority priority);

  // Remembers a key whose block is not here, as if the block had just been let go. Returns whether it
  // was remembered already.
  bool note(const BlockKey& key);

  // Somebody used it.
  void touch(std::uint32_t number, BlockPriority priority);

  // Its last pin is gone.
  void unpinned(std::uint32_t number);

  // It is not to be evicted any more: it was erased.
  void remove(std::uint32_t number);

  // Takes out the block that is to make room for one of `priority`; kNoBlock when all that may are
  // pinned.
  std::uint32_t evict(BlockPriority priority);

  std::size_t reserved_max() const { return reserved_max_; }
  std::size_t reserved_count() const { return reserved_count_; }
  BlockPlace place_of(std::uint32_t number) const { return blocks_[number].place; }

 private:
  static constexpr std::size_t kSmallFraction = 10;
  static constexpr std::uint8_t kFrequencyMax = 3;

  std::size_t small_target() const;
  BlockFifo& queue_of(BlockPlace place);
  void put(std::uint32_t number, BlockPlace place);
  void move(std::uint32_t number, BlockPlace place);
  void make_reserved(std::uint32_t number);
  std::uint32_t evict_ordinary();
  std::uint32_t oldest_reserved();

  std::span<CachedBlock> blocks_;
  GhostQueue ghosts_;
  BlockFifo small_;
  BlockFifo main_;
  BlockFifo reserved_;
  std::size_t reserved_max_;
  std::size_t reserved_count_ = 0;  // with those that are pinned and in no queue
  std::uint32_t arrivals_ = 0;      // in the small queue; wraps
};

}  // namespace penstock::file
