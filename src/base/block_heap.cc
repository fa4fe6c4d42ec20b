#include "base/block_heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "base/assert.h"

namespace penstock {

namespace {

// In blocks.
constexpr std::array<std::size_t, 28> kSizes = {1,  2,  3,   4,   5,   6,   7,   8,  10, 12,
                                                14, 16, 20,  24,  28,  32,  40,  48, 56, 64,
                                                80, 96, 112, 128, 160, 192, 224, 256};
static_assert(kSizes.back() * kBlockBytes == BlockHeap::kLargestBytes);

std::size_t size_class_of(std::size_t size_bytes) {
  PENSTOCK_ASSERT(size_bytes > 0 && size_bytes <= BlockHeap::kLargestBytes,
                  "the heap is for buffers of up to 1 MiB");
  const std::size_t blocks = align_up(size_bytes, kBlockBytes) / kBlockBytes;
  return static_cast<std::size_t>(std::ranges::lower_bound(kSizes, blocks) - kSizes.begin());
}

bool wants_huge(std::size_t size_class) {
  return kSizes[size_class] * kBlockBytes >= BlockHeap::kHugeFromBytes;
}

struct Unmap {
  void operator()(std::byte* bytes) const { ::munmap(bytes, BlockHeap::kChunkBytes); }
};
using ChunkMemory = std::unique_ptr<std::byte, Unmap>;

// At an address that is a multiple of its size, so that a part leads to its chunk. Its pages are not
// there yet.
ChunkMemory map_chunk(bool huge) {
  constexpr std::size_t kMappedBytes = 2 * BlockHeap::kChunkBytes;
  void* const mapped =
      ::mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(mapped);
  const std::size_t in_front = align_up(address, BlockHeap::kChunkBytes) - address;
  std::byte* const chunk = begin + in_front;
  const std::size_t behind = kMappedBytes - BlockHeap::kChunkBytes - in_front;
  if (in_front > 0) ::munmap(begin, in_front);
  if (behind > 0) ::munmap(chunk + BlockHeap::kChunkBytes, behind);
  // Advice: it is as correct without.
  ::madvise(chunk, BlockHeap::kChunkBytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return ChunkMemory(chunk);
}

}  // namespace

struct BlockHeap::Chunk {
  explicit Chunk(bool huge) : is_huge(huge), memory(map_chunk(huge)) {}

  bool is_huge;
  ChunkMemory memory;
  std::size_t size_class = 0;
  std::size_t used_count = 0;
  std::size_t never_used = 0;              // index of the first part that was never taken
  std::vector<std::uint16_t> used_before;  // parts that are free again, the newest last
  std::size_t place = 0;                   // in the list of those with room

  std::size_t part_bytes() const { return kSizes[size_class] * kBlockBytes; }
  bool has_room() const { return !used_before.empty() || never_used < kChunkBytes / part_bytes(); }

  void serve(std::size_t new_class) {
    size_class = new_class;
    never_used = 0;
    used_before.clear();
  }

  // A part, and whether it was never used before.
  std::pair<std::byte*, bool> take() {
    ++used_count;
    if (used_before.empty()) return {memory.get() + never_used++ * part_bytes(), true};
    std::byte* const part = memory.get() + used_before.back() * part_bytes();
    used_before.pop_back();
    return {part, false};
  }

