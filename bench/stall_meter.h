// StallMeter: a reactor around a shard's own, which counts the times at which the event loop stood
// still for more than a millisecond.
//
// Each poll first submits without waiting, and is timed; only then it waits, if there is nothing to
// run. So a submission that blocks is told from a wait for the device, and every submission is watched,
// at the price of one system call more for each wait.
//
// Ownership: the reactor inside outlives it. Threading: the shard's thread.
#pragma once

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "task/scheduler.h"

namespace penstock::bench {

struct Stalls {
  std::uint64_t turns = 0;
  // Longer than StallMeter::kStall:
  std::uint64_t by_storage = 0;  // inside a submission
  std::uint64_t by_code = 0;     // between two polls
  std::uint64_t by_neighbour =
      0;  // in either, while another thread had the core: says nothing about us
  std::chrono::nanoseconds longest_submission{};
  std::chrono::nanoseconds longest_turn{};
};

class StallMeter final : public Reactor {
 public:
  static constexpr std::chrono::milliseconds kStall{1};

  explicit StallMeter(Reactor& inside) : inside_(inside) {}

  // The scheduler that polls this reactor. Before the first poll().
  void watch(Scheduler& scheduler) { scheduler_ = &scheduler; }

  void poll(Duration max_wait) override {
    const auto submitting_from = Clock::now();
    if (turn_from_ != Clock::time_point()) note_turn(submitting_from - turn_from_);
    inside_.poll(Duration::zero());
    const auto submitted_at = Clock::now();
    note_submission(submitted_at - submitting_from);
    turn_from_ = submitted_at;
    // The first poll may have taken the wake-up that the second would wait for.
    const bool was_woken = woken_.exchange(false, std::memory_order_seq_cst);
    if (max_wait == Duration::zero() || was_woken || scheduler_->has_ready()) return;
    inside_.poll(max_wait);
    preemptions_ = preemptions();
    turn_from_ = Clock::now();
  }
  void wake() override {
    woken_.store(true, std::memory_order_seq_cst);
    inside_.wake();
  }

  // From now on; setting up counts for nothing.
  void reset() {
    stalls_ = {};
    turn_from_ = {};
  }
  const Stalls& stalls() const { return stalls_; }

 private:
  using Clock = std::chrono::steady_clock;

  static long preemptions() {
    rusage usage;
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
  }

  void note_turn(std::chrono::nanoseconds took) {
    ++stalls_.turns;
    if (took > stalls_.longest_turn) stalls_.longest_turn = took;
    if (took > kStall) ++(was_preempted() ? stalls_.by_neighbour : stalls_.by_code);
  }
  void note_submission(std::chrono::nanoseconds took) {
    if (took > stalls_.longest_submission) stalls_.longest_submission = took;
    if (took > kStall) ++(was_preempted() ? stalls_.by_neighbour : stalls_.by_storage);
  }
  bool was_preempted() {
    const long before = preemptions_;
    preemptions_ = preemptions();
    return preemptions_ != before;
  }

  Reactor& inside_;
  Scheduler* scheduler_ = nullptr;
  std::atomic<bool> woken_{false};
  Clock::time_point turn_from_;
  long preemptions_ = 0;
  Stalls stalls_;
};

}  // namespace penstock::bench
