// SegmentScanner: reads the entries of a segment file in order, and verifies each.
//
// The one reader of segment bytes: fetches, recovery, verification and dumps all go through it, so
// nothing that comes from the device is used before entry header and batch checksum have been checked.
//
// Ownership: the windows must outlive the scanner; the entries that it returns share their memory and
// outlive both. A copy goes its own way over the same windows. Threading: one caller at a time, on the
// disk's scheduler thread.
#pragma once

#include <algorithm>
#include <optional>

#include "log/format.h"
#include "log/segment_windows.h"

namespace penstock::log {

struct Entry {
  FilePosition position;
  EntryHeader header;
  BatchHeader batch_header;
  SharedSlice batch;

  FilePosition end() const { return position + header.entry_bytes(); }
  // Header and batch, which lie in one piece; valid as long as `batch` is.
  ByteView bytes() const { return {batch.data() - kEntryHeaderBytes, header.entry_bytes()}; }
};

class SegmentScanner {
 public:
  struct Range {
    FilePosition from;  // where an entry may start
    FilePosition to;    // nothing at or after this is read
  };

  SegmentScanner(Windows& windows, Salt salt, Range range,
                 EntryPlaces entry_places = EntryPlaces::kInCommits)
      : windows_(&windows),
        salt_(salt),
        entry_places_(entry_places),
        place_(range.from),
        to_(range.to) {}

  // The entry at place(), or nothing when no valid one starts there; then place() stays. Padding
  // between commits is stepped over. Errors: the device's.
  Task<Result<std::optional<Entry>>> next();

  // Looks behind place(), for at most `limit_bytes`, for a valid entry, wherever one may start; place()
  // moves behind the one that is found.
  Task<Result<std::optional<Entry>>> find_beyond_damage(std::uint64_t limit_bytes);

  // Where next() looks.
  FilePosition place() const { return place_; }

  // The next next() gives `entry` again, which was the last one.
  void go_back_to(const Entry& entry) { place_ = entry.position; }

  // The range ends at `to` now, because the segment has grown.
  void extend(FilePosition to) { to_ = std::max(to_, to); }

  // Memory that it keeps for the next entry.
  std::uint64_t held_bytes() const { return held_.size(); }

 private:
  Task<Result<std::optional<Entry>>> entry_at(FilePosition position);
  Task<Result<FilePosition>> next_candidate(FilePosition from, FilePosition limit);
  // [from, from + size_bytes), as far as the range and the file go.
  Task<Result<ByteView>> bytes_at(FilePosition from, std::uint64_t size_bytes);
  Task<Result<void>> hold(FilePosition from, std::uint64_t size_bytes);

  Windows* windows_;
  Salt salt_;
  EntryPlaces entry_places_;
  FilePosition place_;
  FilePosition to_;
  SharedSlice held_;  // a window, or an entry from several
  FilePosition held_start_;
};

}  // namespace penstock::log
