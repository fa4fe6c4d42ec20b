// SimReactor: waiting, in virtual time.
//
// Nothing happens outside of a simulation, so a scheduler that would wait for its next timer has the
// clock moved there instead. Two conditions can only be bugs, and abort with a message: a wait without
// end (every coroutine waits for another one: a deadlock) and turns without end at one instant
// (coroutines that wait for time to pass by yielding: a livelock).
//
// Ownership: the clock must outlive it. Threading: everything on the one thread of the simulation; only
// wake() may come from elsewhere.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/assert.h"
#include "task/clock.h"
#include "task/reactor.h"

namespace penstock {

class SimReactor final : public Reactor {
 public:
  explicit SimReactor(ManualClock& clock) : clock_(clock) {}

  void poll(Duration max_wait) override {
    if (woken_.exchange(false)) return;
    if (max_wait == Duration::zero()) {
      ++turns_at_this_instant_;
      PENSTOCK_ASSERT(turns_at_this_instant_ < kMaxTurnsAtOneInstant,
                      "livelock: the simulation runs and runs and no time passes");
      return;
    }
    PENSTOCK_ASSERT(max_wait != kForever,
                    "deadlock: every coroutine of the simulation waits for another");
    turns_at_this_instant_ = 0;
    clock_.advance(max_wait);
  }

  void wake() override { woken_.store(true); }

 private:
  static constexpr std::uint64_t kMaxTurnsAtOneInstant = 50'000'000;

  ManualClock& clock_;
  std::atomic<bool> woken_{false};
  std::uint64_t turns_at_this_instant_ = 0;
};

}  // namespace penstock
