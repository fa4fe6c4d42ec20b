#include "file/block_cache.h"

#include <algorithm>
#include <bit>
#include <coroutine>
#include <cstdint>
#include <cstring>
#include <utility>

#include "file/block_eviction.h"
#include "file/block_memory.h"
#include "file/block_range.h"
#include "file/block_table.h"
#include "file/cached_block.h"

namespace penstock::file {

// A get() that waits for the read of another one. It lives in its coroutine's frame, so waiting
// allocates nothing.
struct BlockWaiter {
  explicit BlockWaiter(CachedBlock& awaited) : block(awaited) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    coroutine = awaiter;
    (block.last_waiter == nullptr ? block.first_waiter : block.last_waiter->next) = this;
    block.last_waiter = this;
  }
  void await_resume() const {}

  CachedBlock& block;
  std::coroutine_handle<> coroutine;
  BlockWaiter* next = nullptr;
  std::optional<Error>
      error;  // the read's; without it the block has one pin more, which is the waiter's
};

namespace {

constexpr std::uint64_t kBlockBytesMax = 16 * kMiB;
// Far from where 32 bits of a hash would crowd the table.
constexpr std::uint64_t kBlocksMax = std::uint64_t{1} << 30;
constexpr double kShareMax = 0.9;

// What malloc adds to an object, at most.
constexpr std::uint64_t kHeapOverheadBytes = 16;

struct CacheShape {
  std::uint64_t block_bytes;
  std::size_t blocks;

  std::size_t ghosts() const { return BlockEviction::ghosts_for(blocks); }
  std::size_t table_entries() const { return BlockTable::entries_for(blocks); }
  std::size_t ghost_entries() const { return BlockTable::entries_for(ghosts()); }

  std::uint64_t memory_bytes() const {
    return blocks * (block_bytes + sizeof(CachedBlock)) + ghosts() * sizeof(BlockKey) +
           (table_entries() + ghost_entries()) * sizeof(BlockTable::Entry);
  }
};

}  // namespace

class BlockCache::State {
 public:
  static std::uint64_t allocated_bytes(const CacheShape& shape) {
    return sizeof(BlockCache) + sizeof(State) + 2 * kHeapOverheadBytes +
           BlockMemory::mapped_bytes(shape.memory_bytes());
  }

  // How many fit; more than kBlocksMax if too many do.
  static std::size_t blocks_for(const BlockCacheOptions& options) {
    std::size_t fit = 0;
    std::size_t too_many = std::min(options.budget_bytes / options.block_bytes, kBlocksMax + 1) + 1;
    while (fit + 1 < too_many) {
      const std::size_t middle = fit + (too_many - fit) / 2;
      const bool fits = allocated_bytes({options.block_bytes, middle}) <= options.budget_bytes;
      (fits ? fit : too_many) = middle;
    }
    return fit;
  }

  State(Scheduler& scheduler, BlockMemory memory, CacheShape shape, std::size_t reserved_max)
      : scheduler_(scheduler),
        shape_(shape),
        memory_(std::move(memory)),
        bytes_(memory_.take(shape.blocks * shape.block_bytes)),
        blocks_(memory_.take_array<CachedBlock>(shape.blocks)),
        table_(memory_.take_array<BlockTable::Entry>(shape.table_entries())),
        eviction_(blocks_, take_ghosts(), reserved_max) {
    for (std::uint32_t number = 0; number < shape.blocks; ++number) {
      blocks_[number].older = number + 1 < shape.blocks ? number + 1 : kNoBlock;
    }
  }
  ~State() {
    PENSTOCK_ASSERT(pinned_count_ == 0, "a block cache was destroyed with blocks pinned or being read");
  }

  std::optional<Pin> find(const BlockKey& key, BlockPriority priority);
  Task<Result<Pin>> get(BlockKey key, File& file, BlockPriority priority);
  bool note(const BlockKey& key);
  bool insert(const BlockKey& key, ByteView bytes, BlockPriority priority);
  bool contains(const BlockKey& key) const;
  void erase(const BlockKey& key);
  void erase_file(std::uint64_t file_id);
  void unpin(std::uint32_t number);

  const CacheShape& shape() const { return shape_; }
  const BlockEviction& eviction() const { return eviction_; }
  const BlockCacheStats& stats() const { return stats_; }
  std::size_t found_count() const { return table_.size() - reading_count_; }
  std::size_t pinned_count() const { return pinned_count_; }

