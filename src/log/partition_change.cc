// Changing the options of a partition that is being served.

#include <algorithm>
#include <bit>

#include "log/partition.h"

namespace penstock::log {

namespace {

// So that a batch of the size that a commit has by default does not need a segment of its own.
constexpr std::uint64_t kLargestBatchSlackBytes = 64 * kKiB;

}  // namespace

// What was begun under the old options is ended under them: the active segment and the one that is
// prepared are given up where they do not fit any more, by the next commit's look at has_room().
Task<Result<void>> Partition::change(PartitionOptions options) {
  auto hold = gate_.enter();
  if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  co_await change_turn_.acquire(1);
  options_.tail = options.tail;
  options_.segment_age = options.segment_age;
  limit_segments(options.segment_bytes);
  const Result<void> changed = co_await change_commit_policy(options.commit, options.persist);
  change_turn_.release(1);
  co_return changed;
}

// So that a full commit fits into any segment, whatever its place in the ramp.
void Partition::limit_segments(std::uint64_t segment_bytes) {
  PENSTOCK_ASSERT(std::has_single_bit(segment_bytes), "segment sizes are powers of two");
  options_.segment_bytes = segment_bytes;
  const std::uint64_t smallest = std::min(segment_bytes, context_.pool.options().smallest_bytes);
  options_.commit_bytes = std::min(wanted_commit_bytes_, smallest / 2);
  largest_commit_bytes_ =
      std::max(largest_commit_bytes_, options_.commit_bytes + kLargestBatchSlackBytes);
}

// Memory that is not wanted any more, or not of this size, holds what is acknowledged and not on the
// device: that is written first. Meanwhile appends are acknowledged when they are durable.
Task<Result<void>> Partition::change_commit_policy(CommitPolicy commit, PersistThresholds persist) {
  const bool fits = commit == CommitPolicy::kBatch && persist.bytes == options_.persist.bytes;
  options_.commit = commit;
  options_.persist = persist;
  persist_collected();  // what waits by the old thresholds
  start_committing();
  if (fits || !arena_) {
    release_unsynced();
    co_return Result<void>();
  }
  is_leaving_memory_ = true;
  Result<void> left = co_await persist_below(marks_.high_watermark);
  if (left) left = co_await remove_unsynced();
  is_leaving_memory_ = false;
  if (left) release_unsynced();
  co_return left;
}

// Whether the active segment has taken appends for so long that the next ones go to another.
bool Partition::is_too_old(const Segment& active) const {
  return active.begun_at && context_.scheduler.now() - *active.begun_at >= options_.segment_age;
}

}  // namespace penstock::log
