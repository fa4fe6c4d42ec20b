// LoopWatch: tells how often a scheduler's loop stood still, and whether storage was the cause.
//
// One turn is everything between two waits of the reactor: mail, ready coroutines, timers, and handing
// operations to the kernel. While it lasts nobody else on the thread is served, so a turn of more than
// a millisecond is a stall. Its cause is storage if handing over took as much by itself (a submission
// that the kernel did not queue but carried out, or blocked on); else it is our own work, or the
// machine's.
//
// Costs two looks at the clock per turn. Threading: the scheduler's thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "task/clock.h"

namespace penstock {

class LoopWatch {
 public:
  static constexpr Duration kStall = std::chrono::milliseconds(1);

  struct Cause {
    std::uint64_t stall_count = 0;
    Duration longest{};  // of all turns, also of those that are no stalls
  };
  struct Stats {
    std::uint64_t turn_count = 0;
    Cause storage;
    Cause other;
  };

  // A turn took `took` in all, of which `submitting` was spent in submissions.
  void note_turn(Duration took, Duration submitting) {
    ++stats_.turn_count;
    note(stats_.storage, submitting);
    // One cause for one turn: what storage has stalled is not counted twice.
    if (submitting <= kStall) note(stats_.other, took);
  }
  const Stats& stats() const { return stats_; }

 private:
  static void note(Cause& cause, Duration took) {
    cause.longest = std::max(cause.longest, took);
    if (took > kStall) ++cause.stall_count;
  }

  Stats stats_;
};

}  // namespace penstock
