// SegmentReader: reads the batches of one segment in order, one fetch after the other.
//
// Ownership: shares the segment, owns its windows; the batches that it returns outlive it. Threading:
// one caller at a time, on the partition's shard. Durability: reads nothing that is not durable.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>

#include "log/segment.h"
#include "log/segment_cache.h"
#include "log/segment_source.h"

namespace penstock::log {

// What a shard gives its readers; nothing of it is needed.
struct ReaderAids {
  Scheduler* scheduler = nullptr;  // others have their turn while much is being verified
  SegmentCache* cache = nullptr;   // is given what was verified
};

class SegmentReader {
 public:
  // Verifying that much takes some tens of microseconds; then others have their turn.
  static constexpr std::uint64_t kTurnBytes = 128 * kKiB;

  // Begins near the batch that contains `from`, which lies in the segment.
  SegmentReader(const SegmentRef& segment, std::unique_ptr<Windows> windows, Offset from,
                ReaderAids aids = {});
  SegmentReader(const SegmentReader&) = delete;
  SegmentReader& operator=(const SegmentReader&) = delete;

  // Reads whole batches, starting with the one that contains `from`, up to and excluding `below`.
  // kCorrupt, with path and offset, when a batch that should be there is damaged; what was read before
  // it is returned instead when there is any.
  Task<Result<Batches>> read(Offset from, Offset below, ReadLimits limits);

  // Where the next read() goes on; nothing when it cannot, behind damage or an error.
  std::optional<Offset> place() const;
  const Segment& segment() const { return *segment_; }
  // How far it is from the end of what is durable in its segment.
  std::uint64_t bytes_left() const {
    return segment_->data_end - std::min(scanner_.place(), segment_->data_end);
  }
  // Where the first read() will begin to read.
  FilePosition position() const { return scanner_.place(); }
  // Memory that it keeps beside its windows, at most.
  std::uint64_t held_bytes() const { return scanner_.held_bytes(); }

 private:
  SegmentReader(SegmentRef segment, std::unique_ptr<Windows> windows, SegmentIndex::Place start,
                ReaderAids aids);
  void count_verified(const Entry& entry);

  SegmentRef segment_;
  std::unique_ptr<Windows> windows_;
  SegmentScanner scanner_;
  Offset expected_;  // of the entry that the scanner stands in front of
  bool is_lost_ = false;
  Scheduler* scheduler_;
  std::optional<SegmentCache::Filler> filler_;
  std::uint64_t turn_bytes_ = 0;  // verified since others had their turn
};

// The window that fits a read on its own.
std::uint64_t single_window_bytes(const ReadLimits& limits);
// At most this.
inline constexpr std::uint64_t kLargestSingleWindowBytes = kMiB;

// One read on its own, through such a window.
Task<Result<Batches>> read_batches(SegmentRef segment, Offset from, Offset below, ReadLimits limits);
Task<Result<Batches>> read_batches(std::shared_ptr<SegmentSource> source, SegmentRef segment,
                                   Offset from, Offset below, ReadLimits limits, ReaderAids aids);

}  // namespace penstock::log
