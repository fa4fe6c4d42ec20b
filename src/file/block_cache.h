// BlockCache: blocks of files in memory, within a fixed budget, that a scan cannot wash out.
//
// Which block goes when room is needed is S3-FIFO's decision (block_eviction.h): a new block is on
// trial in a small queue, its second touch earns it a place in the main queue, and ghosts - keys
// without bytes - remember those that were let go too early. A share of the blocks is kept for
// high-priority ones (indexes, footers). All memory is one mapping, allocated, touched and divided at
// construction: nothing is allocated for a block, so nothing fragments, and neither a hit nor a miss
// allocates in the cache. (A get() that has to read allocates its coroutine's frame, and whatever the
// File does.)
//
// The rule of the high-priority share, which is N blocks:
// - Blocks that are got with BlockPriority::kHigh are reserved, up to N of them. Ordinary blocks never
//   push a reserved one out; they use what the reserved ones do not.
// - One that comes when N are reserved takes the place of the one that was longest without a touch,
//   more or less: that one stays in the cache, and competes as an ordinary block until it is got as
//   kHigh again.
// - A get() of an ordinary block fails with kBusy rather than push a reserved one out; a get() of a
//   high-priority block may push out either kind.
//
// A block is what its file held when it was read: a file's blocks must not change. One that grows has a
// last block that is too short: erase() it. A block that lies wholly behind the end is handed out, and
// not kept.
//
// Ownership: owns its memory, which fork() does not copy; it must outlive its pins and every get(). A
// pinned block stays where it is until its last Pin is gone. Threading: the scheduler's thread only;
// each shard has its own cache. Durability: none of its business; blocks are only as true as what their
// reader verified, and one that turns out to be wrong is to be erased.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"
#include "disk/disk.h"
#include "file/block_key.h"
#include "task/scheduler.h"

namespace penstock::file {

struct BlockCacheOptions {
  // Everything that it allocates, bookkeeping and ghosts included. All of it is resident from the
  // start.
  std::uint64_t budget_bytes = 64 * kMiB;
  // The size of a block: a power of two, 4 KiB to 16 MiB.
  std::uint64_t block_bytes = 64 * kKiB;
  // Of the blocks, for high-priority ones only: 0 to 0.9.
  double high_priority_share = 0.1;
};

struct BlockCacheStats {
  std::uint64_t hits = 0;           // of find() and get()
  std::uint64_t misses = 0;         // reads that were started
  std::uint64_t shared_misses = 0;  // found somebody already reading the block, and waited for that
  std::uint64_t evictions = 0;
  std::uint64_t inserts = 0;     // by insert()
  std::uint64_t ghost_hits = 0;  // read or inserted, and remembered: goes straight to the main queue
  std::uint64_t refusals = 0;    // kBusy: what could have been evicted was pinned
};

class BlockCache {
 public:
  class Pin;

  // A budget for fewer is refused.
  static constexpr std::size_t kMinBlocks = 8;

  // Touches all of its memory, which takes tenths of a second per GiB.
  // Errors: kInvalidArgument (an option out of its range, a budget for less than kMinBlocks; the
  // message says what would do), kNoSpace (the memory cannot be had).
  static Result<std::unique_ptr<BlockCache>> create(Scheduler& scheduler, BlockCacheOptions options);
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;
  ~BlockCache();

  // The block, if it is here, which counts as a touch. Never waits, never allocates. A block that is
  // being read is not here yet.
  std::optional<Pin> find(const BlockKey& key, BlockPriority priority = BlockPriority::kNormal);

  // The block, read from `file` if it is not here: at most one read at a time for one block, whoever
  // asks. Its bytes are those at [key.block * block_bytes, +block_bytes), fewer at the end of the file.
  // `file` must stay open until it returns. Errors: the read's (nothing is cached, all who waited for
  // it get it, the next get() reads again); kBusy when there is no block to put it in because all that
  // it may push out are pinned.
  Task<Result<Pin>> get(BlockKey key, File& file, BlockPriority priority = BlockPriority::kNormal);

  // For readers that have bytes of their own, and keep in the cache only what is read again: a scan
  // then copies nothing, and moves nothing but ghosts.
  //
  // note() is told of a block that was read past the cache, and returns whether it is worth keeping: it
  // is not here, and was noted or let go not long ago. insert() copies it into the cache, in the place
  // of a block that is here under that key; false when all that it may push out are pinned, or somebody
  // is reading it. Neither waits.
  bool note(const BlockKey& key);
  bool insert(const BlockKey& key, ByteView bytes, BlockPriority priority = BlockPriority::kNormal);
  // Whether find() would find it. No touch, and not counted.
  bool contains(const BlockKey& key) const;

  // Forgets one block, or all of a file's, also those being read. Who has a pin or waits for a read
  // keeps or gets the old bytes; whoever asks from now on gets new ones. erase_file() looks at the
  // whole bookkeeping, a cache line per block of the cache.
  void erase(const BlockKey& key);
  void erase_file(std::uint64_t file_id);

  std::uint64_t block_bytes() const;
  // Blocks that fit; that are here to be found; and that are pinned or being read, found or not.
  std::size_t capacity_blocks() const;
  std::size_t size_blocks() const;
  std::size_t pinned_blocks() const;
  // Blocks of the high-priority share that are taken, and that there are.
  std::size_t reserved_blocks() const;
  std::size_t reserved_blocks_max() const;
  // What it has allocated: at most the budget.
  std::uint64_t allocated_bytes() const;
  const BlockCacheStats& stats() const;

 private:
  class State;

  explicit BlockCache(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// A block that stays where it is. Pins are for as long as the bytes are being used, no longer: a cache
// whose blocks are all pinned refuses to read.
class BlockCache::Pin {
 public:
  Pin(Pin&& other) noexcept;
  Pin& operator=(Pin&& other) noexcept;
  ~Pin();

  // Valid and unchanged while the pin is.
  ByteView bytes() const { return bytes_; }

 private:
  friend class BlockCache::State;
  Pin(State& state, std::uint32_t number, ByteView bytes)
      : state_(&state), number_(number), bytes_(bytes) {}

  State* state_;  // null when moved from
  std::uint32_t number_;
  ByteView bytes_;
};

}  // namespace penstock::file
