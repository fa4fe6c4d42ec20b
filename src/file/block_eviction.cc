#include "file/block_eviction.h"

#include <algorithm>

namespace penstock::file {

BlockEviction::BlockEviction(std::span<CachedBlock> blocks, GhostQueue ghosts, std::size_t reserved_max)
    : blocks_(blocks),
      ghosts_(ghosts),
      small_(blocks),
      main_(blocks),
      reserved_(blocks),
      reserved_max_(reserved_max) {
  PENSTOCK_ASSERT(reserved_max < blocks.size(), "all blocks of a cache are reserved");
}

// Of what ordinary blocks have at the moment.
std::size_t BlockEviction::small_target() const {
  return std::max<std::size_t>(1, (blocks_.size() - reserved_count_) / kSmallFraction);
}

BlockFifo& BlockEviction::queue_of(BlockPlace place) {
  PENSTOCK_ASSERT(place != BlockPlace::kNone, "a cached block that is in no queue");
  if (place == BlockPlace::kReserved) return reserved_;
  return place == BlockPlace::kSmall ? small_ : main_;
}

void BlockEviction::put(std::uint32_t number, BlockPlace place) {
  CachedBlock& block = blocks_[number];
  PENSTOCK_ASSERT(block.place == BlockPlace::kNone, "a cached block is added twice");
  block.place = place;
  block.frequency = 0;
  if (place == BlockPlace::kSmall) block.arrival = arrivals_++;
  if (place == BlockPlace::kReserved) ++reserved_count_;
  queue_of(place).push(number);
}

void BlockEviction::remove(std::uint32_t number) {
  CachedBlock& block = blocks_[number];
  if (block.is_queued) queue_of(block.place).remove(number);
  if (block.place == BlockPlace::kReserved) --reserved_count_;
  block.place = BlockPlace::kNone;
}

void BlockEviction::move(std::uint32_t number, BlockPlace place) {
  remove(number);
  put(number, place);
}

bool BlockEviction::add(std::uint32_t number, BlockPriority priority) {
  const bool is_back = ghosts_.take(blocks_[number].key);
  put(number, is_back ? BlockPlace::kMain : BlockPlace::kSmall);
  if (priority == BlockPriority::kHigh) make_reserved(number);
  return is_back;
}

bool BlockEviction::note(const BlockKey& key) {
  if (ghosts_.has(key)) return true;
  ghosts_.remember(key);
  return false;
}

void BlockEviction::touch(std::uint32_t number, BlockPriority priority) {
  CachedBlock& block = blocks_[number];
  const bool counts =
      block.place != BlockPlace::kSmall || arrivals_ - block.arrival > small_target() / 2;
  if (counts && block.frequency < kFrequencyMax) ++block.frequency;
  if (priority == BlockPriority::kHigh && block.place != BlockPlace::kReserved) make_reserved(number);
}

void BlockEviction::unpinned(std::uint32_t number) {
  const CachedBlock& block = blocks_[number];
  if (!block.is_queued) queue_of(block.place).push(number);
}

// When every reserved block is pinned, none can leave, and the newcomer stays an ordinary block.
void BlockEviction::make_reserved(std::uint32_t number) {
  if (reserved_max_ == 0) return;
  if (reserved_count_ == reserved_max_) {
    const std::uint32_t leaving = oldest_reserved();
    if (leaving == kNoBlock) return;
    move(leaving, BlockPlace::kMain);
  }
  move(number, BlockPlace::kReserved);
}

std::uint32_t BlockEviction::evict(BlockPriority priority) {
  const std::uint32_t ordinary = evict_ordinary();
  if (ordinary != kNoBlock || priority != BlockPriority::kHigh) return ordinary;
  const std::uint32_t reserved = oldest_reserved();
  if (reserved != kNoBlock) remove(reserved);
  return reserved;
}

std::uint32_t BlockEviction::evict_ordinary() {
  std::size_t looks = 0;
  while (!small_.empty() || !main_.empty()) {
    const bool on_trial = main_.empty() || small_.size() >= small_target();
    BlockFifo& queue = on_trial ? small_ : main_;
    const std::uint32_t number = queue.oldest();
    CachedBlock& block = blocks_[number];
    if (block.pins > 0) {
      queue.remove(number);
    } else if (block.frequency > 0 && looks < kLooksMax) {
      const std::uint8_t frequency = on_trial ? 0 : block.frequency - 1;
      move(number, BlockPlace::kMain);
      block.frequency = frequency;
      ++looks;
    } else {
      if (on_trial) ghosts_.remember(block.key);
      remove(number);
      return number;
    }
  }
  return kNoBlock;
}

// The next one of the reserved queue to go: unpinned, and not touched since it last went around. It
// stays there.
std::uint32_t BlockEviction::oldest_reserved() {
  std::size_t looks = 0;
  while (!reserved_.empty()) {
    const std::uint32_t number = reserved_.oldest();
    CachedBlock& block = blocks_[number];
    if (block.pins == 0 && (block.frequency == 0 || looks == kLooksMax)) return number;
    reserved_.remove(number);
    if (block.pins > 0) continue;
    --block.frequency;
    reserved_.push(number);
    ++looks;
  }
  return kNoBlock;
}

}  // namespace penstock::file
