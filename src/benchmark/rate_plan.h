// RatePlan: when each message of an open loop is due.
//
// Threading: a plain value.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>

namespace penstock::benchmark {

struct RatePlan {
  double per_second = 0;  // on average; above 0
  // 1: evenly. More: in the first second of every four at so many times the rate (at most 4), in the
  // others at what is left.
  double burst = 1;

  // The `number`th (from 0), since the start.
  std::chrono::nanoseconds due(std::uint64_t number) const {
    constexpr double kCycleSeconds = 4;
    const double per_cycle = per_second * kCycleSeconds;
    const double cycles = std::floor(static_cast<double>(number) / per_cycle);
    const double within = static_cast<double>(number) - cycles * per_cycle;
    const double in_burst = per_second * burst;
    double seconds = within / in_burst;
    if (within > in_burst)
      seconds = 1 + (within - in_burst) / (per_cycle - in_burst) * (kCycleSeconds - 1);
    return std::chrono::nanoseconds(std::llround((cycles * kCycleSeconds + seconds) * 1e9));
  }
};

}  // namespace penstock::benchmark
