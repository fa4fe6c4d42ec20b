// Segments: preparing the next one, rolling, sealing.

#include <algorithm>
#include <bit>

#include "log/partition.h"

namespace penstock::log {

namespace {

// Commits of this size and more do not notice the metadata of space that was only reserved, while
// filling that space with zeros first would cost them half of the device.
constexpr std::uint64_t kLargeCommitBytes = 256 * kKiB;

// A device that has lost the header or put it elsewhere must be found out before anything depends on
// it: under the header of the file's earlier life, which may be this partition's own, nothing that was
// committed could be read, and a recovery would take the segment for an unused one.
Task<Result<void>> check_header(File& file, SegmentHeader written) {
  auto read = co_await read_segment_start(file);
  if (read && read->header == written) co_return Result<void>();
  if (!read && read.error().code() != ErrorCode::kCorrupt) co_return Unexpected(read.error());
  co_return fail(ErrorCode::kIo, "{}: the device has not kept the header that was written",
                 file.path());
}

bool reaches(const SegmentHeader& header, std::uint64_t reach_bytes) {
  const bool any_distance = header.commit_reach_bytes == 0;
  return any_distance || (reach_bytes != 0 && reach_bytes <= header.commit_reach_bytes);
}

}  // namespace

bool Partition::has_room(std::uint64_t device_bytes) const {
  if (segments_.empty() || segments_.back()->sealed) return false;
  const Segment& active = *segments_.back();
  if (active.header.entry_places != entry_places() || is_too_old(active)) return false;
  // An unused one may be larger than asked for, because a commit needs it.
  const std::uint64_t limit_bytes =
      active.begun_at ? std::min(active.capacity_bytes, options_.segment_bytes) : active.capacity_bytes;
  const std::uint64_t start = align_down(write_position_.value, kBlockBytes);
  return start + device_bytes <= limit_bytes &&
         (device_bytes <= largest_commit_bytes_ && reaches(active.header, reach_bytes()));
}

// Beyond an entry that is missing, others may lie that were in flight with it, and those that came
// since the last checkpoint.
std::uint64_t Partition::reach_bytes() const {
  const std::uint64_t reach =
      align_up(options_.checkpoint_bytes + options_.commit_depth * largest_commit_bytes_,
               SegmentHeader::kReachUnitBytes);
  const bool is_known = options_.checkpoint_bytes > 0 && reach <= SegmentHeader::kReachBytesMax;
  return is_known ? reach : 0;
}

bool Partition::can_use_next(std::uint64_t needed_bytes) const {
  return next_segment_ && next_segment_->capacity_bytes >= needed_bytes &&
         next_segment_->header.entry_places == entry_places() &&
         reaches(next_segment_->header, reach_bytes());
}

// Switches to the next segment. Waits until everything in the old one is durable: so a segment that
// holds any entry proves that all earlier segments are complete, which is what recovery relies on.
Task<Result<void>> Partition::roll(std::uint64_t device_bytes) {
  const std::uint64_t needed_bytes = kFirstCommit.value + device_bytes;
  largest_commit_bytes_ = std::max(largest_commit_bytes_, device_bytes);
  while (!in_flight_.empty()) co_await commit_finished_.wait();
  if (fence_) co_return Unexpected(*fence_);
  while (!can_use_next(needed_bytes)) {
    if (next_segment_) co_await discard(std::exchange(next_segment_, nullptr));
    if (!preparing_) start_preparing(needed_bytes);
    next_demand_.rush();
    if (preparing_) co_await prepared_.wait();
    if (prepare_error_) co_return Unexpected(*std::exchange(prepare_error_, std::nullopt));
  }
  SegmentRef old;
  if (!segments_.empty() && !segments_.back()->sealed) old = segments_.back();
  if (old && old->empty()) {
    segments_.pop_back();
    co_await discard(std::exchange(old, nullptr));
  }
  segments_.push_back(std::exchange(next_segment_, nullptr));
  ++context_.stats->segments_begun;
  segments_.back()->base_offset = marks_.durable_end;
  segments_.back()->next_offset = marks_.durable_end;
  write_position_ = kFirstCommit;
  block_start_ = {};
  if (old) {
    if (auto hold = background_.enter()) {
      context_.scheduler.spawn(seal_in_background(std::move(old), std::move(*hold)));
    }
  }
  co_return Result<void>();
}

// Once a quarter of the active segment is used, the next one is prepared, at least in step with what is
// used of the rest: its last block is due when an eighth is left. That is 512 KiB and more, so there is
// time for its header and its name. Where age will end the segment first, half of that is the time.
void Partition::prepare_ahead() {
  const Segment& active = *segments_.back();
  const std::uint64_t capacity_bytes = std::min(active.capacity_bytes, options_.segment_bytes);
  const std::uint64_t begin_at = capacity_bytes / 4;
  const Duration age = context_.scheduler.now() - *active.begun_at;
  if (age > options_.segment_age / 2) {
    start_preparing(0);
    next_demand_.raise_to(1.0);
  }
  if (write_position_.value <= begin_at) return;
  start_preparing(0);
  const std::uint64_t due_at = capacity_bytes - capacity_bytes / 8;
  next_demand_.raise_to(static_cast<double>(write_position_.value - begin_at) /
                        static_cast<double>(due_at - begin_at));
}

void Partition::start_preparing(std::uint64_t at_least_bytes) {
  if (preparing_ || next_segment_) return;
  prepare_error_.reset();
  auto hold = background_.enter();
  if (!hold) {
    prepare_error_ = hold.error();
    return;
  }
  preparing_ = true;
  next_demand_.reset();
  context_.scheduler.spawn(
      prepare_next(next_segment_bytes(at_least_bytes), preparation(), std::move(*hold)));
}

Task<void> Partition::prepare_next(std::uint64_t size_bytes, SegmentPool::Preparation preparation,
                                   Gate::Hold) {
  auto made = co_await make_segment(size_bytes, preparation);
  if (made) {
    next_segment_ = std::move(*made);
  } else {
    prepare_error_ = made.error();
  }
  preparing_ = false;
  prepared_.pulse();
}

// Name and header are durable before the segment is used, so an entry in it can always be found again.
Task<Result<SegmentRef>> Partition::make_segment(std::uint64_t size_bytes,
                                                 SegmentPool::Preparation preparation) {
  auto taken = co_await context_.pool.take(size_bytes, preparation, next_demand_);
  if (!taken) co_return Unexpected(taken.error());

  auto segment = std::make_shared<Segment>();
  segment->header.topic_id = id_.topic_id;
  segment->header.partition = id_.index;
  segment->header.number = next_segment_number_++;
  segment->header.salt = context_.random.next();
  segment->header.created_ms = context_.scheduler.clock().wall_ms();
  segment->header.entry_places = entry_places();
  segment->header.commit_reach_bytes = reach_bytes();
  segment->directory = directory_;
  segment->capacity_bytes = taken->size_bytes;
  segment->written_bytes = std::max(taken->written_bytes, kFirstCommit.value);
  segment->file = std::move(taken->file);

  Result<void> done =
      co_await write_segment_header(*segment->file, segment->header, Durability::kDevice);
  if (done) done = co_await check_header(*segment->file, segment->header);
  if (done) done = co_await context_.disk.rename(taken->path, segment->path());
  if (done) done = co_await context_.disk.sync_directory(directory_);
  if (done) co_return segment;

  // Best effort, under whichever name it has: the error to report is the first one, and recovery
  // removes an unused segment anyway.
  (void)co_await context_.disk.remove(taken->path);
  (void)co_await context_.disk.remove(segment->path());
  co_return Unexpected(done.error());
}

// An index that could not be written is tried again by close(); until then the segment is merely
// unsealed, or, where a full disk has no room for it, sealed without one: deletion must go on there.
Task<void> Partition::seal_in_background(SegmentRef segment, Gate::Hold) {
  const Result<void> sealed = co_await seal(context_.disk, *segment, SealCut::kToData);
  if (!sealed && sealed.error().code() == ErrorCode::kNoSpace) segment->sealed = true;
}

// Gives an unused segment back to the pool. Best effort: recovery removes empty segments.
Task<void> Partition::discard(SegmentRef segment) {
  segment->file.reset();
  (void)co_await context_.pool.retire(segment->path(), segment->reusable_bytes());
}

// The ramp: each segment twice the one before, so that a quiet partition stays small.
std::uint64_t Partition::next_segment_bytes(std::uint64_t at_least_bytes) const {
  std::uint64_t size_bytes = context_.pool.options().smallest_bytes;
  if (!segments_.empty() && !segments_.back()->sealed)
    size_bytes = segments_.back()->capacity_bytes * 2;
  return std::max(std::min(size_bytes, options_.segment_bytes), std::bit_ceil(at_least_bytes));
}

SegmentPool::Preparation Partition::preparation() const {
  const bool large = commit_count_ > 0 && committed_bytes_ / commit_count_ >= kLargeCommitBytes;
  return large ? SegmentPool::Preparation::kAllocated : SegmentPool::Preparation::kWritten;
}

std::uint64_t Partition::size_bytes() const {
  std::uint64_t total = 0;
  for (const SegmentRef& segment : segments_) total += segment->data_end.value;
  return total;
}

}  // namespace penstock::log
