#include "log/segment_reader.h"

#include <algorithm>
#include <utility>

namespace penstock::log {

namespace {

// A fetch of a few messages should not read a megabyte, nor a large one in many small steps.
constexpr std::uint64_t kSmallestWindowBytes = 2 * kIndexStrideBytes;

SegmentIndex::Place start_for(const Segment& segment, Offset from) {
  return segment.index.find(from).value_or(SegmentIndex::Place{segment.base_offset, kFirstCommit});
}

}  // namespace

SegmentReader::SegmentReader(const SegmentRef& segment, std::unique_ptr<Windows> windows, Offset from,
                             ReaderAids aids)
    : SegmentReader(segment, std::move(windows), start_for(*segment, from), aids) {}

SegmentReader::SegmentReader(SegmentRef segment, std::unique_ptr<Windows> windows,
                             SegmentIndex::Place start, ReaderAids aids)
    : segment_(std::move(segment)),
      windows_(std::move(windows)),
      scanner_(segment_->scanner(*windows_, start.position)),
      expected_(start.offset),
      scheduler_(aids.scheduler) {
  if (aids.cache != nullptr) filler_.emplace(*aids.cache, segment_);
}

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
    count_verified(*entry);
    if (scheduler_ != nullptr && turn_bytes_ >= kTurnBytes) {
      turn_bytes_ = 0;
      co_await scheduler_->yield();
    }
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

void SegmentReader::count_verified(const Entry& entry) {
  turn_bytes_ += entry.header.entry_bytes();
  if (!filler_) return;
  const BatchHeader& batch = entry.batch_header;
  filler_->add(entry.position, entry.bytes(), batch.base_offset, batch.next_offset());
}

std::optional<Offset> SegmentReader::place() const {
  if (is_lost_) return std::nullopt;
  return expected_;
}

std::uint64_t single_window_bytes(const ReadLimits& limits) {
  return std::clamp(limits.max_bytes + kIndexStrideBytes, kSmallestWindowBytes,
                    kLargestSingleWindowBytes);
}

Task<Result<Batches>> read_batches(SegmentRef segment, Offset from, Offset below, ReadLimits limits) {
  auto windows = std::make_unique<FileWindows>(*segment->file, single_window_bytes(limits));
  SegmentReader reader(segment, std::move(windows), from);
  co_return co_await reader.read(from, below, limits);
}

Task<Result<Batches>> read_batches(std::shared_ptr<SegmentSource> source, SegmentRef segment,
                                   Offset from, Offset below, ReadLimits limits, ReaderAids aids) {
  auto windows = std::make_unique<FileWindows>(*source, single_window_bytes(limits));
  SegmentReader reader(segment, std::move(windows), from, aids);
  co_return co_await reader.read(from, below, limits);
}

}  // namespace penstock::log