 private:
  GhostQueue take_ghosts() {
    const std::span<BlockKey> ring = memory_.take_array<BlockKey>(shape_.ghosts());
    return {ring, memory_.take_array<BlockTable::Entry>(shape_.ghost_entries())};
  }
  std::uint32_t number_of(const BlockKey& key) const {
    return table_.find(key,
                       [this](std::uint32_t number) -> const BlockKey& { return blocks_[number].key; });
  }
  MutableBytes memory_of(std::uint32_t number) {
    return bytes_.subspan(number * shape_.block_bytes, shape_.block_bytes);
  }

  Pin hit(std::uint32_t number, BlockPriority priority);
  std::uint32_t take_free(BlockPriority priority);
  std::uint32_t claim(const BlockKey& key, BlockPriority priority);
  Unexpected refusal(const BlockKey& key, const File& file);
  void end_read(std::uint32_t number, const Result<ReadResult>& read);
  void wake_waiters(CachedBlock& block, const Result<ReadResult>& read);
  void forget(std::uint32_t number);
  void release(std::uint32_t number);
  // A Pin of what is counted as pinned already.
  Pin adopt_pin(std::uint32_t number) {
    return Pin(*this, number, memory_of(number).first(blocks_[number].size_bytes));
  }

  Scheduler& scheduler_;
  CacheShape shape_;
  BlockMemory memory_;
  MutableBytes bytes_;
  std::span<CachedBlock> blocks_;
  BlockTable table_;
  BlockEviction eviction_;
  BlockCacheStats stats_;
  std::uint32_t free_ = 0;         // the first of the free blocks
  std::size_t reading_count_ = 0;  // that can be found when they have been read
  std::size_t pinned_count_ = 0;
};

std::optional<BlockCache::Pin> BlockCache::State::find(const BlockKey& key, BlockPriority priority) {
  const std::uint32_t number = number_of(key);
  if (number == kNoBlock || blocks_[number].is_reading) return std::nullopt;
  return hit(number, priority);
}

Task<Result<BlockCache::Pin>> BlockCache::State::get(BlockKey key, File& file, BlockPriority priority) {
  const std::uint32_t here = number_of(key);
  if (here == kNoBlock) {
    if (key.block >= kFilePositionLimit / shape_.block_bytes) {
      co_return fail(ErrorCode::kOutOfRange, "read {}: block {} of {} bytes is beyond any file's end",
                     file.path(), key.block, shape_.block_bytes);
    }
    const std::uint32_t number = claim(key, priority);
    if (number == kNoBlock) co_return refusal(key, file);
    const FilePosition from{key.block * shape_.block_bytes};
    AlignedBuffer memory = AlignedBuffer::borrow(memory_of(number));
    const Result<ReadResult> read = co_await file.read(from, std::move(memory), shape_.block_bytes);
    end_read(number, read);
    if (!read) co_return Unexpected(read.error());
    co_return adopt_pin(number);
  }
  if (!blocks_[here].is_reading) co_return hit(here, priority);
  ++stats_.shared_misses;
  if (priority == BlockPriority::kHigh) blocks_[here].priority = priority;
  BlockWaiter waiter(blocks_[here]);
  co_await waiter;
  if (waiter.error) co_return Unexpected(*std::move(waiter.error));
  co_return adopt_pin(here);
}

BlockCache::Pin BlockCache::State::hit(std::uint32_t number, BlockPriority priority) {
  ++stats_.hits;
  eviction_.touch(number, priority);
  if (blocks_[number].pins++ == 0) ++pinned_count_;
  return adopt_pin(number);
}

bool BlockCache::State::note(const BlockKey& key) {
  return number_of(key) == kNoBlock && eviction_.note(key);
}

