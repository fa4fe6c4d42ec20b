#include "log/segment_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock::log {

namespace {

constexpr std::uint64_t kBlock = SegmentCache::kCacheBlockBytes;

std::uint64_t block_of(FilePosition position) { return position.value / kBlock; }

}  // namespace

Result<std::unique_ptr<SegmentCache>> SegmentCache::create(Scheduler& scheduler,
                                                           std::uint64_t budget_bytes) {
  if (budget_bytes < kSmallestBytes) {
    return fail(ErrorCode::kInvalidArgument, "a cache of {} bytes; the smallest has {}", budget_bytes,
                kSmallestBytes);
  }
  file::BlockCacheOptions options;
  options.budget_bytes = budget_bytes;
  options.block_bytes = kBlock;
  options.high_priority_share = 0;
  auto blocks = file::BlockCache::create(scheduler, options);
  if (!blocks) return Unexpected(std::move(blocks).error());
  return std::unique_ptr<SegmentCache>(new SegmentCache(std::move(*blocks)));
}

std::uint64_t SegmentCache::number_of(const Segment& segment) {
  if (segment.cache_number == 0) segment.cache_number = ++last_number_;
  return segment.cache_number;
}

// A partial block at the start or the end of what is asked for is cut accordingly; the last block of a
// segment may be short, and then ends what can be copied.
std::size_t SegmentCache::copy(const Segment& segment, FilePosition from, MutableBytes into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const FilePosition at = from + filled;
    const auto pin = blocks_->find({.file_id = number_of(segment), .block = block_of(at)});
    const std::size_t skipped = at.value % kBlock;
    if (!pin || pin->bytes().size() <= skipped) break;
    const ByteView bytes = pin->bytes().subspan(skipped);
    const std::size_t taken = std::min(bytes.size(), into.size() - filled);
    std::memcpy(into.data() + filled, bytes.data(), taken);
    filled += taken;
    if (pin->bytes().size() < kBlock) break;
  }
  stats_.hit_bytes += filled;
  return filled;
}

std::uint64_t SegmentCache::cached_bytes(const Segment& segment, FilePosition from,
                                         std::uint64_t at_most) const {
  return run_bytes(segment, from, at_most, /*cached=*/true);
}

std::uint64_t SegmentCache::missing_bytes(const Segment& segment, FilePosition from,
                                          std::uint64_t at_most) const {
  return run_bytes(segment, from, at_most, /*cached=*/false);
}

std::uint64_t SegmentCache::run_bytes(const Segment& segment, FilePosition from, std::uint64_t at_most,
                                      bool cached) const {
  const FilePosition limit = from + at_most;
  FilePosition end = from;
  while (end < limit &&
         blocks_->contains({.file_id = segment.cache_number, .block = block_of(end)}) == cached) {
    end = FilePosition{(block_of(end) + 1) * kBlock};
  }
  return std::min(end, limit) - from;
}

void SegmentCache::forget(const Segment& segment) {
  if (segment.cache_number == 0) return;
  blocks_->erase_file(segment.cache_number);
  ++stats_.forgotten;
}

void SegmentCache::Filler::add(FilePosition position, ByteView entry, Offset base, Offset next) {
  const bool is_covered = position >= covered_from_ && position + entry.size() <= covered_to_;
  if (is_covered) return;
  const FilePosition next_commit{align_up(covered_to_.value, kBlockBytes)};
  const bool goes_on = base == covered_next_ && position >= covered_to_ && position <= next_commit &&
                       covered_from_ < covered_to_;
  if (goes_on) {
    append(nullptr, position - covered_to_);
  } else {
    // Nobody reads the headers of a segment from here, so what is in front of the first commit is
    // nobody's business.
    covered_from_ = position == kFirstCommit ? FilePosition{0} : position;
    covered_to_ = covered_from_;
    is_wanted_ = false;
    append(nullptr, position - covered_to_);
  }
  append(entry.data(), entry.size());
  covered_next_ = next;
  const bool is_last = segment_->sealed && covered_to_ == segment_->data_end;
  if (is_last && covered_to_.value % kBlock != 0) end_block(covered_to_.value % kBlock);
}

// Zeros, when `bytes` is null.
void SegmentCache::Filler::append(const std::byte* bytes, std::size_t size_bytes) {
  while (size_bytes > 0) {
    const std::size_t at = covered_to_.value % kBlock;
    if (at == 0) begin_block();
    const std::size_t part = std::min<std::size_t>(size_bytes, kBlock - at);
    if (is_wanted_ && bytes == nullptr) std::memset(block_.get() + at, 0, part);
    if (is_wanted_ && bytes != nullptr) std::memcpy(block_.get() + at, bytes, part);
    covered_to_ = covered_to_ + part;
    if (covered_to_.value % kBlock == 0) end_block(kBlock);
    if (bytes != nullptr) bytes += part;
    size_bytes -= part;
  }
}

void SegmentCache::Filler::begin_block() {
  is_wanted_ =
      cache_.blocks_->note({.file_id = cache_.number_of(*segment_), .block = block_of(covered_to_)});
  if (is_wanted_ && !block_) block_ = std::make_unique<std::byte[]>(kBlock);
}

// The block in front of covered_to_ is complete.
void SegmentCache::Filler::end_block(std::size_t size_bytes) {
  if (!std::exchange(is_wanted_, false)) return;
  const std::uint64_t block = (covered_to_.value - size_bytes) / kBlock;
  const bool is_kept = cache_.blocks_->insert({.file_id = cache_.number_of(*segment_), .block = block},
                                              ByteView(block_.get(), size_bytes));
  if (is_kept) ++cache_.stats_.kept_blocks;
}

}  // namespace penstock::log
