// ReadAhead: one reader's way through a file, with the next windows already on their way.
//
// It belongs to a reader, not to a file: two readers of one file do not disturb each other. Access
// counts as sequential from the second touch on; then windows of 64 KiB, doubling up to 2 MiB, are read
// ahead, two in flight beside the one being used, and dropped once they have been passed. A seek resets
// it: reads after that fetch what was asked for and no more, until they are sequential again.
//
// Ownership: shares the file with its reads in flight, which keep their own memory. It may be destroyed
// with windows in flight: they end as tasks of the scheduler, so scheduler and disk must outlive them.
// Memory: the windows in use and ahead, one more that a seek may need while reads it left behind are
// still in flight, and at most two spare ones; slices that were handed out keep theirs. Threading: the
// disk's scheduler thread, one caller at a time (asserted); slices may be dropped on any thread.
// Durability: none of its business.
#pragma once

#include <cstdint>
#include <memory>

#include "base/units.h"
#include "disk/disk.h"
#include "task/scheduler.h"

namespace penstock::file {

struct ReadAheadOptions {
  // Both in whole blocks, at most kMaxReadBytes (asserted).
  std::uint64_t window_bytes_min = 64 * kKiB;
  std::uint64_t window_bytes_max = 2 * kMiB;
  // Windows on their way beside the one in use.
  std::size_t windows_in_flight = 2;
  // Of those that read on, many stop soon: so many windows are read only when they are needed before
  // others are on their way beside them.
  std::size_t windows_alone = 0;
  // Who knows that it will read on starts at the largest window at once.
  bool sequential_from_start = false;
  // Nothing at or behind this is read ahead.
  FilePosition end{UINT64_MAX};
};

// Counters since creation, for metrics and tests.
struct ReadAheadStats {
  std::uint64_t windows_read = 0;
  std::uint64_t bytes_read = 0;            // from the device
  std::uint64_t bytes_dropped_unused = 0;  // read ahead, and then a seek came
  std::uint64_t resets = 0;
};

class ReadAhead {
 public:
  // The most that one read() may ask for.
  static constexpr std::uint64_t kMaxReadBytes = 256 * kMiB;

  ReadAhead(Scheduler& scheduler, std::shared_ptr<File> file, ReadAheadOptions options = {});
  ReadAhead(ReadAhead&&) noexcept;
  ReadAhead& operator=(ReadAhead&&) noexcept;
  ~ReadAhead();

  // The bytes [from, from + size_bytes), fewer at the end of the file. They share the window's memory
  // when they lie within one window, else they are a copy; either way they stay valid as long as the
  // slice. Errors: kIo, of the window that holds the first missing byte; a later call tries again.
  // kTooLarge above kMaxReadBytes.
  Task<Result<SharedSlice>> read(FilePosition from, std::size_t size_bytes);

  // Whatever is there at `from`, without a copy: at least one byte unless the file ends, and at most
  // one window. The way to scan.
  Task<Result<SharedSlice>> next(FilePosition from);

  // Starts the read of the first window, at `from`, where the first call is going to begin, and
  // returns. Before any other call.
  void prepare(FilePosition from);

  // Changes ReadAheadOptions::end: the file's contents have grown. What the last block in front of the
  // old end held must not change.
  void set_end(FilePosition end);

  const ReadAheadStats& stats() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::file