bool BlockCache::State::insert(const BlockKey& key, ByteView bytes, BlockPriority priority) {
  PENSTOCK_ASSERT(!bytes.empty() && bytes.size() <= shape_.block_bytes,
                  "a cached block has at least one byte, and at most a block of them");
  const std::uint32_t old = number_of(key);
  if (old != kNoBlock && blocks_[old].is_reading) return false;
  if (old != kNoBlock) forget(old);
  const std::uint32_t number = take_free(priority);
  if (number == kNoBlock) {
    ++stats_.refusals;
    return false;
  }
  ++stats_.inserts;
  blocks_[number] = {.key = key,
                     .size_bytes = static_cast<std::uint32_t>(bytes.size()),
                     .priority = priority,
                     .is_indexed = true};
  table_.insert(key, number);
  std::memcpy(memory_of(number).data(), bytes.data(), bytes.size());
  if (eviction_.add(number, priority)) ++stats_.ghost_hits;
  return true;
}

bool BlockCache::State::contains(const BlockKey& key) const {
  const std::uint32_t number = number_of(key);
  return number != kNoBlock && !blocks_[number].is_reading;
}

// A block that nobody has any more; kNoBlock when there is none.
std::uint32_t BlockCache::State::take_free(BlockPriority priority) {
  std::uint32_t number = free_;
  if (number != kNoBlock) {
    free_ = blocks_[number].older;
    return number;
  }
  number = eviction_.evict(priority);
  if (number == kNoBlock) return kNoBlock;
  table_.erase(blocks_[number].key, number);
  ++stats_.evictions;
  return number;
}

// A block to read into, pinned for the read and to be found under `key`; kNoBlock when there is none.
std::uint32_t BlockCache::State::claim(const BlockKey& key, BlockPriority priority) {
  const std::uint32_t number = take_free(priority);
  if (number == kNoBlock) return kNoBlock;
  ++stats_.misses;
  ++reading_count_;
  ++pinned_count_;
  blocks_[number] = {
      .key = key, .pins = 1, .priority = priority, .is_indexed = true, .is_reading = true};
  table_.insert(key, number);
  return number;
}

Unexpected BlockCache::State::refusal(const BlockKey& key, const File& file) {
  ++stats_.refusals;
  return fail(
      ErrorCode::kBusy,
      "read block {} of {}: the cache has no room for it, because {} of its {} blocks are pinned and "
      "{} are reserved; hold fewer pins at a time, or give the cache a larger budget",
      key.block, file.path(), pinned_count_, blocks_.size(), eviction_.reserved_count());
}

void BlockCache::State::end_read(std::uint32_t number, const Result<ReadResult>& read) {
  CachedBlock& block = blocks_[number];
  block.is_reading = false;
  if (block.is_indexed) --reading_count_;
  if (read) block.size_bytes = static_cast<std::uint32_t>(read->size_bytes);
  if (block.size_bytes == 0 && block.is_indexed) forget(number);
  if (block.is_indexed && eviction_.add(number, block.priority)) ++stats_.ghost_hits;
  wake_waiters(block, read);
  if (!read) unpin(number);
}

// Each has its pin from now on, long before it goes on: the block must be there when it does.
void BlockCache::State::wake_waiters(CachedBlock& block, const Result<ReadResult>& read) {
  BlockWaiter* waiter = std::exchange(block.first_waiter, nullptr);
  block.last_waiter = nullptr;
  while (waiter != nullptr) {
    if (read) {
      ++block.pins;
    } else {
      waiter->error = read.error();
    }
    scheduler_.ready(waiter->coroutine);
    waiter = waiter->next;
  }
}

void BlockCache::State::erase(const BlockKey& key) {
  const std::uint32_t number = number_of(key);
  if (number != kNoBlock) forget(number);
}

void BlockCache::State::erase_file(std::uint64_t file_id) {
  for (std::uint32_t number = 0; number < blocks_.size(); ++number) {
    if (blocks_[number].is_indexed && blocks_[number].key.file_id == file_id) forget(number);
  }
}

// It cannot be found any more, and is free as soon as nobody has it pinned.
void BlockCache::State::forget(std::uint32_t number) {
  CachedBlock& block = blocks_[number];
  table_.erase(block.key, number);
  block.is_indexed = false;
  if (block.is_reading) --reading_count_;
  eviction_.remove(number);
  if (block.pins == 0) release(number);
}

void BlockCache::State::release(std::uint32_t number) {
  blocks_[number].older = free_;
  free_ = number;
}

void BlockCache::State::unpin(std::uint32_t number) {
  CachedBlock& block = blocks_[number];
  PENSTOCK_ASSERT(block.pins > 0, "a cached block is unpinned more often than pinned");
  if (--block.pins > 0) return;
  --pinned_count_;
  if (block.is_indexed) {
    eviction_.unpinned(number);
  } else {
    release(number);
  }
}

