// BlockCache: blocks of files in memory, within a fixed budget, that a scan cannot wash out.
//
// What the page cache is for buffered files, for files that are read past it, with the program in
// charge. A block is kept for good on its second touch (S3-FIFO), so a pass over everything does not
// push out what is used again and again. A share of the budget is kept for blocks of high priority.
//
// Ownership: owns its memory, all of it taken at creation. The Engine must outlive it, and it must
// outlive its pins (aborts). A pinned block stays where it is until its last Pin is gone.
//
// Threading: the Engine's thread; each thread has a cache of its own. Durability: none of its business;
// a block is as true as the file was when it was read. Who writes a file that is cached erases it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "penstock/block_key.h"
#include "penstock/engine.h"
#include "penstock/export.h"
#include "penstock/read_file.h"
#include "penstock/result.h"

namespace penstock {

struct BlockCacheOptions {
  // Everything that it allocates, bookkeeping included.
  std::uint64_t budget_bytes = std::uint64_t{64} << 20;
  // The size of a block: a power of two, 4 KiB to 16 MiB.
  std::uint64_t block_bytes = std::uint64_t{64} << 10;
  // Of the budget, for blocks of high priority only: 0 to 0.9.
  double high_priority_share = 0.1;
};

// Counters since creation.
struct BlockCacheStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;
  std::uint64_t refusals = 0;  // misses that found every block pinned
};

class PENSTOCK_API BlockCache {
 public:
  class Pin;

  // Errors: kInvalidArgument (an option out of range, a budget for fewer than a few blocks), kNoSpace
  // when the memory cannot be had.
  static Result<BlockCache> create(Engine& engine, BlockCacheOptions options = {});

  BlockCache(BlockCache&&) noexcept;
  BlockCache& operator=(BlockCache&&) noexcept;
  ~BlockCache();

  // The block, if it is here. Never waits, never allocates: some hundred nanoseconds.
  std::optional<Pin> find(const BlockKey& key);

  // The block, read from `file` if it is not here. Fewer bytes than block_bytes() only where the file
  // ends. Errors: the read's (nothing is cached), kBusy when every block is pinned.
  Result<Pin> get(const BlockKey& key, ReadFile& file, BlockPriority priority = BlockPriority::kNormal);

  // Forgets every block of a file; pinned ones when their last Pin goes.
  void erase_file(std::uint64_t file_id);

  std::uint64_t block_bytes() const;
  // How many blocks fit, and how many are here.
  std::size_t capacity_blocks() const;
  std::size_t size_blocks() const;
  BlockCacheStats stats() const;

 private:
  class Impl;
  explicit BlockCache(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

// A block that stays where it is. For as long as its bytes are used, no longer: a cache whose blocks
// are all pinned refuses to read. A Pin that was moved from holds nothing.
class PENSTOCK_API BlockCache::Pin {
 public:
  Pin(Pin&& other) noexcept;
  Pin& operator=(Pin&& other) noexcept;
  ~Pin();

  // Valid and unchanged while the Pin lives.
  std::span<const std::byte> bytes() const;

 private:
  friend class BlockCache;
  Pin() noexcept;
  void release() noexcept;

  // What is pinned, kept in here so that a hit allocates nothing.
  alignas(void*) std::byte inner_[32];
  bool holds_ = false;
};

}  // namespace penstock
