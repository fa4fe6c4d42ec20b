// CachedBlock: what a BlockCache knows of one block of its memory, in one cache line, so that a hit
// touches one line here and one of the table. BlockFifo: a queue of such blocks, linked through them.
//
// Blocks are named by their number in the cache's array. Threading: the cache's.
#pragma once

#include <cstdint>
#include <span>

#include "base/assert.h"
#include "file/block_key.h"

namespace penstock::file {

inline constexpr std::uint32_t kNoBlock = UINT32_MAX;

// Where BlockEviction keeps a block.
enum class BlockPlace : std::uint8_t {
  kNone,      // free, being read, or erased
  kSmall,     // on trial
  kMain,      // was touched again
  kReserved,  // of the high-priority share
};

// Is resumed when a block has been read; see block_cache.cc.
struct BlockWaiter;

struct alignas(64) CachedBlock {
  BlockKey key;

  // The cache's own.
  BlockWaiter* first_waiter = nullptr;  // for the read to end, in the order of asking
  BlockWaiter* last_waiter = nullptr;
  std::uint32_t pins = 0;  // the read of a block counts as one
  std::uint32_t size_bytes = 0;
  BlockPriority priority = BlockPriority::kNormal;
  bool is_indexed = false;  // can be found by its key
  bool is_reading = false;

  // BlockEviction's.
  BlockPlace place = BlockPlace::kNone;
  bool is_queued =
      false;  // false although it has a place: it was pinned when it could have been evicted
  std::uint8_t frequency = 0;
  std::uint32_t newer = kNoBlock;
  std::uint32_t older = kNoBlock;  // also links the cache's free blocks
  std::uint32_t arrival = 0;       // in the small queue, counted
};
static_assert(sizeof(CachedBlock) == 64);

class BlockFifo {
 public:
  explicit BlockFifo(std::span<CachedBlock> blocks) : blocks_(blocks) {}

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // kNoBlock when it is empty.
  std::uint32_t oldest() const { return oldest_; }

  void push(std::uint32_t number) {
    CachedBlock& block = blocks_[number];
    PENSTOCK_ASSERT(!block.is_queued, "a cached block is put in two queues");
    block.is_queued = true;
    block.newer = kNoBlock;
    block.older = newest_;
    (newest_ == kNoBlock ? oldest_ : blocks_[newest_].newer) = number;
    newest_ = number;
    ++size_;
  }

  void remove(std::uint32_t number) {
    CachedBlock& block = blocks_[number];
    PENSTOCK_ASSERT(block.is_queued && size_ > 0,
                    "a cached block is removed from a queue it is not in");
    block.is_queued = false;
    (block.newer == kNoBlock ? newest_ : blocks_[block.newer].older) = block.older;
    (block.older == kNoBlock ? oldest_ : blocks_[block.older].newer) = block.newer;
    --size_;
  }

 private:
  std::span<CachedBlock> blocks_;
  std::uint32_t newest_ = kNoBlock;
  std::uint32_t oldest_ = kNoBlock;
  std::size_t size_ = 0;
};

}  // namespace penstock::file
