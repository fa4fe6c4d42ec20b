// Checkpoint: up to where an active segment need not be scanned after a crash.
//
// It lies behind the header in one of the two header blocks, in turns, so that one that is torn leaves
// the one before. It states only what was durable when it was written, and with that it also vouches
// for it: where a scan finds less, that is damage. docs/format.md is the specification.
//
// Threading: a plain value. Durability: nobody waits for it; an older one, or none, only means a longer
// scan.
#pragma once

#include <optional>

#include "log/format.h"
#include "log/segment_index.h"

namespace penstock::log {

struct Checkpoint {
  // Its place in a header block, which it fills.
  static constexpr std::size_t kAt = 512;
  // What of an index there is room for.
  static constexpr std::size_t kPlacesMax = 140;

  std::uint64_t number = 0;           // 1, 2, ... in a segment
  Offset base_offset;                 // of the segment's first entry
  Offset next_offset;                 // after the last entry in front of it
  FilePosition data_end;              // where that entry ends
  std::uint64_t commit_sequence = 0;  // that entry's
  std::uint64_t entry_bytes = 0;      // of all entries in front of it, without padding
  SegmentIndex index;                 // of at most kPlacesMax places

  // Which of the two copies of the header it lies behind.
  FilePosition block() const { return kHeaderCopies[number % std::size(kHeaderCopies)]; }

  void encode(MutableBytes block, Salt salt) const;
  // Nothing when there is none, or it is damaged, or another segment's.
  static std::optional<Checkpoint> decode(ByteView block, Salt salt);
};

}  // namespace penstock::log
