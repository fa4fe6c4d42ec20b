#include "log/catch_up.h"

#include <algorithm>
#include <utility>

namespace penstock::log {

namespace {

// What a read in flight needs: the file, that its segment is seen to be in use, and the partition.
struct OpenSegment {
  SegmentRef segment;
  std::shared_ptr<File> file;
  Gate::Hold hold;
};

std::unique_ptr<SegmentReader> open_reader(Scheduler& scheduler, const SegmentRef& segment, Offset from,
                                           Gate& in_flight, AheadWindows::Start start) {
  auto hold = in_flight.enter();
  PENSTOCK_ASSERT(hold.has_value(),
                  "a partition's reads end before the gate of its reads ahead closes");
  auto open = std::make_shared<OpenSegment>(segment, segment->file, std::move(*hold));
  std::shared_ptr<File> file(open, open->file.get());
  auto windows = std::make_unique<AheadWindows>(scheduler, std::move(file), start);
  return std::make_unique<SegmentReader>(segment, std::move(windows), from);
}

}  // namespace

CatchUp::~CatchUp() {
  PENSTOCK_ASSERT(cursor_count() == 0, "a shard's partitions end before what they read with");
}

Task<Result<Batches>> CatchUp::read(SegmentRef segment, Offset from, Offset below, ReadLimits limits,
                                    Gate& in_flight) {
  std::optional<Cursor> cursor = take(segment, from, in_flight);
  if (!cursor) {
    ++stats_.without;
    co_return co_await read_batches(std::move(segment), from, below, limits);
  }
  ++in_use_count_;
  auto found = co_await cursor->reader->read(from, below, limits);
  --in_use_count_;
  const SegmentReader& reader = *cursor->reader;
  const bool goes_on = reader.place() && reader.held_bytes() <= kHeldBytes && !reader.segment().removed;
  if (goes_on) {
    cursor->last_used = scheduler_.now();
    idle_.push_back(std::move(*cursor));
  }
  co_return found;
}

// The cursor for a fetch at `from`, which is the caller's now; nothing when there is no room for it.
std::optional<CatchUp::Cursor> CatchUp::take(const SegmentRef& segment, Offset from, Gate& in_flight) {
  const auto place = std::ranges::find_if(
      idle_, [&](const Cursor& cursor) { return cursor.stands_at(segment->directory, from); });
  if (place != idle_.end()) {
    ++stats_.continued;
    Cursor cursor = std::move(*place);
    idle_.erase(place);
    if (&cursor.reader->segment() != segment.get()) {
      cursor.reader = open_reader(scheduler_, segment, from, in_flight, AheadWindows::Start::kReadOn);
    }
    return cursor;
  }
  if (!make_room()) return std::nullopt;
  ++stats_.opened;
  return Cursor{open_reader(scheduler_, segment, from, in_flight, AheadWindows::Start::kTry), {}};
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
  std::erase_if(idle_, [](const Cursor& cursor) { return cursor.reader->segment().removed; });
}

}  // namespace penstock::log
