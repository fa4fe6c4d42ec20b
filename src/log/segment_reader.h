// SegmentReader: reads the batches of one segment in order, one fetch after the other.
//
// Ownership: shares the segment, owns its windows; the batches that it returns outlive it. Threading:
// one caller at a time, on the partition's shard. Durability: reads nothing that is not durable.
#pragma once

#include <memory>
#include <optional>

#include "log/segment.h"

namespace penstock::log {

class SegmentReader {
 public:
  // Begins near the batch that contains `from`, which lies in the segment.
  SegmentReader(const SegmentRef& segment, std::unique_ptr<Windows> windows, Offset from);
  SegmentReader(const SegmentReader&) = delete;
  SegmentReader& operator=(const SegmentReader&) = delete;

  // Reads whole batches, starting with the one that contains `from`, up to and excluding `below`.
  // kCorrupt, with path and offset, when a batch that should be there is damaged; what was read before
  // it is returned instead when there is any.
  Task<Result<Batches>> read(Offset from, Offset below, ReadLimits limits);

  // Where the next read() goes on; nothing when it cannot, behind damage or an error.
  std::optional<Offset> place() const;
  const Segment& segment() const { return *segment_; }
  // Memory that it keeps beside its windows, at most.
  std::uint64_t held_bytes() const { return scanner_.held_bytes(); }

 private:
  SegmentReader(SegmentRef segment, std::unique_ptr<Windows> windows, SegmentIndex::Place start);

  SegmentRef segment_;
  std::unique_ptr<Windows> windows_;
  SegmentScanner scanner_;
  Offset expected_;  // of the entry that the scanner stands in front of
  bool is_lost_ = false;
};

// One read on its own, through a window that fits it.
Task<Result<Batches>> read_batches(SegmentRef segment, Offset from, Offset below, ReadLimits limits);

}  // namespace penstock::log
