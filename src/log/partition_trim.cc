// Deleting from a log's beginning: on request, and by age and size.

#include <algorithm>

#include "log/log_start.h"
#include "log/partition.h"

namespace penstock::log {

Task<Result<Offset>> Partition::delete_below(Offset start) {
  auto hold = gate_.enter();
  if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  if (start > marks_.high_watermark) {
    co_return fail(ErrorCode::kOutOfRange,
                   "{}: nothing above offset {} can be deleted, and {} is asked", id_.to_string(),
                   marks_.high_watermark, start);
  }
  // On a full disk, the first deletion may make the room for what is not durable yet.
  for (const Offset reached : {std::min(start, marks_.durable_end), start}) {
    if (auto durable = co_await persist_below(reached); !durable) co_return Unexpected(durable.error());
    if (auto moved = co_await move_start(reached); !moved) co_return Unexpected(moved.error());
  }
  co_return marks_.log_start;
}

Task<Result<void>> Partition::apply(Retention keep) {
  auto hold = gate_.enter();
  if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  co_return co_await move_start(start_to_keep(keep));
}

// Where the log would begin.
Offset Partition::start_to_keep(const Retention& keep) const {
  const std::int64_t now_ms = context_.scheduler.clock().wall_ms();
  std::uint64_t left_bytes = size_bytes();
  Offset start = marks_.log_start;
  for (const SegmentRef& segment : segments_) {
    const std::int64_t newest_ms = segment->index.max_timestamp_ms() >= 0
                                       ? segment->index.max_timestamp_ms()
                                       : segment->header.created_ms;
    const std::uint64_t bytes = segment->data_end.value;
    const bool is_old =
        keep.time &&
        now_ms - newest_ms > std::chrono::floor<std::chrono::milliseconds>(*keep.time).count();
    const bool is_too_much = keep.bytes && segment->sealed && left_bytes - bytes >= *keep.bytes;
    if (segment->empty() || !(is_too_much || is_old)) break;
    if (!segment->sealed && !is_idle()) break;
    start = segment->next_offset;
    left_bytes -= bytes;
  }
  return start;
}

// First the new start is durable, then it counts, then files go. On a disk that is too full even for
// that, the oldest segment goes first: as long as others follow it, they tell where the log begins.
Task<Result<void>> Partition::move_start(Offset start) {
  co_await trim_turn_.acquire(1);
  Result<void> done;
  while (start > marks_.log_start) {
    done = co_await replace_log_start(context_.disk, directory_, id_, start);
    const bool is_written_down = done.has_value();
    if (is_written_down) {
      marks_.log_start = start;
    } else {
      const bool frees_space = done.error().code() == ErrorCode::kNoSpace && segments_.size() > 1 &&
                               can_go(*segments_.front(), start);
      if (!frees_space) break;
      marks_.log_start = segments_.front()->next_offset;
    }
    check_marks();
    report(Reporter::Severity::kInfo,
           fmt::format("records below offset {} are deleted", marks_.log_start));
    done = co_await remove_below_start();
    if (done && !is_written_down) done = co_await forget_log_start();
    if (!done) break;
  }
  if (done) done = co_await remove_below_start();
  trim_turn_.release(1);
  co_return done;
}

// The log begins with its first segment, and what is written down is older: a recovery would take what
// lies between for missing.
Task<Result<void>> Partition::forget_log_start() {
  auto removed = co_await context_.disk.remove(fmt::format("{}/{}", directory_, kLogStartFile));
  if (!removed && removed.error().code() != ErrorCode::kNotFound) co_return removed;
  co_return co_await context_.disk.sync_directory(directory_);
}

// Whether nothing of the segment is kept, and nobody will write to it or to its index any more.
bool Partition::can_go(const Segment& segment, Offset start) const {
  const bool is_settled = segment.sealed || (segments_.size() == 1 && is_idle() && !fence_);
  return is_settled && !segment.empty() && segment.next_offset <= start;
}

// Also what an earlier deletion had to leave, because it was still being appended to.
Task<Result<void>> Partition::remove_below_start() {
  bool removed_any = false;
  while (!segments_.empty() && can_go(*segments_.front(), marks_.log_start)) {
    SegmentRef segment = std::move(segments_.front());
    segments_.erase(segments_.begin());
    const std::uint64_t bytes = segment->data_end.value;
    if (auto removed = co_await remove_segment(std::move(segment)); !removed) co_return removed;
    ++context_.stats->segments_deleted;
    context_.stats->deleted_bytes += bytes;
    removed_any = true;
  }
  if (!removed_any) co_return Result<void>();
  co_return co_await context_.disk.sync_directory(directory_);
}

// A file that nobody reads or seals any more goes back to the pool. Of another, only the name goes: its
// bytes follow when the last one lets go.
Task<Result<void>> Partition::remove_segment(SegmentRef segment) {
  std::string index = directory_ + "/" + index_file_name(segment->header.number);
  auto unindexed = co_await context_.disk.remove(std::move(index));
  if (!unindexed && unindexed.error().code() != ErrorCode::kNotFound) co_return unindexed;
  segment->removed = true;
  if (context_.catch_up != nullptr) context_.catch_up->drop_removed();
  const bool is_in_use = segment.use_count() > 1;
  if (is_in_use) co_return co_await context_.disk.remove(segment->path());
  segment->file.reset();
  co_return co_await context_.pool.retire(segment->path(), segment->reusable_bytes());
}

}  // namespace penstock::log
