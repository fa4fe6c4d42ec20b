// BufferPool: the memory of a reader's windows, used again and again.
//
// Fresh memory of a megabyte costs a page fault per 4 KiB, which is as much as copying it. So a buffer
// that was read into comes back here when the last slice of it is gone, unless enough are waiting
// already.
//
// Ownership: a leased slice keeps the pool alive. Threading: any thread, because slices are dropped on
// any.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/aligned_buffer.h"

namespace penstock::file {

class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  // Keeps at most `spare_count_max` buffers, none of more than `spare_bytes_max`.
  BufferPool(std::size_t spare_count_max, std::size_t spare_bytes_max)
      : spare_count_max_(spare_count_max), spare_bytes_max_(spare_bytes_max) {}

  // At least `size_bytes`.
  AlignedBuffer take(std::size_t size_bytes);

  // The first `size_bytes` of `buffer` as immutable bytes; the buffer comes back when they are gone.
  SharedSlice lease(AlignedBuffer buffer, std::size_t size_bytes);

  // Takes back a buffer that is not leased.
  void give_back(AlignedBuffer buffer);

  std::size_t spare_count() const;

 private:
  std::size_t spare_count_max_;
  std::size_t spare_bytes_max_;
  mutable std::mutex mutex_;
  std::vector<AlignedBuffer> spares_;
};

}  // namespace penstock::file
