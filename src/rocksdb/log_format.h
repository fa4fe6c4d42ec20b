// LogWalk: finds the end of the data in a file of RocksDB's log format that may have zeros behind it.
//
// The format (RocksDB, db/log_format.h): blocks of 32 KiB, in them records that do not cross blocks: a
// masked CRC-32C of all that follows it, a length of 2 bytes, a type, for recyclable types a log number
// of 4 bytes, then the payload. What does not fit is cut in fragments: first, middle, last. No record
// is all zeros in its header, and no record ends so that zeros behind it could belong to it.
//
// The data ends behind the last whole record (all of its fragments, each with a right checksum) in
// front of the first header that is all zeros, or of the first wrong record with a sector of zeros.
// What is cut off was never synced: a torn record, or what a power cut left behind a hole. Other damage
// in front of a right record stays where it is, for RocksDB to judge by its recovery mode.
//
// Threading: a plain value.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/units.h"

namespace penstock::rocksdb {

class LogWalk {
 public:
  static constexpr std::uint64_t kLogBlockBytes = 32 * kKiB;

  // Begins at `start`, a multiple of kLogBlockBytes; the data is known to reach to `end` at least.
  explicit LogWalk(FilePosition start = {}, FilePosition end = {});

  // The next block, shorter only where the file ends. False when the end has been found: no more then.
  bool add(ByteView block);

  FilePosition end() const { return end_; }

 private:
  FilePosition at_;
  FilePosition end_;
};

}  // namespace penstock::rocksdb
