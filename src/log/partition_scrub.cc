// Verifying what lies on the device, before somebody needs it.

#include <algorithm>

#include "log/partition.h"
#include "log/rate_pace.h"

namespace penstock::log {

namespace {

constexpr std::uint64_t kWindowBytes = 256 * kKiB;

// Where reading can go on behind damage at `offset` that is already known of.
Offset behind_known_damage(const Segment& segment, Offset offset) {
  const auto known = std::ranges::find(segment.damaged, offset, &DamagedRange::first);
  return known == segment.damaged.end() ? offset : known->next;
}

}  // namespace

// Each segment by itself, so that one that was deleted meanwhile does not keep its space for long.
Task<Result<ScrubReport>> Partition::scrub(std::uint64_t bytes_per_second) {
  ScrubReport report;
  std::uint64_t last_number = 0;
  while (true) {
    auto hold = gate_.enter();
    if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
    const auto next = std::ranges::find_if(segments_, [&](const SegmentRef& segment) {
      return segment->sealed && segment->header.number > last_number;
    });
    if (next == segments_.end()) {
      ++context_.stats->scrub_rounds;
      co_return report;
    }
    last_number = (*next)->header.number;
    if (auto done = co_await scrub_segment(*next, bytes_per_second, report); !done)
      co_return Unexpected(done.error());
  }
}

// Up to the first damage, if any: the segment is suspect then, and `penstock log verify` tells the
// rest.
Task<Result<void>> Partition::scrub_segment(SegmentRef segment, std::uint64_t bytes_per_second,
                                            ScrubReport& report) {
  const std::shared_ptr<File> file = open_at_pace(segment);
  FileWindows windows(*file, kWindowBytes);
  SegmentScanner scanner = segment->scanner(windows, kFirstCommit);
  RatePace pace(context_.scheduler, gate_, bytes_per_second);
  Offset expected = segment->base_offset;
  while (expected < segment->next_offset) {
    auto entry =
        co_await read_expected(scanner, *segment, expected, behind_known_damage(*segment, expected));
    if (!entry && entry.error().code() != ErrorCode::kCorrupt) co_return Unexpected(entry.error());
    if (!entry) {
      ++report.finding_count;
      ++context_.stats->scrub_findings;
      note_damage(entry.error());
      co_return Result<void>();
    }
    expected = behind_known_damage(*segment, entry->batch_header.next_offset());
    const std::uint64_t entry_bytes = entry->header.entry_bytes();
    report.verified_bytes += entry_bytes;
    context_.stats->scrubbed_bytes += entry_bytes;
    if (auto spent = co_await pace.spend(entry_bytes); !spent) {
      co_return Unexpected(spent.error().context(id_.to_string()));
    }
  }
  co_return Result<void>();
}

}  // namespace penstock::log