BlockCache::Pin::Pin(Pin&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)), number_(other.number_), bytes_(other.bytes_) {}

BlockCache::Pin& BlockCache::Pin::operator=(Pin&& other) noexcept {
  // What it held is let go here, not when `other` ends.
  Pin taken(std::move(other));
  std::swap(state_, taken.state_);
  std::swap(number_, taken.number_);
  std::swap(bytes_, taken.bytes_);
  return *this;
}

BlockCache::Pin::~Pin() {
  if (state_ != nullptr) state_->unpin(number_);
}

Result<std::unique_ptr<BlockCache>> BlockCache::create(Scheduler& scheduler,
                                                       BlockCacheOptions options) {
  if (!std::has_single_bit(options.block_bytes) || options.block_bytes < kBlockBytes ||
      options.block_bytes > kBlockBytesMax) {
    return fail(ErrorCode::kInvalidArgument,
                "a block cache with blocks of {} bytes: they must be a power of two from {} to {}",
                options.block_bytes, kBlockBytes, kBlockBytesMax);
  }
  // Not a number is refused too.
  if (!(options.high_priority_share >= 0 && options.high_priority_share <= kShareMax)) {
    return fail(ErrorCode::kInvalidArgument,
                "a block cache with a high-priority share of {}: it must be from 0 to {}",
                options.high_priority_share, kShareMax);
  }
  const std::size_t blocks = State::blocks_for(options);
  if (blocks < kMinBlocks) {
    return fail(
        ErrorCode::kInvalidArgument,
        "a block cache of {} bytes has room for {} blocks of {} bytes, and needs {} of them: give "
        "it at least {} bytes",
        options.budget_bytes, blocks, options.block_bytes, kMinBlocks,
        State::allocated_bytes({options.block_bytes, kMinBlocks}));
  }
  if (blocks > kBlocksMax) {
    return fail(
        ErrorCode::kInvalidArgument,
        "a block cache of {} bytes would have more than {} blocks of {} bytes: use larger blocks",
        options.budget_bytes, kBlocksMax, options.block_bytes);
  }
  const CacheShape shape{options.block_bytes, blocks};
  Result<BlockMemory> memory = BlockMemory::map(shape.memory_bytes());
  if (!memory) return Unexpected(memory.error().context("create a block cache"));
  const auto reserved =
      static_cast<std::size_t>(options.high_priority_share * static_cast<double>(blocks));
  auto state = std::make_unique<State>(scheduler, std::move(*memory), shape, reserved);
  return std::unique_ptr<BlockCache>(new BlockCache(std::move(state)));
}

BlockCache::BlockCache(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlockCache::~BlockCache() = default;

std::optional<BlockCache::Pin> BlockCache::find(const BlockKey& key, BlockPriority priority) {
  return state_->find(key, priority);
}

Task<Result<BlockCache::Pin>> BlockCache::get(BlockKey key, File& file, BlockPriority priority) {
  return state_->get(key, file, priority);
}

bool BlockCache::note(const BlockKey& key) { return state_->note(key); }
bool BlockCache::insert(const BlockKey& key, ByteView bytes, BlockPriority priority) {
  return state_->insert(key, bytes, priority);
}
bool BlockCache::contains(const BlockKey& key) const { return state_->contains(key); }

void BlockCache::erase(const BlockKey& key) { state_->erase(key); }
void BlockCache::erase_file(std::uint64_t file_id) { state_->erase_file(file_id); }

std::uint64_t BlockCache::block_bytes() const { return state_->shape().block_bytes; }
std::size_t BlockCache::capacity_blocks() const { return state_->shape().blocks; }
std::size_t BlockCache::size_blocks() const { return state_->found_count(); }
std::size_t BlockCache::pinned_blocks() const { return state_->pinned_count(); }
std::size_t BlockCache::reserved_blocks() const { return state_->eviction().reserved_count(); }
std::size_t BlockCache::reserved_blocks_max() const { return state_->eviction().reserved_max(); }
std::uint64_t BlockCache::allocated_bytes() const { return State::allocated_bytes(state_->shape()); }
const BlockCacheStats& BlockCache::stats() const { return state_->stats(); }

}  // namespace penstock::file
