// BlockHeap: where aligned buffers of up to 1 MiB come from, cut from huge pages.
//
// A device takes memory in physically contiguous pieces. A megabyte from malloc is 256 of them, each to
// be pinned, mapped and put into the request; on a huge page it is one (docs/benchmarks.md, `ingest`).
// So buffers are cut from chunks of 2 MiB, each chunk for one size; a chunk of which nothing is in use
// serves another one. What was used last is used first, while the caches may still hold it. In a
// virtual machine the first touch of a huge page has taken 5 ms: who cannot wait for that reserves
// chunks, and small buffers, which are few pieces anyway, do not ask for huge pages of their own.
//
// Ownership: one for the process, never destroyed, so that buffers may outlive everything else.
// Threading: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"

namespace penstock {

struct BlockHeapStats {
  std::size_t chunk_count = 0;  // of kChunkBytes, spares included
  std::size_t used_bytes = 0;   // as rounded to the sizes that chunks are cut into
};

class BlockHeap {
 public:
  static constexpr std::size_t kChunkBytes = 2 * kMiB;
  static constexpr std::size_t kLargestBytes = kMiB;
  // Buffers from this size on are on huge pages, where the system has them.
  static constexpr std::size_t kHugeFromBytes = 64 * kKiB;
  // Chunks with and without huge pages that are kept when nothing in them is in use, unless more were
  // reserved.
  static constexpr std::size_t kSpareChunksMax = 8;

  static BlockHeap& instance();

  BlockHeap();
  BlockHeap(const BlockHeap&) = delete;
  BlockHeap& operator=(const BlockHeap&) = delete;
  ~BlockHeap();

  // Block-aligned memory of at least `size_bytes`, 1 to kLargestBytes, whose pages are there. Throws
  // bad_alloc.
  std::byte* take(std::size_t size_bytes);
  // `bytes` is what take() gave, for the same size.
  void give_back(std::byte* bytes, std::size_t size_bytes);

  // While it lives, so many more chunks on huge pages are kept when nothing in them is in use. The heap
  // outlives it.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept
        : heap_(std::exchange(other.heap_, nullptr)), chunk_count_(other.chunk_count_) {}
    Reservation& operator=(Reservation&& other) noexcept {
      std::swap(heap_, other.heap_);
      std::swap(chunk_count_, other.chunk_count_);
      return *this;
    }
    ~Reservation() {
      if (heap_ != nullptr) heap_->keep_fewer(chunk_count_);
    }

   private:
    friend class BlockHeap;
    Reservation(BlockHeap& heap, std::size_t chunk_count) : heap_(&heap), chunk_count_(chunk_count) {}

    BlockHeap* heap_ = nullptr;
    std::size_t chunk_count_ = 0;
  };

  // Makes chunks for `size_bytes`, in addition to those that there are, and touches all of their pages.
  // Throws bad_alloc.
  [[nodiscard]] Reservation reserve(std::size_t size_bytes);

  BlockHeapStats stats() const;

 private:
  struct Chunk;

  Chunk& chunk_for(std::size_t size_class);
  Chunk* take_spare(bool huge);
  Chunk& adopt(std::unique_ptr<Chunk> chunk);
  void leave_room_list(Chunk& chunk);
  void retire(Chunk& chunk);
  void keep_fewer(std::size_t chunk_count);

  // Up to 4 blocks each number of them, then four sizes for each doubling.
  static constexpr std::size_t kSizeClassCount = 28;

  mutable std::mutex mutex_;
  std::unordered_map<std::uintptr_t, std::unique_ptr<Chunk>> chunks_;  // by address
  std::array<std::vector<Chunk*>, kSizeClassCount> with_room_;
  std::vector<Chunk*> huge_spares_;
  std::vector<Chunk*> plain_spares_;
  std::size_t huge_spares_max_ = kSpareChunksMax;
  std::size_t used_bytes_ = 0;
};

// Has the kernel put a page behind each block of `memory`. btrfs does not fault them in while it reads
// (btrfs_direct_read, Linux 6.18): it reads through the page cache into memory that was never touched.
void touch_pages(MutableBytes memory);

}  // namespace penstock
