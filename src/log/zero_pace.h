// ZeroPace: when the zeros that prepare segments may go to the device, so that commits do not notice.
//
// A durable commit ends in a flush of the device, which takes along whatever was written there since
// the last one. So zeros go out in small chunks, no faster than a rate, and between commits. How long
// that may take is bounded: a ZeroDemand says how much of a file is due by now, and what is due is not
// held back. When somebody waits for the file, all of it is due.
//
// Ownership: a shard's segment pool owns the pace, which outlives demands and those who wait.
// Threading: the shard's scheduler.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/units.h"
#include "log/commit_gaps.h"

namespace penstock::log {

class ZeroDemand;

class ZeroPace {
 public:
  // Ahead of need. Small, because a commit that comes in the meantime is late by the time that it
  // takes: 32 KiB hardly show in the 99th percentile, 64 KiB do at times (docs/benchmarks.md).
  static constexpr std::uint64_t kChunkBytes = 32 * kKiB;
  // When somebody waits, or so much is due: large enough for the device's full speed with one at a
  // time.
  static constexpr std::uint64_t kRushChunkBytes = 512 * kKiB;
  // A gap between commits counts from here on: a producer that waits for each acknowledgement sends the
  // next batch within less, and would find the device at work for somebody else every time.
  static constexpr Duration kQuiet = std::chrono::microseconds(100);
  // The longest that commits hold a chunk back. With commits of 100 us one after the other, one in a
  // hundred then meets zeros that nobody needs yet, so the 99th percentile does not; and a file of
  // 4 MiB is still ready after 1.3 s.
  static constexpr Duration kLongestHold = std::chrono::milliseconds(10);

  // The rate is of chunks ahead of need; 0: as fast as the device and the commits allow. `gaps` must
  // outlive it.
  ZeroPace(Scheduler& scheduler, CommitGaps& gaps, std::uint64_t bytes_per_second)
      : scheduler_(scheduler), gaps_(gaps), bytes_per_second_(bytes_per_second) {}
  ZeroPace(const ZeroPace&) = delete;
  ZeroPace& operator=(const ZeroPace&) = delete;

  // Waits until the next zeros may be written to a file of `size_bytes`, of which `filled_bytes` have
  // been; returns how many, at most. kClosed when the demand was abandoned.
  Task<Result<std::uint64_t>> next_chunk(const ZeroDemand& demand, std::uint64_t filled_bytes,
                                         std::uint64_t size_bytes);

 private:
  friend class ZeroDemand;
  Duration interval() const;

  Scheduler& scheduler_;
  CommitGaps& gaps_;
  std::uint64_t bytes_per_second_;
  // When the rate allows the next chunk ahead of need. What goes in need is not counted: files in need
  // would run up a debt for the others.
  Instant ahead_from_;
};

// How urgently the zeros of one file are wanted. Its owner changes it while the file is being filled.
class ZeroDemand {
 public:
  explicit ZeroDemand(ZeroPace& pace) : pace_(pace) {}
  ZeroDemand(const ZeroDemand&) = delete;
  ZeroDemand& operator=(const ZeroDemand&) = delete;

  // This share of the file, 0 to 1, ought to be filled by now.
  void raise_to(double due_share);
  // Somebody waits for the file.
  void rush();
  // Nobody wants the file any more.
  void abandon();
  // Begins again, for another file.
  void reset();

 private:
  friend class ZeroPace;

  ZeroPace& pace_;
  double due_share_ = 0;
  bool is_awaited_ = false;
  bool is_abandoned_ = false;
};

}  // namespace penstock::log
