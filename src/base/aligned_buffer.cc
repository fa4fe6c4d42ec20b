#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/block_heap.h"

namespace penstock {

namespace {

constexpr std::size_t kHugePageBytes = 2 * kMiB;

// AddressSanitizer finds misuse of memory that malloc gave, and of no other.
constexpr bool uses_block_heap() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return false;
#endif
#endif
  return true;
}

std::byte* allocate(std::size_t capacity_bytes) {
  const bool is_huge = capacity_bytes >= kHugePageBytes;
  const std::size_t alignment = is_huge ? kHugePageBytes : kBlockBytes;
  const std::size_t size_bytes = align_up(capacity_bytes, alignment);
  auto* bytes = static_cast<std::byte*>(std::aligned_alloc(alignment, size_bytes));
  if (bytes == nullptr) throw std::bad_alloc();
  // Advice: without huge pages it is as correct, and slower.
  if (is_huge) ::madvise(bytes, size_bytes, MADV_HUGEPAGE);
  touch_pages({bytes, capacity_bytes});
  return bytes;
}

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t capacity_bytes)
    : capacity_(align_up(capacity_bytes, kBlockBytes)) {
  if (capacity_ == 0) return;
  const bool is_small = uses_block_heap() && capacity_ <= BlockHeap::kLargestBytes;
  bytes_ = is_small ? std::unique_ptr<std::byte, Free>(BlockHeap::instance().take(capacity_),
                                                       Free(Free::Origin::kBlockHeap, capacity_))
                    : std::unique_ptr<std::byte, Free>(allocate(capacity_),
                                                       Free(Free::Origin::kMalloc, capacity_));
}

AlignedBuffer AlignedBuffer::borrow(MutableBytes memory) {
  PENSTOCK_ASSERT(is_aligned(reinterpret_cast<std::uintptr_t>(memory.data()), kBlockBytes) &&
                      is_aligned(memory.size(), kBlockBytes),
                  "a borrowed buffer is not made of whole blocks");
  AlignedBuffer buffer;
  buffer.bytes_ = std::unique_ptr<std::byte, Free>(memory.data(), Free());
  buffer.capacity_ = memory.size();
  return buffer;
}

void AlignedBuffer::Free::operator()(std::byte* bytes) const {
  switch (origin) {
    case Origin::kBorrowed: return;
    case Origin::kBlockHeap: BlockHeap::instance().give_back(bytes, capacity_bytes); return;
    case Origin::kMalloc: std::free(bytes); return;
  }
}

SharedSlice AlignedBuffer::freeze(std::size_t size_bytes) && {
  PENSTOCK_ASSERT(size_bytes <= capacity_, "freeze beyond the buffer's capacity");
  const ByteView bytes(bytes_.get(), size_bytes);
  capacity_ = 0;
  const Free free = bytes_.get_deleter();
  std::shared_ptr<std::byte> owner(bytes_.release(), free);
  return {std::move(owner), bytes};
}

SharedSlice SharedSlice::copy_of(ByteView bytes) {
  std::shared_ptr<std::byte[]> memory = std::make_shared_for_overwrite<std::byte[]>(bytes.size());
  if (!bytes.empty()) std::memcpy(memory.get(), bytes.data(), bytes.size());
  const ByteView view(memory.get(), bytes.size());
  return {std::shared_ptr<const std::byte>(memory, memory.get()), view};
}

SharedSlice SharedSlice::slice(std::size_t at, std::size_t size_bytes) const {
  PENSTOCK_ASSERT(at <= size() && size_bytes <= size() - at, "slice outside of its bytes");
  return {owner_, bytes_.subspan(at, size_bytes)};
}

}  // namespace penstock
