// Paying padding back: sealed segments that are largely padding are written anew without it.
//
// The new file takes the old one's name in one rename. From then on the partition reads there; readers
// that are at the old file finish on it, and its space follows with the last of them.

#include <algorithm>

#include "log/partition.h"
#include "log/segment_rewrite.h"

namespace penstock::log {

namespace {

// A rewrite is begun only while the disk has this many times the segment's size left: on a disk that is
// nearly full, the space is the producers'.
constexpr std::uint64_t kSpaceTimes = 4;

// Of the bytes behind the header. 0 when it is not known.
double pad_share(const Segment& segment) {
  const std::uint64_t bytes = segment.data_end - kFirstCommit;
  if (segment.entry_bytes == 0 || segment.entry_bytes >= bytes) return 0;
  return static_cast<double>(bytes - segment.entry_bytes) / static_cast<double>(bytes);
}

bool is_worth_rewriting(const Segment& segment, double pad_share_min) {
  return segment.sealed && !segment.removed && !segment.keep_as_is && !segment.header.rewritten &&
         segment.damaged.empty() && !segment.empty() &&
         pad_share(segment) >= std::max(pad_share_min, SegmentRewrite::kPadShareMin);
}

}  // namespace

Task<Result<CompactionReport>> Partition::compact(CompactionOptions options) {
  CompactionReport report;
  if (std::exchange(is_compacting_, true)) co_return report;
  const Result<void> done = co_await compact_all(options, report);
  is_compacting_ = false;
  if (!done) co_return Unexpected(done.error());
  co_return report;
}

// Each segment by itself, so that one that was deleted meanwhile does not keep its space for long.
Task<Result<void>> Partition::compact_all(CompactionOptions options, CompactionReport& report) {
  std::uint64_t last_number = 0;
  while (true) {
    auto hold = gate_.enter();
    if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
    if (fence_) co_return Result<void>();
    const auto next = std::ranges::find_if(segments_, [&](const SegmentRef& segment) {
      return segment->header.number > last_number &&
             is_worth_rewriting(*segment, options.pad_share_min);
    });
    if (next == segments_.end()) co_return Result<void>();
    const SegmentRef source = share(*next);
    last_number = source->header.number;
    auto space = co_await context_.disk.space(directory_);
    if (!space) co_return Unexpected(space.error());
    if (space->available_bytes / kSpaceTimes < source->data_end.value) continue;
    const auto done = co_await compact_segment(source, options.bytes_per_second, report);
    if (done) continue;
    switch (done.error().code()) {
      case ErrorCode::kNoSpace: co_return Result<void>();  // quietly: the log is as it was
      case ErrorCode::kNotFound: break;                    // it was deleted meanwhile
      case ErrorCode::kClosed: co_return done;
      case ErrorCode::kCorrupt:
        source->keep_as_is = true;
        note_damage(done.error());
        break;
      default: source->keep_as_is = true; co_return done;
    }
  }
}

Task<Result<void>> Partition::compact_segment(SegmentRef source, std::uint64_t bytes_per_second,
                                              CompactionReport& report) {
  RatePace pace(context_.scheduler, gate_, bytes_per_second);
  const SegmentRewrite::Context context{context_.scheduler, context_.disk, open_at_pace(source), pace,
                                        context_.pool.pace()};
  SegmentRewrite rewrite(context, source, context_.random.next());
  const auto target = co_await rewrite.run();
  Result<bool> installed = false;
  if (target) {
    co_await trim_turn_.acquire(1);
    installed = co_await install(rewrite, *target, report);
    trim_turn_.release(1);
  }
  // In the middle of an install that failed, the new file may have either name, or none.
  if (!installed || !*installed) co_await rewrite.discard();
  if (!target) co_return Unexpected(target.error());
  if (!installed) co_return Unexpected(installed.error());
  co_return Result<void>();
}

// The caller has the turn of deletions, so the segment is not removed meanwhile. False when it must
// stay as it is.
Task<Result<bool>> Partition::install(const SegmentRewrite& rewrite, SegmentRef target,
                                      CompactionReport& totals) {
  const SegmentRef source = share(rewrite.source());
  const auto place = [&] { return std::ranges::find(segments_, source); };
  const bool may_go = place() != segments_.end() && source->sealed && source->damaged.empty() &&
                      !source->removed && !fence_ && !gate_.is_closed();
  if (!may_go) co_return false;
  if (target->data_end >= source->data_end) {  // its index overstated the padding
    source->keep_as_is = true;
    co_return false;
  }
  auto renamed = co_await context_.disk.rename(rewrite.path(), source->path());
  if (!renamed) co_return Unexpected(renamed.error());

  PENSTOCK_ASSERT(place() != segments_.end(), "whoever removes segments takes turns with an install");
  *place() = target;
  source->removed = true;
  if (context_.catch_up != nullptr) context_.catch_up->drop_removed();
  const CompactionReport gain{1, target->data_end.value,
                              source->data_end.value - target->data_end.value};
  totals.add(gain);
  compacted_.add(gain);
  context_.stats->compacted_segments += gain.segments;
  context_.stats->compaction_written_bytes += gain.rewritten_bytes;
  context_.stats->compaction_reclaimed_bytes += gain.reclaimed_bytes;

  // Whatever fails from here on, the segment is whole: it has no index then, which close() makes up
  // for, and a start that comes before that scans it.
  Result<void> done = co_await context_.disk.sync_directory(directory_);
  if (done) done = co_await seal(context_.disk, *target, SealCut::kNone);
  if (!done) {
    report(Reporter::Severity::kWarning, fmt::format("{} was rewritten and has no index yet: {}",
                                                     target->path(), done.error().message()));
  }
  co_return true;
}

}  // namespace penstock::log
