// ReadPace: old data is read in the gaps between commits.
//
// Who reads what is no longer in memory (consumers far behind, scrubbing, a search by time) can wait;
// who waits for a commit, or for what has just been committed, should not notice. A device serves what
// is in flight side by side, so while commits come, one piece of old data at a time is read per shard,
// and it starts when no commit is in flight. If there is no such gap it is held back for a bounded
// time. When no commits come, reads go out whole, and as many at a time as there are readers.
//
// Ownership: a shard owns it; `gaps` and the files must outlive their reads. Threading: the shard's
// scheduler, any number of reads at a time; pieces take turns in the order of asking.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/units.h"
#include "disk/disk.h"
#include "log/commit_gaps.h"
#include "task/sync.h"

namespace penstock::log {

class ReadPace {
 public:
  // A commit that comes while a piece is being read is late by what is left of it: as small as the
  // chunks of zeros, for the same reason (zero_pace.h).
  static constexpr std::uint64_t kPieceBytes = 32 * kKiB;
  // Where commits take longer, larger ones hardly show: so much for each microsecond of a commit is a
  // tenth of it on a device that reads 1 GB/s. Up to this, which is what a reader asks for at a time.
  static constexpr std::uint64_t kPieceBytesPerCommitMicrosecond = 100;
  static constexpr std::uint64_t kLargestPieceBytes = 512 * kKiB;
  // The longest that commits hold a piece back. With commits of 100 us one after the other, one in a
  // hundred then meets a piece.
  static constexpr Duration kLongestHold = std::chrono::milliseconds(10);
  // So long after the last commit, nobody is expected to commit soon.
  static constexpr Duration kQuietAfter = std::chrono::seconds(1);

  ReadPace(Scheduler& scheduler, CommitGaps& gaps)
      : scheduler_(scheduler), gaps_(gaps), turn_(scheduler, 1) {}
  ReadPace(const ReadPace&) = delete;
  ReadPace& operator=(const ReadPace&) = delete;

  // Fills `into` (whole blocks, at a block's address, which stay until this returns) from `file`;
  // returns how many bytes, fewer only at the end of the file. Errors: the device's; kClosed, soon
  // after `owner` has been closed.
  Task<Result<std::size_t>> read(File& file, FilePosition from, MutableBytes into, const Gate& owner);

  // What one piece has now.
  std::uint64_t piece_bytes() const;

 private:
  Task<Result<std::size_t>> read_piece(File& file, FilePosition from, MutableBytes into);
  Task<void> wait_for_gap();

  Scheduler& scheduler_;
  CommitGaps& gaps_;
  Semaphore turn_;
};

}  // namespace penstock::log
