// Deadline: a timer for the earliest of the moments that it was given.
//
// Ownership: cancelled when it is destroyed. Threading: the scheduler's.
#pragma once

#include <functional>
#include <utility>

#include "task/scheduler.h"

namespace penstock::group {

class Deadline final : public Scheduler::Timer {
 public:
  Deadline(Scheduler& scheduler, std::function<void()> on_time)
      : Timer(scheduler), on_time_(std::move(on_time)) {}

  // It is on time at `when`, unless it already is earlier.
  void start_by(Instant when) {
    if (is_running() && when_ <= when) return;
    cancel();
    when_ = when;
    start(when);
  }

 private:
  void fire() override { on_time_(); }

  std::function<void()> on_time_;
  Instant when_ = Instant::kNever;
};

}  // namespace penstock::group
