// SegmentScanner: reads the entries of a segment file in order, and verifies each.
//
// The one reader of segment bytes: fetches, recovery, verification and dumps all go through it, so
// nothing that comes from the device is used before entry header and batch checksum have been checked.
//
// Ownership: the file must outlive the scanner; the entries that it returns share the read buffer and
// outlive both. Threading: one caller at a time, on the disk's scheduler thread.
#pragma once

#include <optional>

#include "disk/disk.h"
#include "log/format.h"

namespace penstock::log {

struct Entry {
  FilePosition position;
  EntryHeader header;
  BatchHeader batch_header;
  SharedSlice batch;

  FilePosition end() const { return position + header.entry_bytes(); }
};

class SegmentScanner {
 public:
  struct Range {
    FilePosition from;  // where an entry may start
    FilePosition to;    // nothing at or after this is read
  };

  // `window_bytes` is read at a time, more only for an entry that is larger.
  SegmentScanner(File& file, Salt salt, Range range, std::uint64_t window_bytes);

  // The entry at place(), or nothing when no valid one starts there; then place() stays. Padding
  // between commits is stepped over. Errors: the device's.
  Task<Result<std::optional<Entry>>> next();

  // Looks block by block behind place(), for at most `limit_bytes`, for a valid entry; place() moves
  // behind the one that is found.
  Task<Result<std::optional<Entry>>> find_beyond_damage(std::uint64_t limit_bytes);

  // Where next() looks.
  FilePosition place() const { return place_; }

 private:
  Task<Result<std::optional<Entry>>> entry_at(FilePosition position);
  // Makes the window hold [from, from + size_bytes), as far as the range and the file go.
  Task<Result<ByteView>> bytes_at(FilePosition from, std::uint64_t size_bytes);

  File& file_;
  Salt salt_;
  FilePosition place_;
  FilePosition to_;
  std::uint64_t window_bytes_;
  SharedSlice window_;
  FilePosition window_start_;
};

}  // namespace penstock::log
