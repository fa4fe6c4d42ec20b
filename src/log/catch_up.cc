#include "log/catch_up.h"

#include <algorithm>
#include <utility>

namespace penstock::log {

namespace {

constexpr std::uint64_t kSmallestSingleBytes = kLargestSingleWindowBytes;

std::uint64_t single_read_bytes(const CatchUpOptions& options) {
  return std::clamp(options.memory_bytes, kSmallestSingleBytes, CatchUp::kSingleReadBytes);
}

std::size_t cursors_for(const CatchUpOptions& options) {
  const std::uint64_t left =
      options.memory_bytes - std::min(options.memory_bytes, CatchUp::kSingleReadBytes);
  return left / CatchUp::kCursorBytes;
}

}  // namespace

CatchUp::CatchUp(Scheduler& scheduler, CommitGaps& gaps, CatchUpOptions options)
    : scheduler_(scheduler),
      options_(options),
      pace_(scheduler, gaps),
      single_bytes_(scheduler, static_cast<std::int64_t>(single_read_bytes(options))),
      max_cursors_(cursors_for(options)) {}

CatchUp::~CatchUp() {
  PENSTOCK_ASSERT(cursor_count() == 0, "a shard's partitions end before what they read with");
}

Result<void> CatchUp::start() {
  if (options_.cache_bytes == 0) return {};
  auto made = SegmentCache::create(scheduler_, options_.cache_bytes);
  if (!made) return Unexpected(made.error().context("make the cache of a shard's reads"));
  cache_ = std::move(*made);
  return {};
}

Task<Result<Batches>> CatchUp::read(Stretch stretch, Offset from, Offset below, ReadLimits limits,
                                    Gate& in_flight) {
  const SegmentRef segment = stretch.segment;
  auto found = co_await read_as_can_be(std::move(stretch), from, below, limits, in_flight);
  const bool is_damaged = !found && found.error().code() == ErrorCode::kCorrupt;
  if (!is_damaged || cache_ == nullptr) co_return found;
  // What is in memory may have been damaged there. The device has the last word.
  cache_->forget(*segment);
  co_return co_await read_once(segment, from, below, limits, open(segment, in_flight, From::kDevice));
}

Task<Result<Batches>> CatchUp::read_as_can_be(Stretch stretch, Offset from, Offset below,
                                              ReadLimits limits, Gate& in_flight) {
  std::optional<Cursor> cursor = take(stretch.segment, from, in_flight);
  if (!cursor) {
    ++stats_.without;
    co_return co_await read_once(stretch.segment, from, below, limits,
                                 open(stretch.segment, in_flight, From::kCache));
  }
  ++in_use_count_;
  read_on(*cursor, stretch.next, in_flight);
  auto found = co_await cursor->reader->read(from, below, limits);
  --in_use_count_;
  const SegmentReader& reader = *cursor->reader;
  const bool goes_on = reader.place() && reader.held_bytes() <= kHeldBytes && !reader.segment().removed;
  if (goes_on) {
    if (cursor->next && cursor->next->segment().removed) cursor->next.reset();
    read_on(*cursor, stretch.next, in_flight);
    cursor->last_used = scheduler_.now();
    idle_.push_back(std::move(*cursor));
  }
  co_return found;
}

Task<Result<Batches>> CatchUp::read_once(SegmentRef segment, Offset from, Offset below,
                                         ReadLimits limits, std::shared_ptr<SegmentSource> source) {
  const auto bytes = static_cast<std::int64_t>(single_window_bytes(limits));
  co_await single_bytes_.acquire(bytes);
  auto found =
      co_await read_batches(std::move(source), std::move(segment), from, below, limits, aids());
  single_bytes_.release(bytes);
  co_return found;
}

std::shared_ptr<SegmentSource> CatchUp::open(SegmentRef segment, Gate& in_flight, From from) {
  auto hold = in_flight.enter();
  PENSTOCK_ASSERT(hold.has_value(),
                  "a partition's reads end before the gate of its reads ahead closes");
  SegmentCache* const cache = from == From::kCache ? cache_.get() : nullptr;
  return std::make_shared<SegmentSource>(std::move(segment), in_flight, std::move(*hold), pace_, cache);
}

std::unique_ptr<SegmentReader> CatchUp::open_reader(const SegmentRef& segment, Offset from,
                                                    Gate& in_flight, AheadWindows::Start start,
                                                    bool is_prepared) {
  auto windows =
      std::make_unique<AheadWindows>(scheduler_, open(segment, in_flight, From::kCache), start);
  AheadWindows& ahead = *windows;
  auto reader = std::make_unique<SegmentReader>(segment, std::move(windows), from, aids());
  if (is_prepared) ahead.prepare(reader->position(), segment->data_end);
  return reader;
}

// The next segment is begun before its first byte is asked for.
void CatchUp::read_on(Cursor& cursor, const SegmentRef& next, Gate& in_flight) {
  const SegmentReader& reader = *cursor.reader;
  const bool is_wanted = next && !cursor.next && !next->removed && !next->empty() &&
                         next->base_offset == reader.segment().next_offset &&
                         reader.bytes_left() <= kBoundaryBytes;
  if (!is_wanted) return;
  cursor.next = open_reader(next, next->base_offset, in_flight, AheadWindows::Start::kReadOn,
                            /*is_prepared=*/true);
}

// The cursor for a fetch at `from`, which is the caller's now; nothing when there is no room for it.
std::optional<CatchUp::Cursor> CatchUp::take(const SegmentRef& segment, Offset from, Gate& in_flight) {
  const auto place = std::ranges::find_if(
      idle_, [&](const Cursor& cursor) { return cursor.stands_at(segment->directory, from); });
  if (place != idle_.end()) {
    ++stats_.continued;
    Cursor cursor = std::move(*place);
    idle_.erase(place);
    if (&cursor.reader->segment() == segment.get()) return cursor;
    cursor.reader = std::move(cursor.next);
    if (cursor.reader && &cursor.reader->segment() == segment.get()) {
      ++stats_.crossed;
    } else {
      cursor.reader = open_reader(segment, from, in_flight, AheadWindows::Start::kReadOn,
                                  /*is_prepared=*/false);
    }
    return cursor;
  }
  if (!make_room()) return std::nullopt;
  ++stats_.opened;
  Cursor cursor;
  cursor.reader = open_reader(segment, from, in_flight, AheadWindows::Start::kTry,
                              /*is_prepared=*/false);
  return cursor;
}

bool CatchUp::make_room() {
  if (cursor_count() < max_cursors_) return true;
  if (idle_.empty() || scheduler_.now() - idle_.front().last_used < kIdleMin) return false;
  idle_.pop_front();
  return true;
}

void CatchUp::drop(std::string_view directory, Offset place) {
  std::erase_if(idle_, [&](const Cursor& cursor) { return cursor.stands_at(directory, place); });
}

void CatchUp::drop_all(std::string_view directory) {
  std::erase_if(idle_,
                [&](const Cursor& cursor) { return cursor.reader->segment().directory == directory; });
}

void CatchUp::drop_removed() {
  for (Cursor& cursor : idle_) {
    if (cursor.next && cursor.next->segment().removed) cursor.next.reset();
  }
  std::erase_if(idle_, [](const Cursor& cursor) { return cursor.reader->segment().removed; });
}

}  // namespace penstock::log
