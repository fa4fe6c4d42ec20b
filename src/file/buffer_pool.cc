#include "file/buffer_pool.h"

#include <algorithm>
#include <utility>

namespace penstock::file {

namespace {

// What a slice of a leased buffer keeps alive.
struct Lease {
  Lease(std::shared_ptr<BufferPool> lender, AlignedBuffer memory)
      : pool(std::move(lender)), buffer(std::move(memory)) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { pool->give_back(std::move(buffer)); }

  std::shared_ptr<BufferPool> pool;
  AlignedBuffer buffer;
};

}  // namespace

AlignedBuffer BufferPool::take(std::size_t size_bytes) {
  {
    const std::lock_guard lock(mutex_);
    const auto fitting = std::ranges::find_if(
        spares_, [&](const AlignedBuffer& spare) { return spare.capacity() >= size_bytes; });
    if (fitting != spares_.end()) {
      AlignedBuffer buffer = std::move(*fitting);
      spares_.erase(fitting);
      return buffer;
    }
    // A reader's windows grow, so what is too small now will not be asked for again soon.
    spares_.clear();
  }
  return AlignedBuffer(size_bytes);
}

SharedSlice BufferPool::lease(AlignedBuffer buffer, std::size_t size_bytes) {
  const auto lease = std::make_shared<const Lease>(shared_from_this(), std::move(buffer));
  const std::byte* const bytes = lease->buffer.data();
  return {std::shared_ptr<const std::byte>(lease, bytes), ByteView(bytes, size_bytes)};
}

void BufferPool::give_back(AlignedBuffer buffer) {
  if (buffer.capacity() > spare_bytes_max_) return;
  const std::lock_guard lock(mutex_);
  if (spares_.size() < spare_count_max_) spares_.push_back(std::move(buffer));
}

std::size_t BufferPool::spare_count() const {
  const std::lock_guard lock(mutex_);
  return spares_.size();
}

}  // namespace penstock::file
