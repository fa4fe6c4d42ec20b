#include "log/segment_reader.h"

#include <algorithm>
#include <utility>

namespace penstock::log {

namespace {

// A fetch of a few messages should not read a megabyte, nor a large one in many small steps.
constexpr std::uint64_t kSmallestWindowBytes = 2 * kIndexStrideBytes;
constexpr std::uint64_t kLargestWindowBytes = kMiB;

SegmentIndex::Place start_for(const Segment& segment, Offset from) {
  return segment.index.find(from).value_or(SegmentIndex::Place{segment.base_offset, kFirstCommit});
}

}  // namespace

SegmentReader::SegmentReader(const SegmentRef& segment, std::unique_ptr<Windows> windows, Offset from)
    : SegmentReader(segment, std::move(windows), start_for(*segment, from)) {}

SegmentReader::SegmentReader(SegmentRef segment, std::unique_ptr<Windows> windows,
                             SegmentIndex::Place start)
    : segment_(std::move(segment)),
      windows_(std::move(windows)),
      scanner_(segment_->scanner(*windows_, start.position)),
      expected_(start.offset) {}

Task<Result<Batches>> SegmentReader::read(Offset from, Offset below, ReadLimits limits) {
  Batches found;
  scanner_.extend(segment_->data_end);
  const Offset end = std::min(below, segment_->next_offset);
  // When the limit is met exactly, nothing more is read just to see that it does not fit.
  const auto is_full = [&] { return !found.batches.empty() && found.size_bytes >= limits.max_bytes; };
  while (expected_ < end && !is_full()) {
    auto entry = co_await read_expected(scanner_, *segment_, expected_, std::max(expected_, from));
    if (!entry) {
      is_lost_ = true;
      const bool is_damage = entry.error().code() == ErrorCode::kCorrupt;
      if (is_damage && !found.batches.empty()) break;
      co_return Unexpected(entry.error());
    }
    const BatchHeader& batch = entry->batch_header;
    expected_ = batch.next_offset();
    if (expected_ <= from) continue;
    const bool fits = found.size_bytes + batch.total_bytes <= limits.max_bytes;
    if (!fits && !(found.batches.empty() && limits.at_least_one)) {
      scanner_.go_back_to(*entry);
      expected_ = batch.base_offset;
      break;
    }
    found.size_bytes += batch.total_bytes;
    found.batches.push_back(std::move(entry->batch));
  }
  co_return found;
}

std::optional<Offset> SegmentReader::place() const {
  if (is_lost_) return std::nullopt;
  return expected_;
}

Task<Result<Batches>> read_batches(SegmentRef segment, Offset from, Offset below, ReadLimits limits) {
  const std::uint64_t window_bytes =
      std::clamp(limits.max_bytes + kIndexStrideBytes, kSmallestWindowBytes, kLargestWindowBytes);
  auto windows = std::make_unique<FileWindows>(*segment->file, window_bytes);
  SegmentReader reader(segment, std::move(windows), from);
  co_return co_await reader.read(from, below, limits);
}

}  // namespace penstock::log
