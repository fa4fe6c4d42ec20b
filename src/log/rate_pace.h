// RatePace: background reading and writing no faster than a rate.
//
// Ownership: gate and scheduler must outlive it. Threading: the scheduler's, one caller at a time.
#pragma once

#include <cstdint>

#include "base/units.h"
#include "task/sync.h"

namespace penstock::log {

class RatePace {
 public:
  // From now on, `bytes_per_second` (at least 1). The work ends soon after `gate` was closed.
  RatePace(Scheduler& scheduler, const Gate& gate, std::uint64_t bytes_per_second);

  // Counts `bytes`, and sleeps while more have been counted than the rate allows until now. kClosed
  // when the gate is closed, whose closing is noticed within a second.
  Task<Result<void>> spend(std::uint64_t bytes);

 private:
  Scheduler& scheduler_;
  const Gate& gate_;
  std::uint64_t bytes_per_second_;
  Instant begin_;
  std::uint64_t spent_bytes_ = 0;
};

}  // namespace penstock::log
