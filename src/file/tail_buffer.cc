#include "file/tail_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/device_copy.h"

namespace penstock::file {

TailBuffer::TailBuffer(FilePosition end, AlignedBuffer memory)
    : memory_(std::move(memory)), start_(align_down(end.value, kBlockBytes)), end_(end), written_(end) {
  PENSTOCK_ASSERT(memory_.capacity() >= kBlockBytes, "a tail needs a block of memory");
}

void TailBuffer::restore(ByteView bytes) {
  PENSTOCK_ASSERT(bytes.size() == end_ - start_, "a tail block that ends elsewhere");
  if (!bytes.empty()) std::memcpy(memory_.data(), bytes.data(), bytes.size());
}

std::size_t TailBuffer::fill(ByteView bytes) {
  const std::uint64_t used_bytes = end_ - start_;
  const std::size_t count = std::min<std::size_t>(bytes.size(), memory_.capacity() - used_bytes);
  copy_for_device(memory_.span().subspan(used_bytes), bytes.first(count));
  end_ = end_ + count;
  return count;
}

TailBuffer::Blocks TailBuffer::dirty_blocks() {
  const std::uint64_t used_bytes = end_ - start_;
  const std::uint64_t padded_bytes = align_up(used_bytes, kBlockBytes);
  std::memset(memory_.data() + used_bytes, 0, padded_bytes - used_bytes);
  const std::uint64_t first = align_down(written_ - start_, kBlockBytes);
  const MutableBytes dirty = memory_.span().subspan(first, padded_bytes - first);
  return {.at = start_ + first, .bytes = AlignedBuffer::borrow(dirty).freeze(dirty.size())};
}

AlignedBuffer TailBuffer::exchange(AlignedBuffer next) {
  PENSTOCK_ASSERT(is_full() && next.capacity() >= kBlockBytes, "a tail is exchanged when it is full");
  start_ = end_;
  written_ = end_;
  return std::exchange(memory_, std::move(next));
}

void TailBuffer::advance() {
  PENSTOCK_ASSERT(is_full() && !is_dirty(), "bytes that nobody has written would be lost");
  start_ = end_;
}

void TailBuffer::skip(std::uint64_t size_bytes) {
  PENSTOCK_ASSERT(start_ == end_ && is_aligned(size_bytes, kBlockBytes), "blocks written past a tail");
  start_ = start_ + size_bytes;
  end_ = start_;
  written_ = start_;
}

}  // namespace penstock::file
