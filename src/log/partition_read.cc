// Reading: by offset and by time.

#include <algorithm>

#include "log/partition.h"

namespace penstock::log {

namespace {

// What is searched lies within a stride of the place where it begins.
constexpr std::uint64_t kTimeSearchBytes = 2 * kIndexStrideBytes;

}  // namespace

Task<Result<Batches>> Partition::read(Offset from, ReadLimits limits) {
  auto hold = gate_.enter();
  if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  if (from < marks_.log_start || from > marks_.high_watermark) {
    co_return fail(ErrorCode::kOutOfRange, "{}: offset {} is outside of {} to {}", id_.to_string(),
                   from, marks_.log_start, marks_.high_watermark);
  }
  if (from == marks_.high_watermark) co_return Batches();
  if (from >= marks_.durable_end) co_return read_unpersisted(from, limits);
  if (auto recent = tail_.read(from, limits)) {
    if (context_.catch_up != nullptr) context_.catch_up->drop(directory_, from);
    ++context_.stats->tail_reads;
    context_.stats->tail_read_bytes += recent->size_bytes;
    co_return std::move(*recent);
  }
  const SegmentRef segment = segment_of(from);
  if (!segment || from >= segment->next_offset) {
    co_return fail(ErrorCode::kCorrupt,
                   "{}: offset {} is in a segment that is missing or was set aside", id_.to_string(),
                   from);
  }
  auto found = co_await read_from_device(segment, from, limits);
  // Whoever reads ahead may have read an unfinished block before it was written again.
  const bool may_be_stale = !found && segment->header.entry_places == EntryPlaces::kAnywhere;
  if (may_be_stale) found = co_await read_batches(segment, from, marks_.high_watermark, limits);
  if (found) {
    ++context_.stats->device_reads;
    context_.stats->device_read_bytes += found->size_bytes;
  } else {
    note_damage(found.error());
  }
  co_return found;
}

Task<Result<Batches>> Partition::read_from_device(SegmentRef segment, Offset from, ReadLimits limits) {
  if (context_.catch_up == nullptr) {
    return read_batches(std::move(segment), from, marks_.high_watermark, limits);
  }
  CatchUp::Stretch stretch;
  const auto place = std::ranges::find(segments_, segment);
  const bool has_next = place != segments_.end() && std::next(place) != segments_.end();
  if (has_next) stretch.next = *std::next(place);
  stretch.segment = std::move(segment);
  return context_.catch_up->read(std::move(stretch), from, marks_.high_watermark, limits, background_);
}

// The segment's file on the device, for whoever looks at it in passing.
std::shared_ptr<File> Partition::open_at_pace(const SegmentRef& segment) {
  if (context_.catch_up == nullptr) return segment->file;
  return context_.catch_up->open(segment, background_, CatchUp::From::kDevice);
}

SegmentRef Partition::segment_of(Offset offset) const {
  const auto after = std::ranges::upper_bound(segments_, offset, {},
                                              [](const SegmentRef& s) { return s->base_offset; });
  if (after == segments_.begin()) return nullptr;
  return *std::prev(after);
}

// One segment after the other as they are when it is their turn: what becomes durable meanwhile is
// found there, and only what is not durable in the end is looked for in memory.
Task<Result<std::optional<SharedSlice>>> Partition::find_time(std::int64_t timestamp_ms) {
  auto hold = gate_.enter();
  if (!hold) co_return fail(ErrorCode::kClosed, "{} is closed", id_.to_string());
  std::uint64_t last_number = 0;
  while (true) {
    const auto next = std::ranges::find_if(segments_, [&](const SegmentRef& segment) {
      return segment->header.number > last_number && segment->index.find_time(timestamp_ms);
    });
    if (next == segments_.end()) co_return find_time_unpersisted(timestamp_ms);
    const SegmentRef segment = share(*next);
    const Offset end = segment->next_offset;
    auto found = co_await find_time_in(segment, timestamp_ms);
    if (!found || *found) co_return found;
    // What came to it meanwhile is looked at as well.
    if (segment->next_offset == end) last_number = segment->header.number;
  }
}

Task<Result<std::optional<SharedSlice>>> Partition::find_time_in(SegmentRef segment,
                                                                 std::int64_t timestamp_ms) {
  const auto place = segment->index.find_time(timestamp_ms);
  PENSTOCK_ASSERT(place.has_value(), "the segment has a place to begin at");
  const std::shared_ptr<File> file = open_at_pace(segment);
  FileWindows windows(*file, kTimeSearchBytes);
  SegmentScanner scanner = segment->scanner(windows, place->position);
  Offset expected = place->offset;
  const Offset end = segment->next_offset;
  while (expected < end) {
    auto entry = co_await read_expected(scanner, *segment, expected, expected);
    if (!entry) co_return Unexpected(entry.error());
    const bool is_kept = entry->batch_header.next_offset() > marks_.log_start;
    if (is_kept && entry->batch_header.max_timestamp_ms >= timestamp_ms) {
      co_return std::optional<SharedSlice>(std::move(entry->batch));
    }
    expected = entry->batch_header.next_offset();
  }
  co_return std::optional<SharedSlice>();
}

void Partition::note_damage(const Error& error) {
  if (error.code() != ErrorCode::kCorrupt || reported_damage_ == error.message()) return;
  reported_damage_ = error.message();
  ++context_.stats->damage_findings;
  report(Reporter::Severity::kError, "damage: " + error.message());
}

}  // namespace penstock::log
