#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace penstock {

namespace {

constexpr std::size_t kHugePageBytes = 2 * kMiB;

// So that the pages are there when the kernel pins them. btrfs does not fault them in while it reads
// (btrfs_direct_read, Linux 6.18): it reads through the page cache into memory that was never touched.
void touch_pages(MutableBytes memory) {
  for (std::size_t at = 0; at < memory.size(); at += kBlockBytes) {
    *static_cast<volatile std::byte*>(memory.data() + at) = std::byte{0};
  }
}

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t capacity_bytes)
    : capacity_(align_up(capacity_bytes, kBlockBytes)) {
  if (capacity_ == 0) return;
  const bool is_huge = capacity_ >= kHugePageBytes;
  const std::size_t alignment = is_huge ? kHugePageBytes : kBlockBytes;
  auto* bytes = static_cast<std::byte*>(std::aligned_alloc(alignment, align_up(capacity_, alignment)));
  if (bytes == nullptr) throw std::bad_alloc();
  bytes_.reset(bytes);
  // Advice: without huge pages it is as correct, and slower.
  if (is_huge) ::madvise(bytes, align_up(capacity_, alignment), MADV_HUGEPAGE);
  touch_pages({bytes, capacity_});
}

AlignedBuffer AlignedBuffer::borrow(MutableBytes memory) {
  PENSTOCK_ASSERT(is_aligned(reinterpret_cast<std::uintptr_t>(memory.data()), kBlockBytes) &&
                      is_aligned(memory.size(), kBlockBytes),
                  "a borrowed buffer is not made of whole blocks");
  AlignedBuffer buffer;
  buffer.bytes_ = std::unique_ptr<std::byte, Free>(memory.data(), Free(true));
  buffer.capacity_ = memory.size();
  return buffer;
}

void AlignedBuffer::Free::operator()(const std::byte* bytes) const {
  if (!borrowed) std::free(const_cast<std::byte*>(bytes));
}

SharedSlice AlignedBuffer::freeze(std::size_t size_bytes) && {
  PENSTOCK_ASSERT(size_bytes <= capacity_, "freeze beyond the buffer's capacity");
  const ByteView bytes(bytes_.get(), size_bytes);
  capacity_ = 0;
  const Free free = bytes_.get_deleter();
  return {std::shared_ptr<const std::byte>(bytes_.release(), free), bytes};
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
