// SegmentCache: old data that is read again and again stays in memory.
//
// A BlockCache for what consumers behind the tail read. A block enters it when it is read for the
// second time (the first time only its key is noted), so one that scans a log copies nothing and
// displaces nothing. Only verified bytes enter: a block is put together from the entries that a reader
// has checked, one behind the other, with zeros between commits. So it does not matter what else is in
// the file there, nor what is written behind the durable end. Readers verify what they get from here
// like all else.
//
// Blocks are kept under a number that each Segment gets once in its life, and no other one ever has: a
// file that is used again, rewritten or cut is another Segment, so nothing of it can be found here. Of
// a Segment itself, bytes below the durable end never change.
//
// Ownership: owns its memory; fillers must not outlive it. Threading: one shard's scheduler.
// Durability: holds nothing that is not durable.
#pragma once

#include <memory>

#include "file/block_cache.h"
#include "log/segment.h"

namespace penstock::log {

// Counters since creation, for metrics and tests.
struct SegmentCacheStats {
  std::uint64_t hit_bytes = 0;     // served from memory
  std::uint64_t missed_bytes = 0;  // read from the device instead
  std::uint64_t kept_blocks = 0;   // that have entered
  std::uint64_t forgotten = 0;     // times that a segment's blocks were thrown away as suspect
};

class SegmentCache {
 public:
  // Small, so that an entry that is asked for often brings little else along, and that little is lost
  // at the ends of what was read.
  static constexpr std::uint64_t kCacheBlockBytes = 16 * kKiB;
  // Enough for the fewest blocks that a BlockCache has.
  static constexpr std::uint64_t kSmallestBytes = 256 * kKiB;

  // Errors: kInvalidArgument (less than kSmallestBytes), kNoSpace (the memory cannot be had).
  static Result<std::unique_ptr<SegmentCache>> create(Scheduler& scheduler, std::uint64_t budget_bytes);

  // Copies what is here of `segment` from `from` on, up to the first gap, into `into`.
  std::size_t copy(const Segment& segment, FilePosition from, MutableBytes into);
  // How many bytes from `from` on are here, or are not, at most `at_most`. No touch.
  std::uint64_t cached_bytes(const Segment& segment, FilePosition from, std::uint64_t at_most) const;
  std::uint64_t missing_bytes(const Segment& segment, FilePosition from, std::uint64_t at_most) const;

  void count_miss(std::uint64_t bytes) { stats_.missed_bytes += bytes; }

  // Throws away what is here of `segment`.
  void forget(const Segment& segment);

  const SegmentCacheStats& stats() const { return stats_; }
  const file::BlockCache& blocks() const { return *blocks_; }

  class Filler;

 private:
  explicit SegmentCache(std::unique_ptr<file::BlockCache> blocks) : blocks_(std::move(blocks)) {}

  std::uint64_t number_of(const Segment& segment);
  std::uint64_t run_bytes(const Segment& segment, FilePosition from, std::uint64_t at_most,
                          bool cached) const;

  std::unique_ptr<file::BlockCache> blocks_;
  std::uint64_t last_number_ = 0;
  SegmentCacheStats stats_;
};

// One reader's way of bringing blocks into the cache. It may hold one block of its own.
class SegmentCache::Filler {
 public:
  Filler(SegmentCache& cache, SegmentRef segment) : cache_(cache), segment_(std::move(segment)) {}

  // A verified entry, header included, of these offsets.
  void add(FilePosition position, ByteView entry, Offset base, Offset next);

 private:
  void begin_block();
  void append(const std::byte* bytes, std::size_t size_bytes);
  void end_block(std::size_t size_bytes);

  SegmentCache& cache_;
  SegmentRef segment_;
  // Everything in [covered_from_, covered_to_) is verified entries and what is between commits.
  FilePosition covered_from_;
  FilePosition covered_to_;
  Offset covered_next_;  // the offset behind it
  // Whether the block around covered_to_ is covered from its start on, and is to be kept; then its
  // bytes.
  bool is_wanted_ = false;
  std::unique_ptr<std::byte[]> block_;
};

}  // namespace penstock::log
