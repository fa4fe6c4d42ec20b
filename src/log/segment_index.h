// SegmentIndex: the sparse index of one segment, and what else must be known of it without reading it.
//
// One place per kIndexStrideBytes of log: enough to start reading at most that far before any offset or
// timestamp. It is built in memory from commits (or by a scan), and written beside the segment when
// that is sealed; a valid index file *is* the seal. It can always be rebuilt from the segment.
#pragma once

#include <optional>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "log/format.h"

namespace penstock::log {

inline constexpr std::uint64_t kIndexStrideBytes = 64 * kKiB;

// Acknowledged offsets that a scan could not read: [first, next), somewhere at or after `position`.
struct DamagedRange {
  Offset first;
  Offset next;
  FilePosition position;

  friend bool operator==(const DamagedRange&, const DamagedRange&) = default;
};

class SegmentIndex {
 public:
  struct Place {
    Offset offset;  // of the entry that starts at `position`
    FilePosition position;
    std::int64_t max_timestamp_ms = -1;  // of all entries before the next place
    friend bool operator==(const Place&, const Place&) = default;
  };

  // Notes an entry, in the order of the log. `force` makes a place of it even inside the stride.
  void note(const BatchHeader& batch, FilePosition position, bool force = false);

  // Where to start reading for `offset`: the last place at or before it. Nothing when it lies before
  // the first entry.
  std::optional<Place> find(Offset offset) const;

  // Where to start reading for the first entry whose timestamps reach `timestamp_ms`; nothing when none
  // does.
  std::optional<Place> find_time(std::int64_t timestamp_ms) const;

  // Of at most `place_count` places (at least one), evenly chosen, the first one among them. It finds
  // the same, from further in front.
  SegmentIndex thinned(std::size_t place_count) const;

  bool empty() const { return places_.empty(); }
  const std::vector<Place>& places() const { return places_; }
  std::int64_t max_timestamp_ms() const { return max_timestamp_ms_; }

  // As an index file and a checkpoint hold them; the number of places stands elsewhere.
  static constexpr std::size_t kPlaceBytes = 24;
  void encode_places(MutableBytes into) const;
  static SegmentIndex decode_places(ByteView from, std::size_t place_count,
                                    std::int64_t max_timestamp_ms);

 private:
  std::vector<Place> places_;
  std::int64_t max_timestamp_ms_ = -1;
};

// The contents of an index file (docs/format.md).
struct SealedIndex {
  std::uint64_t segment_number = 0;
  Salt salt = 0;  // of the segment that it belongs to
  Offset base_offset;
  Offset next_offset;
  FilePosition data_end;
  // What all entries take without the padding between them; 0 when that is not known.
  std::uint64_t entry_bytes = 0;
  SegmentIndex index;
  std::vector<DamagedRange> damaged;

  std::vector<std::byte> encode() const;
  // kCorrupt with the reason.
  static Result<SealedIndex> decode(ByteView file);
};

}  // namespace penstock::log
