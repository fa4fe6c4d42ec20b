// Reactor: where a scheduler waits when it has nothing to run.
//
// A reactor turns completions from outside (ring entries, ready sockets, virtual time) into coroutines
// that are ready to go on, by calling Scheduler::ready. Each scheduler has exactly one.
#pragma once

#include "task/clock.h"

namespace penstock {

class Reactor {
 public:
  static constexpr Duration kForever = Duration::max();

  virtual ~Reactor() = default;

  // Submits what has been queued, then readies the waiters of everything that has completed. If nothing
  // has, waits until something does, wake() is called, or `max_wait` has passed (zero: does not wait).
  // May return early with nothing done.
  virtual void poll(Duration max_wait) = 0;

  // Time spent so far in handing operations to the kernel, as far as that is measured; never goes back.
  virtual Duration submitting_time() const { return {}; }

  // Ends a poll() that waits, or makes the next one return at once. Any thread.
  virtual void wake() = 0;
};

}  // namespace penstock