  void give_back(const std::byte* bytes) {
    const auto offset = static_cast<std::size_t>(bytes - memory.get());
    PENSTOCK_ASSERT(used_count > 0 && offset % part_bytes() == 0, "not a buffer of this chunk");
    used_before.push_back(static_cast<std::uint16_t>(offset / part_bytes()));
    --used_count;
  }
};

BlockHeap::BlockHeap() { static_assert(kSizes.size() == kSizeClassCount); }

BlockHeap::~BlockHeap() {
  PENSTOCK_ASSERT(used_bytes_ == 0, "a heap was destroyed while buffers of it are in use");
}

BlockHeap& BlockHeap::instance() {
  static auto* heap = new BlockHeap();  // never destroyed: so may buffers in static objects
  return *heap;
}

std::byte* BlockHeap::take(std::size_t size_bytes) {
  const std::size_t size_class = size_class_of(size_bytes);
  std::unique_lock lock(mutex_);
  Chunk& chunk = chunk_for(size_class);
  const auto [bytes, is_fresh] = chunk.take();
  const std::size_t part_bytes = chunk.part_bytes();
  used_bytes_ += part_bytes;
  if (!chunk.has_room()) leave_room_list(chunk);
  lock.unlock();
  if (is_fresh) touch_pages({bytes, part_bytes});
  return bytes;
}

void BlockHeap::give_back(std::byte* bytes, std::size_t size_bytes) {
  const std::size_t size_class = size_class_of(size_bytes);
  const std::scoped_lock lock(mutex_);
  const auto found = chunks_.find(align_down(reinterpret_cast<std::uintptr_t>(bytes), kChunkBytes));
  PENSTOCK_ASSERT(found != chunks_.end() && found->second->size_class == size_class,
                  "a buffer went back that the heap did not give, or with another size");
  Chunk& chunk = *found->second;
  const bool had_room = chunk.has_room();
  chunk.give_back(bytes);
  used_bytes_ -= chunk.part_bytes();
  if (!had_room) {
    chunk.place = with_room_[size_class].size();
    with_room_[size_class].push_back(&chunk);
  }
  if (chunk.used_count == 0) retire(chunk);
}

BlockHeapStats BlockHeap::stats() const {
  const std::scoped_lock lock(mutex_);
  return {chunks_.size(), used_bytes_};
}

BlockHeap::Reservation BlockHeap::reserve(std::size_t size_bytes) {
  const std::size_t count = align_up(size_bytes, kChunkBytes) / kChunkBytes;
  std::vector<std::unique_ptr<Chunk>> made;
  for (std::size_t i = 0; i < count; ++i) {
    made.push_back(std::make_unique<Chunk>(true));
    touch_pages({made.back()->memory.get(), kChunkBytes});
  }
  const std::scoped_lock lock(mutex_);
  huge_spares_max_ += count;
  for (std::unique_ptr<Chunk>& chunk : made) huge_spares_.push_back(&adopt(std::move(chunk)));
  return {*this, count};
}

void BlockHeap::keep_fewer(std::size_t chunk_count) {
  const std::scoped_lock lock(mutex_);
  huge_spares_max_ -= chunk_count;
  while (huge_spares_.size() > huge_spares_max_) {
    chunks_.erase(reinterpret_cast<std::uintptr_t>(huge_spares_.back()->memory.get()));
    huge_spares_.pop_back();
  }
}

// One with room for a part of that size.
BlockHeap::Chunk& BlockHeap::chunk_for(std::size_t size_class) {
  std::vector<Chunk*>& with_room = with_room_[size_class];
  if (!with_room.empty()) return *with_room.back();
  const bool huge = wants_huge(size_class);
  Chunk* chunk = take_spare(huge);
  if (chunk == nullptr) chunk = &adopt(std::make_unique<Chunk>(huge));
  chunk->serve(size_class);
  chunk->place = 0;
  with_room.push_back(chunk);
  return *chunk;
}

BlockHeap::Chunk* BlockHeap::take_spare(bool huge) {
  std::vector<Chunk*>& spares = huge || plain_spares_.empty() ? huge_spares_ : plain_spares_;
  if (spares.empty()) return nullptr;
  Chunk* chunk = spares.back();
  spares.pop_back();
  return chunk;
}

BlockHeap::Chunk& BlockHeap::adopt(std::unique_ptr<Chunk> chunk) {
  const auto address = reinterpret_cast<std::uintptr_t>(chunk->memory.get());
  return *chunks_.emplace(address, std::move(chunk)).first->second;
}

void BlockHeap::leave_room_list(Chunk& chunk) {
  std::vector<Chunk*>& with_room = with_room_[chunk.size_class];
  with_room.back()->place = chunk.place;
  with_room[chunk.place] = with_room.back();
  with_room.pop_back();
}

// Nothing of it is in use.
void BlockHeap::retire(Chunk& chunk) {
  leave_room_list(chunk);
  std::vector<Chunk*>& spares = chunk.is_huge ? huge_spares_ : plain_spares_;
  if (spares.size() < (chunk.is_huge ? huge_spares_max_ : kSpareChunksMax)) {
    spares.push_back(&chunk);
  } else {
    chunks_.erase(reinterpret_cast<std::uintptr_t>(chunk.memory.get()));
  }
}

void touch_pages(MutableBytes memory) {
  for (std::size_t at = 0; at < memory.size(); at += kBlockBytes) {
    *static_cast<volatile std::byte*>(memory.data() + at) = std::byte{0};
  }
}

}  // namespace penstock
